"""Elements of NiceGUI."""

import os

from nicegui import ui

kept = {}


@ui.page("/")
def page():
    name = ui.input("Name")
    ui.label().bind_text_from(name, "value", lambda text: f"Hello {text}")

    async def keep(event):
        kept["file"] = await event.file.read()
        size.text = f"{len(kept['file'])} bytes"

    ui.upload(on_upload=keep, auto_upload=True)
    size = ui.label()
    ui.button("Download", on_click=lambda: ui.download(kept["file"], "payload.bin"))


ui.run(host="127.0.0.1", port=int(os.environ["PORT"]), show=False, reload=False)
