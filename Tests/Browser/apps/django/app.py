"""Django's admin pages as they come, a form with a file, and an event stream."""

import os
import sys
import time
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    DEBUG=True, SECRET_KEY="not a secret", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.sqlite3"}},
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django.contrib.messages", "django.contrib.staticfiles"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.contrib.sessions.middleware.SessionMiddleware",
                "django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {"context_processors": [
        "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages"]}}],
    STATIC_URL="/static/", DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True)
django.setup()

from django.contrib import admin  # noqa: E402
from django.http import FileResponse, HttpResponse, HttpResponseRedirect, StreamingHttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402

KEPT = Path("kept.bin")


def files(request):
    if request.method == "POST":
        KEPT.write_bytes(request.FILES["file"].read())
        request.session["said"] = f"{KEPT.stat().st_size} bytes"
        return HttpResponseRedirect("/files/")
    return HttpResponse(f"""<!doctype html><title>Files</title><link rel="icon" href="data:,"><p>{request.session.get('said', '')}</p>
<form method="post" action="/files/" enctype="multipart/form-data"><input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">
<input type="file" name="file"><button>Upload</button></form> <a href="/files/kept">Download</a> <output id="ticks"></output>
<script>new EventSource('/ticks/').onmessage = event => {{ document.getElementById('ticks').textContent = 'tick ' + event.data; }};</script>""")


def ticks(request):
    def events():
        for number in range(300):
            yield f"data: {number}\n\n"
            time.sleep(0.1)

    return StreamingHttpResponse(events(), content_type="text/event-stream")


urlpatterns = [
    path("admin/", admin.site.urls), path("files/", files), path("ticks/", ticks),
    path("files/kept", lambda request: FileResponse(KEPT.open("rb"), as_attachment=True, filename="payload.bin"))]

if __name__ == "__main__":
    sys.modules["__main__"].__name__ = "__main__"
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User

    User.objects.create_superuser("root", "", "secret")
    call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False)
