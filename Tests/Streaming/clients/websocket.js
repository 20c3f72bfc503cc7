// A visitor on Node's ws: does what it is told on standard input, a JSON array of orders, and prints an array of what it saw.
// An order: {url, host, protocols, deflate, sends: [{text | bytes, pieces}], ping, wait, close: [code, reason], terminate}.
"use strict";

const { createHash } = require("crypto");
const WebSocket = require("ws");

const hash = (data) => createHash("sha256").update(data).digest("hex");

/** The payload that Python makes of the same two numbers. */
function payload({ size, isText }) {
  const data = Buffer.alloc(size);
  for (let at = 0; at < size; at++) data[at] = isText ? 97 + (at % 26) : (at * 31) & 255;
  return data;
}

function send(socket, order) {
  const data = payload(order);
  const piece = Math.max(1, Math.ceil(data.length / order.pieces));
  for (let at = 0; at === 0 || at < data.length; at += piece) {
    socket.send(data.subarray(at, at + piece), { binary: !order.isText, fin: at + piece >= data.length });
  }
}

function visit(order) {
  return new Promise((resolve) => {
    const headers = order.host ? { Host: order.host } : {};
    const socket = new WebSocket(order.url, order.protocols ?? [], {
      headers, perMessageDeflate: order.deflate ? { threshold: 0 } : false, maxPayload: 32 << 20,
    });
    const saw = { messages: [], pongs: [], pings: [] };
    const sends = order.sends ?? [];
    const deadline = setTimeout(() => socket.terminate(), 60000);
    const act = () => {
      if (saw.messages.length < sends.length) return send(socket, sends[saw.messages.length]);
      if (saw.messages.length < (order.wait ?? 0)) return;
      if (order.ping !== undefined && saw.pongs.length === 0) return socket.ping(order.ping);
      if (order.terminate) return socket.terminate();
      if (order.close) return socket.close(...order.close);
    };
    socket.on("open", () => {
      saw.protocol = socket.protocol;
      saw.extensions = socket.extensions;
      act();
    });
    socket.on("message", (data, isBinary) => {
      const text = data.length < 1000 ? String(data) : null;
      saw.messages.push({ size: data.length, isText: !isBinary, sha256: hash(data), text });
      act();
    });
    socket.on("pong", (data) => { saw.pongs.push(String(data)); act(); });
    socket.on("ping", (data) => saw.pings.push(String(data)));
    socket.on("error", (error) => (saw.error = String(error)));
    socket.on("close", (code, reason) => {
      clearTimeout(deadline);
      resolve({ ...saw, close: [code, String(reason)] });
    });
  });
}

async function main() {
  let input = "";
  for await (const piece of process.stdin) input += piece;
  const saw = [];
  for (const order of JSON.parse(input)) saw.push(await visit(order));
  process.stdout.write(JSON.stringify(saw));
}

main();
