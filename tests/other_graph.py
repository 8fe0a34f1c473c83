"""A second Graph, of a few lines and apart from the local cloud: what a large mail needs, and what it must keep to.

Written from https://learn.microsoft.com/graph/outlook-large-attachments alone.
"""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import serving

UPLOAD = "/upload?token=s3cret"
LARGEST_PIECE = 4_000_000


class OtherGraph(BaseHTTPRequestHandler):
    """Remembers on its server what came, and what broke a rule."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(200, {"value": []})

    def do_DELETE(self):
        self._answer(204)

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        graph = self.server
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            graph.broken.append(f"no token for {self.path}")
        if self.path.endswith("/createUploadSession"):
            graph.announced = json.loads(content)["AttachmentItem"]["size"]
            self._answer(201, {"uploadUrl": f"https://localhost:{graph.server_port}{UPLOAD}"})
        elif self.path.endswith("/messages"):
            self._answer(201, {"id": "draft"})
        elif self.path.endswith("/messages/draft/send"):
            graph.sent.append((graph.received, graph.digest.hexdigest()))
            self._answer(202)

    def do_PUT(self):
        graph, length = self.server, int(self.headers["Content-Length"])
        piece = self.rfile.read(length)
        first, last, total = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"]).groups())
        rules = {
            "an Authorization header": "Authorization" not in self.headers,
            "another URL": self.path == UPLOAD,
            "a piece out of order": first == graph.received,
            "a piece of another length": last - first + 1 == length == len(piece),
            "a piece that is too large": length < LARGEST_PIECE,
            "another size": total == graph.announced,
            "another content type": self.headers["Content-Type"] == "application/octet-stream",
        }
        graph.broken += [rule for rule, kept in rules.items() if not kept]
        graph.digest.update(piece)
        graph.received += length
        if graph.received == total:
            self._answer(201)
        else:
            self._answer(200, {"nextExpectedRanges": [f"{graph.received}-{total - 1}"]})

    def log_message(self, *_):
        """Says nothing."""

    def _answer(self, status, content=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def other_graph(folder):
    """One running, with its `url` and the `ca` to trust it by."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherGraph)
    server.received, server.announced, server.digest, server.sent, server.broken = 0, 0, hashlib.sha256(), [], []
    return serving(server, folder)
