"""Gradio (Starlette): calls by POST, results as server-sent events."""

from real_app import PAYLOAD

QUICK = False
COMMAND = ["{bin}/python", "{home}/app.py"]
ENVIRONMENT = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": "gradio", "HF_HUB_OFFLINE": "1"}


def use(visit):
    page = visit.page
    visit.open()
    for round in range(2):
        page.get_by_label("Name").fill(f"{visit.way} {round}")
        page.get_by_label("Name").press("Enter")
        page.wait_for_function(
            "text => [...document.querySelectorAll('textarea, input')].some(box => box.value === text)", arg=f"Hello {visit.way} {round}")
        page.reload()
    page.locator("input[type=file]").first.set_input_files(visit.payload)
    page.wait_for_function(
        "text => [...document.querySelectorAll('textarea, input')].some(box => box.value === text)", arg=f"{len(PAYLOAD)} bytes")
    assert visit.saved(lambda: page.get_by_role("button", name="Download").click()) == PAYLOAD
