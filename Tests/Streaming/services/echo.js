// A WebSocket service on Node's ws. The path says what it does: /echo, /close, /abort, /ping; /seen tells what it saw of the
// connection whose `id` is asked for. services/echo.py does the same.
"use strict";

const { createServer } = require("http");
const { WebSocketServer } = require("ws");

const seen = new Map(); // id: {pings: [payload], close: [code, reason]}

const server = createServer((request, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({
  server,
  maxPayload: 32 << 20,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has("chat.v2") ? "chat.v2" : false),
});

const routes = {
  "/seen": (socket, query) => {
    socket.send(JSON.stringify(seen.get(query.get("id")) ?? {}));
    socket.close(1000);
  },
  "/echo": (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
  "/close": (socket, query) => socket.close(Number(query.get("code")), query.get("reason")),
  "/abort": (socket) => socket.on("message", () => socket.terminate()),
  "/ping": (socket) => {
    socket.on("pong", (payload) => socket.send(`pong: ${payload}`));
    socket.ping("are you there");
  },
};

sockets.on("connection", (socket, request) => {
  const url = new URL(request.url, "http://localhost");
  if (url.pathname !== "/seen") {
    const record = { pings: [], close: null };
    seen.set(url.searchParams.get("id"), record);
    socket.on("ping", (payload) => record.pings.push(payload.toString()));
    socket.on("close", (code, reason) => (record.close = [code, reason.toString()]));
  }
  socket.on("error", () => {});
  routes[url.pathname](socket, url.searchParams);
});

server.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => console.log(server.address().port));
