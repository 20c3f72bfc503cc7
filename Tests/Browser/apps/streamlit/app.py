"""A text that is repeated, a file that is counted and given back."""

import streamlit

streamlit.title("Orders")
name = streamlit.text_input("Name")
if name:
    streamlit.write(f"Hello {name}")
file = streamlit.file_uploader("Upload")
if file:
    data = file.getvalue()
    streamlit.write(f"{len(data)} bytes")
    streamlit.download_button("Download", data, "payload.bin", "application/octet-stream")
