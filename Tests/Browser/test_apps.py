"""Real applications behind the gateway, each by path and by host name, each with and without a visitor token: the page comes without
an error, what is live on it lives, files go up and come down byte by byte, and all of it holds after a reload.

CI tries the small ones; `Tests/Browser/run --apps` tries all."""

import os

import pytest

from real_app import RealApp, Visit

WAYS = {
    "path": (False, None), "path-form": (False, "visitor-token"),
    "host": (True, None), "host-link": (True, "visitor-token")}
CHOSEN = [name for name in os.environ["APPS"].split(",") if name]  # Tests/Browser/run says which, and has installed them


@pytest.fixture(scope="module", params=CHOSEN)
def app(request, tmp_path_factory):
    app = RealApp(request.param, tmp_path_factory.mktemp(request.param))
    yield app
    app.stop()


@pytest.mark.parametrize("way", WAYS)
def test_an_application(app, way, browser, start_gateway, start_agent, tmp_path):
    by_host, token = WAYS[way]
    service = {"subdomainHost": "localhost", **({"authToken": token} if token else {})}
    gateway = start_gateway({"channels": {"webService": service}})
    start_agent(gateway, app.name, service=app.port)
    url = f"http://{app.name}.localhost:{gateway.port}/" if by_host else f"{gateway.url}/web/{app.name}/"
    visit = Visit(browser, app, url, way, tmp_path, token)
    try:
        app.steps.use(visit)
        visit.shoot()
        assert visit.problems() == []
    except BaseException:
        visit.shoot()
        print(f"the application says:\n{app.said()}\nthe page had: {visit.problems()}")
        raise
    finally:
        visit.tab.close()
