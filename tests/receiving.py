"""Somebody else's system that is posted to: it keeps what it hears, and answers as a test says."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Receiver:
    """What it heard (path, headers, body), and what it answers: 204 where nothing is said."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


class _Ear(BaseHTTPRequestHandler):
    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status = receiver.answers.pop(0) if receiver.answers else 204
        self.send_response(status)
        if status in {301, 302, 307, 308}:
            self.send_header("Location", f"{receiver.url}/elsewhere")
        self.end_headers()

    def log_message(self, *_args):
        """Say nothing on the console."""


@contextmanager
def listening() -> Iterator[Receiver]:
    """Run it on a free port of this machine."""
    with HTTPServer(("127.0.0.1", 0), _Ear) as server:
        server.receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server.receiver
        server.shutdown()
        thread.join()
