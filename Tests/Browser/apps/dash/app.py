"""Callbacks of Dash, each a POST; one is called by a timer."""

import base64
import os

from dash import Dash, Input, Output, State, dcc, html

app = Dash(__name__, serve_locally=True)
app.layout = html.Div([
    dcc.Input(id="name", debounce=False), html.P(id="said"), dcc.Interval(id="clock", interval=300), html.P(id="ticks"),
    dcc.Upload("Upload", id="upload"), html.P(id="size"), html.Button("Download", id="button"), dcc.Download(id="download")])


@app.callback(Output("said", "children"), Input("name", "value"))
def say(name):
    return f"Hello {name or 'nobody'}"


@app.callback(Output("ticks", "children"), Input("clock", "n_intervals"))
def tick(count):
    return f"tick {count}"


@app.callback(Output("size", "children"), Input("upload", "contents"), prevent_initial_call=True)
def count(contents):
    return f"{len(base64.b64decode(contents.partition(',')[2]))} bytes"


@app.callback(Output("download", "data"), Input("button", "n_clicks"), State("upload", "contents"), prevent_initial_call=True)
def give(_, contents):
    return dcc.send_bytes(base64.b64decode(contents.partition(",")[2]), "payload.bin")


app.run(host="127.0.0.1", port=os.environ["PORT"], debug=False)
