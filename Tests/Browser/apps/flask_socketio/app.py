"""A chat on Flask-SocketIO. The page speaks Engine.IO 4 itself: long polling first, then the upgrade to a WebSocket."""

import os

from flask import Flask, request, send_file
from flask_socketio import SocketIO, emit
import io

app = Flask(__name__)
app.secret_key = "not a secret"
sockets = SocketIO(app, async_mode="threading")
kept = {"file": b""}

PAGE = """<!doctype html><title>Chat</title><link rel="icon" href="data:,">
<form id="say"><input name="text" aria-label="Say"><button>Send</button></form><p id="by"></p><ul id="heard"></ul>
<form method="post" action="/file" enctype="multipart/form-data"><input type="file" name="file"><button>Upload</button></form>
<a href="/file">Download</a>
<script>
const base = '/socket.io/?EIO=4&t=' + Date.now() + '&transport=';  // nothing out of a cache
const by = text => { document.getElementById('by').textContent = text; };
const hear = packet => {
  const text = JSON.parse(packet.slice(2))[1];
  document.getElementById('heard').append(Object.assign(document.createElement('li'), { textContent: text }));
};
(async () => {
  const open = JSON.parse((await (await fetch(base + 'polling')).text()).slice(1));
  const polling = base + 'polling&sid=' + open.sid;
  const post = body => fetch(polling, { method: 'POST', body, headers: { 'Content-Type': 'text/plain;charset=UTF-8' } });
  await post('40');
  await (await fetch(polling)).text();
  await post('42["say","by polling"]');
  const polled = await (await fetch(polling)).text();
  polled.split('\\x1e').filter(packet => packet.startsWith('42')).forEach(hear);
  const socket = new WebSocket(location.origin.replace('http', 'ws') + base + 'websocket&sid=' + open.sid);
  socket.onopen = () => socket.send('2probe');
  socket.onmessage = async ({ data }) => {
    if (data === '3probe') { socket.send('5'); by('websocket'); } else if (data === '2') socket.send('3'); else if (data.startsWith('42')) hear(data);
  };
  document.getElementById('say').onsubmit = event => {
    event.preventDefault();
    socket.send('42' + JSON.stringify(['say', event.target.text.value]));
  };
})();
</script>"""


@app.get("/")
def page():
    return PAGE


@app.post("/file")
def put_file():
    kept["file"] = request.files["file"].read()
    return f'<!doctype html><title>Kept</title><link rel="icon" href="data:,"><p>{len(kept["file"])} bytes</p>'


@app.get("/file")
def get_file():
    return send_file(io.BytesIO(kept["file"]), mimetype="application/octet-stream", as_attachment=True, download_name="payload.bin")


@sockets.on("say")
def say(text):
    emit("heard", f"somebody says {text}", broadcast=True)


sockets.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), allow_unsafe_werkzeug=True)
