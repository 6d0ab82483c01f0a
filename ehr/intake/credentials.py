"""Secrets of systems and devices that may only write: shown once, kept as a digest."""

import hashlib
import secrets

_LABEL = b"write-token\x00"


def new_token(kind: str) -> tuple[str, bytes]:
    """Return a fresh token and its digest: 256 random bits, its kind in front so that a leaked one is recognised."""
    token = f"chartseal-{kind}-{secrets.token_urlsafe(32)}"
    return token, digest(token)


def digest(token: str) -> bytes:
    """Return the digest by which a token is found. So many random bits need no slow hash."""
    return hashlib.sha256(_LABEL + token.encode()).digest()


def bearer(header: str) -> str:
    """Return the token in an Authorization header, "" where there is none."""
    scheme, _space, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" and len(token) <= 200 else ""
