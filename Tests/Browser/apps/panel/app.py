"""Widgets of Panel; their values go over one WebSocket, files too."""

import io

import panel

panel.extension()
name = panel.widgets.TextInput(name="Name")
file = panel.widgets.FileInput()
panel.Column(
    name, panel.bind(lambda text: f"Hello {text}", name), file,
    panel.bind(lambda data: f"{len(data or b'')} bytes", file),
    panel.widgets.FileDownload(callback=lambda: io.BytesIO(file.value or b""), filename="payload.bin", auto=True, label="Download"),
).servable()
