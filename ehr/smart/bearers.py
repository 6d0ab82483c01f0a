"""Codes, tokens and launch values: random, shown once, known here by their digest only."""

import hashlib
import re
import secrets

CODE, ACCESS, REFRESH, LAUNCH = "csc_", "csa_", "csr_", "csl_"  # so that scanners of source code find leaked ones
_BODY = re.compile(r"[A-Za-z0-9_-]{43}")


def new(prefix: str) -> str:
    """Return 256 random bits as text, after what says which kind it is."""
    return prefix + body()


def body() -> str:
    """Return 256 random bits as 43 characters."""
    return secrets.token_urlsafe(32)


def is_body(text: str) -> bool:
    """Tell whether a text has the form of one that `body` made."""
    return _BODY.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """Return the 32 bytes by which a secret is found; it does not follow from them."""
    return hashlib.sha256(secret.encode()).digest()
