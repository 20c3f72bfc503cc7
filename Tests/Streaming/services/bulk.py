"""A local service on threads for bodies of gigabytes, hashed on the way: `GET /bytes?size=N&framing=F` makes them, `POST /sink`
takes them, `GET /made` says what the last one made was. Blocking sockets, because those and hashlib cost Python little."""

import json
import socketserver
from urllib.parse import parse_qsl, urlsplit

from support.blocks import Hash, read_body, send_blocks

made = {}


class Handler(socketserver.StreamRequestHandler):
    rbufsize = 1 << 20
    disable_nagle_algorithm = True

    def handle(self):
        while line := self.rfile.readline():
            fields = {}
            while (field := self.rfile.readline()) not in (b"\r\n", b""):
                name, value = field.decode().strip().split(": ", 1)
                fields[name.lower()] = value
            target = urlsplit(line.split()[1].decode())
            getattr(self, target.path.strip("/"))(fields, dict(parse_qsl(target.query)))

    def bytes(self, fields, query):
        size = int(query["size"])
        is_chunked = query["framing"] == "chunked"
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
        self.request.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        made["sha256"] = send_blocks(self.request, size, is_chunked)

    def sink(self, fields, query):
        digest = Hash()
        length = fields.get("content-length")
        read_body(self.rfile, length and int(length), digest.update)
        self.reply({"sha256": digest.text, "bytes": digest.count})

    def made(self, fields, query):
        self.reply(made)

    def reply(self, value):
        body = json.dumps(value).encode()
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
