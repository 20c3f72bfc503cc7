"""FastAPI's own interactive page, with an endpoint of each kind; and a page with a WebSocket and an event stream."""

import asyncio
import os

import uvicorn
from fastapi import UploadFile, WebSocket, WebSocketDisconnect
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from fastapi_offline import FastAPIOffline  # the page's scripts from this machine and not from another

app = FastAPIOffline(title="Orders")
kept = {"file": b""}

PAGE = """<!doctype html><title>Live</title><link rel="icon" href="data:,">
<output id="echo"></output> <output id="ticks"></output>
<script>
const socket = new WebSocket(location.origin.replace('http', 'ws') + '/echo');
socket.onmessage = event => { document.getElementById('echo').textContent = event.data; };
socket.onopen = () => socket.send('hello');
new EventSource('/ticks').onmessage = event => { document.getElementById('ticks').textContent = 'tick ' + event.data; };
</script>"""


@app.get("/live", response_class=HTMLResponse)
def live():
    return PAGE


@app.websocket("/echo")
async def echo(socket: WebSocket):
    await socket.accept()
    try:
        while True:
            await socket.send_text("echo of " + await socket.receive_text())
    except WebSocketDisconnect:
        pass


@app.get("/ticks")
async def ticks():
    async def events():
        for number in range(1000):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.post("/file")
async def put_file(file: UploadFile):
    kept["file"] = await file.read()
    return {"bytes": len(kept["file"]), "name": file.filename}


@app.get("/file")
def get_file():
    return Response(kept["file"], media_type="application/octet-stream",
                    headers={"Content-Disposition": 'attachment; filename="payload.bin"'})


@app.get("/orders/{number}")
def order(number: int):
    return {"number": number, "twice": 2 * number}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="info")
