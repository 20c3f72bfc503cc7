"""Inputs and outputs of Shiny."""

from pathlib import Path

from shiny import App, reactive, render, ui

page = ui.page_fluid(
    ui.input_text("name", "Name"), ui.output_text("said"), ui.input_file("file", "Upload"), ui.output_text("size"),
    ui.download_button("back", "Download"), ui.output_text("ticks"))


def server(input, output, session):
    @render.text
    def said():
        return f"Hello {input.name()}"

    @render.text
    def size():
        return f"{input.file()[0]['size']} bytes" if input.file() else ""

    @render.download(filename="payload.bin")
    def back():
        yield Path(input.file()[0]["datapath"]).read_bytes()

    @render.text
    def ticks():
        reactive.invalidate_later(0.2)
        server.count = getattr(server, "count", 0) + 1
        return f"tick {server.count}"


app = App(page, server)
