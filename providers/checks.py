"""Asking an outside register whether a licence still stands.

The register is any HTTPS service that answers `GET CREDENTIAL_CHECK_URL?issuer=…&number=…` with a JSON object
`{"status": "valid" | "suspended" | "revoked" | "expired"}`. Nothing else is sent: no name, no role, no place.
"""

import json
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 10
_ANSWER_BYTES = 64 * 1024
_ANSWERS = frozenset({"valid", "suspended", "revoked", "expired"})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class NoAnswer(Exception):
    """The register could not be asked, or did not answer in its own terms. The text names the kind of failure only."""


@dataclass(frozen=True)
class Register:
    """One outside register, by its address."""

    url: str

    def ask(self, issuer: str, number: str) -> str:
        """Return valid, suspended, revoked or expired. Raises NoAnswer for anything else, redirects included."""
        try:
            reply = self._get(urlencode({"issuer": issuer, "number": number}))
            told = json.loads(reply)
        except (OSError, HTTPException, ValueError) as problem:
            raise NoAnswer(type(problem).__name__) from problem
        status = told.get("status") if isinstance(told, dict) else None
        if status not in _ANSWERS:
            raise NoAnswer("unknown-answer")
        return status

    def _get(self, query: str) -> bytes:
        address = urlsplit(self.url)
        if address.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(address.netloc, timeout=TIMEOUT_SECONDS)
        elif address.hostname in _LOOPBACK:
            connection = HTTPConnection(address.netloc, timeout=TIMEOUT_SECONDS)
        else:
            raise NoAnswer("not-https")
        with closing(connection):
            before = f"{address.query}&" if address.query else ""
            connection.request("GET", f"{address.path or '/'}?{before}{query}", headers={"Accept": "application/json"})
            reply = connection.getresponse()
            if reply.status != HTTPStatus.OK:
                raise NoAnswer(f"status-{reply.status}")
            return reply.read(_ANSWER_BYTES)
