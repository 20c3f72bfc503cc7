"""A function of a text, and one of a file. The theme's fonts would come from another host."""

import os

import gradio

with gradio.Blocks(analytics_enabled=False) as demo:
    name = gradio.Textbox(label="Name")
    said = gradio.Textbox(label="Said")
    name.submit(lambda text: f"Hello {text}", name, said)
    file = gradio.File(label="Upload")
    size = gradio.Textbox(label="Size")
    back = gradio.DownloadButton("Download")
    file.upload(lambda path: (f"{os.path.getsize(path)} bytes", path), file, [size, back])

demo.launch(server_name="127.0.0.1", server_port=int(os.environ["PORT"]), share=False, theme=gradio.themes.Base(
    font=["sans-serif"], font_mono=["monospace"]))
