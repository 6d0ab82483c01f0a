"""Sending messages over HTTP: to https addresses, or to this machine. Redirects are not followed."""

import http.client
from urllib.parse import urlsplit

from research.sums.messages import LONGEST
from research.sums.plan import Party, is_private

SECONDS = 10


class NoAnswer(Exception):
    """Whoever was asked did not answer, or with something else than an answer."""


def send(to: Party, raw: bytes) -> tuple[int, bytes]:
    """Return status and text of the answer to a message. Raises NoAnswer."""
    return _asked(to, "POST", "/messages", raw)


def fetch(of: Party, path: str) -> tuple[int, bytes]:
    """Return status and text of what stands at a path. Raises NoAnswer."""
    return _asked(of, "GET", path, None)


def _asked(party: Party, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    if not is_private(party):
        raise NoAnswer(f"{party.name} has no https:// address.")
    parts = urlsplit(party.address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=SECONDS)
    try:
        connection.request(method, parts.path.rstrip("/") + path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST)
    except (OSError, http.client.HTTPException) as problem:
        raise NoAnswer(f"{party.name} did not answer ({type(problem).__name__}).") from problem
    finally:
        connection.close()
