'use strict';
// A web service on Node's own http module: the two routes of the examples, and one route for each thing that a proxy can get wrong.
//
//     node service.js [port]        prints the port that it listens on, on 127.0.0.1
//
// /hold/NAME responds only after somebody asked for /release/NAME, so that a test decides how long a request is in flight;
// /held tells which names are waited for.
const http = require('http');
const zlib = require('zlib');

const held = new Map();       // name -> responses that wait
const released = new Set();   // names whose release came first

function json(res, value, status = 200) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(value));
}

function collect(req, done) {
  const pieces = [];
  req.on('data', (piece) => pieces.push(piece));
  req.on('end', () => done(Buffer.concat(pieces)));
}

// Everything about the request as it came, body apart.
function describe(req) {
  const { method, url, httpVersion, headers, rawHeaders } = req;
  return { method, url, httpVersion, headers, rawHeaders, remotePort: req.socket.remotePort };
}

const routes = {
  '/': (req, res) => { res.setHeader('content-type', 'text/html'); res.end('<a href="api/hello">hello</a>'); },
  '/api/hello': (req, res) => json(res, { message: 'Hello from Agent!' }),
  '/api/status': (req, res) => json(res, { ok: true, ts: Date.now() }),
  '/inspect': (req, res) => collect(req, (body) => json(res, { ...describe(req), bodyBytes: body.length })),
  // The body back, as it comes: neither side waits for the whole.
  '/echo': (req, res) => {
    const type = req.headers['content-type'] || 'application/octet-stream';
    const headers = { 'content-type': type, 'x-method': req.method };
    if (req.headers['content-length'] !== undefined) headers['content-length'] = req.headers['content-length'];
    res.writeHead(200, headers);
    req.pipe(res);
  },
  '/cookies': (req, res) => {
    res.setHeader('set-cookie', ['a=1; Path=/; HttpOnly', 'b=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT']);
    res.end('two cookies');
  },
  '/cached': (req, res) => {
    res.setHeader('etag', '"v1"');
    if (req.headers['if-none-match'] === '"v1"') { res.statusCode = 304; return res.end(); }
    res.end('fresh');
  },
  '/redirect': (req, res) => { res.writeHead(302, { location: '/api/hello?from=redirect' }); res.end(); },
  '/redirect/absolute': (req, res) => {
    res.writeHead(301, { location: `http://${req.headers.host}/api/hello` }); res.end();
  },
  '/redirect/elsewhere': (req, res) => { res.writeHead(307, { location: 'https://example.com/x?y' }); res.end(); },
  '/empty': (req, res) => { res.statusCode = 204; res.end(); },
  '/error': (req, res) => json(res, { error: 'on purpose' }, 500),
  '/forged': (req, res) => { res.setHeader('x-miagent-error', 'agent-offline'); res.end('mine'); },
  // Fields that a parser must not fold, drop or re-encode.
  '/odd-fields': (req, res) => {
    res.setHeader('x-latin1', Buffer.from('caf\u00e9', 'latin1').toString('latin1'));
    res.setHeader('x-empty', '');
    res.setHeader('x-long', 'y'.repeat(4000));
    res.end();
  },
  // No Content-Length: Node sends it in chunks.
  '/stream': (req, res, query) => {
    let left = Number(query.get('bytes'));
    const piece = Buffer.alloc(16384, 'abcdefghijklmnop');
    const more = () => {
      while (left > 0) {
        const count = Math.min(left, piece.length);
        left -= count;
        if (!res.write(piece.subarray(0, count))) return res.once('drain', more);
      }
      res.end();
    };
    more();
  },
  '/compressed': (req, res) => {
    const text = Buffer.from('the same line again and again\n'.repeat(2000));
    if (!/gzip/.test(req.headers['accept-encoding'] || '')) return res.end(text);
    res.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'text/plain' });
    res.end(zlib.gzipSync(text));
  },
  // One event now, the next when released: a proxy that collects bodies never shows the first.
  '/events': (req, res, query) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('data: first\n\n');
    hold(query.get('name'), { end: () => res.end('data: last\n\n') });
  },
  // Ends the connection after a response that did not say so: the next request must not be lost on it.
  '/last-words': (req, res) => {
    const { socket } = req;
    res.end('gone', () => socket.destroySoon());
  },
  '/early-hints': (req, res) => { res.writeEarlyHints({ link: '</style.css>; rel=preload' }); res.end('after the hints'); },
  '/trailers': (req, res) => {
    res.writeHead(200, { trailer: 'x-sum' });
    res.write('body');
    res.addTrailers({ 'x-sum': '42' });
    res.end();
  },
  '/received-trailers': (req, res) => collect(req, (body) => json(res, { body: body.toString(), trailers: req.trailers })),
  '/huge-head': (req, res) => { res.setHeader('x-huge', 'z'.repeat(200000)); res.end(); },
  '/break/before-head': (req, res) => res.socket.destroy(),
  '/break/in-body': (req, res) => {
    res.writeHead(200, { 'content-length': '1000' });
    res.write('half', () => res.socket.destroy());
  },
  '/held': (req, res) => json(res, [...held.keys()]),
};

function hold(name, res) {
  if (released.delete(name)) return res.end(`released ${name}`);
  held.set(name, [...(held.get(name) || []), res]);
}

function release(name) {
  const waiting = held.get(name);
  if (!waiting) { released.add(name); return 0; }
  held.delete(name);
  for (const res of waiting) res.end(`released ${name}`);
  return waiting.length;
}

const server = http.createServer((req, res) => {
  const [path, query] = req.url.split(/\?(.*)/s);
  const named = /^\/(hold|release)\/([\w.-]+)$/.exec(path);
  if (named && named[1] === 'hold') {
    req.resume();
    // Nobody waits any more: a test can see that leaving reaches the service.
    res.on('close', () => { if (!res.writableFinished) held.delete(named[2]); });
    return hold(named[2], res);
  }
  if (named) return json(res, { released: release(named[2]) });
  const route = routes[path];
  if (route) return route(req, res, new URLSearchParams(query));
  res.statusCode = 404;
  res.end('no such route');
});
server.requestTimeout = 0;
server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => console.log(server.address().port));
