"""An aggregator that listens: it hears messages, passes on its own, and closes when time is up.

`POST /messages` answers 204, 409 for what was said before, 400 for what it does not act on. `GET /state` tells how far
it is, `GET /result` the signed total once there is one. Shares are in this process's memory and nowhere else; who stops
it ends the sum. TLS is a reverse proxy's in front, as for the web server.
"""

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from research.sums import posting
from research.sums.aggregator import Aggregator, State
from research.sums.messages import LONGEST, Refused

_OVER = {State.DONE, State.GIVEN_UP}
RETRY = 0.2  # seconds
_READ_PAST = 8 * LONGEST  # bytes of a message that nobody hears
PATIENCE = 60  # seconds for other aggregators, once this one closed


class Server:
    """An aggregator behind an address. `stop` ends it; so does its being over, if nobody keeps it for the result."""

    def __init__(self, aggregator: Aggregator, host: str, port: int) -> None:
        self.aggregator = aggregator
        self._http = ThreadingHTTPServer((host, port), partial(_Handler, aggregator))
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self._listening = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._stopped = threading.Event()

    def run(self, *, keep: float, told: Callable[[str], object] = str) -> State:
        """Listen until it is over, and `keep` seconds more for those who fetch the result or still need its sum.

        Returns how it ended. `told` hears of each step.
        """
        self._listening.start()
        closes, last = time.monotonic() + self.aggregator.plan.seconds_open, ""
        waiting: list[tuple[str, bytes]] = []
        ends = None
        while not self._stopped.wait(RETRY / 4 if not waiting else RETRY):
            at, state = time.monotonic(), self.aggregator.state
            if state != last:
                told(f"{self.aggregator.name}: {state}")
                last = state
            if state is State.COLLECTING and at >= closes:
                self.aggregator.close()
            elif state not in _OVER and at >= closes + PATIENCE:
                self.aggregator.give_up("Another aggregator did not answer.")
            waiting = [one for one in (*waiting, *self.aggregator.outgoing()) if not self._sent(*one)]
            ends = ends or (at + keep if state in _OVER else None)
            if ends and at >= ends:
                break
        self._http.shutdown()
        self._http.server_close()
        return self.aggregator.state

    def stop(self) -> None:
        """End it now."""
        self._stopped.set()

    def _sent(self, name: str, raw: bytes) -> bool:
        """Tell whether another aggregator has a message: took it, or has it already."""
        other = self.aggregator.plan.aggregator(name)
        try:
            return other is not None and posting.send(other, raw)[0] in {204, 409}
        except posting.NoAnswer:
            return False


class _Handler(BaseHTTPRequestHandler):
    """One request. Nothing of it is written down here: what is heard is the senders'."""

    timeout = posting.SECONDS
    server_version, sys_version = "sums", ""

    def __init__(self, aggregator: Aggregator, *args: Any) -> None:
        self.aggregator = aggregator
        super().__init__(*args)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path == "/messages" and length.isdecimal() and int(length) <= LONGEST:
            self._hear(self.rfile.read(int(length)))
        else:
            self._answer(413 if self.path == "/messages" else 404)
            self._let_finish()

    def _let_finish(self) -> None:
        """Read past what will not be heard, so that who is still sending hears the answer and not a broken pipe."""
        past = 0
        with suppress(OSError):  # gone, or silent for too long
            self.connection.shutdown(socket.SHUT_WR)
            while past < _READ_PAST and (piece := self.rfile.read1(LONGEST)):
                past += len(piece)

    def _hear(self, raw: bytes) -> None:
        try:
            self.aggregator.hear(raw)
        except Refused as refusal:
            self._answer(409 if refusal.again else 400, _json({"told": str(refusal)}))
        else:
            self._answer(204)

    def do_GET(self) -> None:
        if self.path == "/state":
            self._answer(200, _json({"state": self.aggregator.state, "because": self.aggregator.because}))
        elif self.path == "/result" and (result := self.aggregator.result()) is not None:
            self._answer(200, result)
        else:
            self._answer(404)

    def _answer(self, status: int, raw: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_args: object) -> None:
        pass


def _json(body: dict[str, str]) -> bytes:
    return json.dumps(body).encode()
