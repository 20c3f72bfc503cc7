import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    return (mo,)


@app.cell
def _(mo):
    name = mo.ui.text(label="Name")
    file = mo.ui.file(kind="area", label="Upload")
    mo.vstack([name, file])
    return file, name


@app.cell
def _(file, mo, name):
    said = mo.md(f"Hello {name.value}")
    size = mo.md(f"{len(file.contents() or b'')} bytes")
    mo.vstack([said, size, mo.download(data=file.contents() or b"", filename="payload.bin", label="Download")])
    return


if __name__ == "__main__":
    app.run()
