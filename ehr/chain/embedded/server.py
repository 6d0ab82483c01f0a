"""JSON-RPC over HTTP on loopback, and the thread that mines."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ehr.chain.embedded.node import Node
from ehr.chain.embedded.rpc import Methods
from ehr.chain.embedded.store import Store

logger = logging.getLogger(__name__)
LARGEST_REQUEST = 8 * 1024 * 1024


class Handler(BaseHTTPRequestHandler):
    """Answers POSTed JSON, single or batched, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    methods: Methods

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line for each request would drown the rest."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        # A page in a browser can post a form anywhere; it cannot post JSON here without asking first.
        if self.headers.get_content_type() != "application/json" or not 0 < length <= LARGEST_REQUEST:
            self.close_connection = True
            self._reply(415, b"")
            return
        try:
            asked = json.loads(self.rfile.read(length))
        except ValueError:
            self._reply(400, b"")
            return
        answer = [self.methods.answer(one) for one in asked] if isinstance(asked, list) else self.methods.answer(asked)
        self._reply(200, json.dumps(answer).encode())

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server:
    """A running embedded chain. `url` says where; `close` ends it."""

    def __init__(self, node: Node, *, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen on the port, a free one for 0. Raises OSError when it is taken."""
        self.node = node
        self._stop = threading.Event()
        self._handler: type[Handler] = type("BoundHandler", (Handler,), {"methods": Methods(node)})
        self._http = ThreadingHTTPServer((host, port), self._handler)
        self._http.daemon_threads = True
        self.url = f"http://{host}:{self._http.server_port}"
        self._miner = threading.Thread(target=node.mine_until, args=[self._stop], name="chain-miner", daemon=True)
        self._listener = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="chain-http", daemon=True
        )

    def start(self) -> None:
        self._miner.start()
        self._listener.start()

    def show(self, node: Node) -> None:
        """Answer from another node that mines at once; for tests, where a chain is replaced behind its address."""
        self.node = node
        self._handler.methods = Methods(node)

    def wait(self) -> None:
        """Return when the chain was told to stop."""
        self._stop.wait()

    def stop(self) -> None:
        """Ask it to stop; may be called from a signal handler."""
        self._stop.set()

    def close(self) -> None:
        """Stop listening and mining, and let go of the file."""
        self._stop.set()
        self._http.shutdown()
        self._http.server_close()
        self._listener.join()
        self._miner.join()
        self.node.store.close()


def start(path: Path | str, *, funded: list[str], port: int = 0, block_seconds: float = 1.0) -> Server:
    """Open the chain kept at path (or `:memory:`) and serve it."""
    server = Server(Node(Store(path), funded, block_seconds), port=port)
    server.start()
    return server
