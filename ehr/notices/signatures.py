"""Signing what an institution's system is sent, by the Standard Webhooks specification (version 1, symmetric).

The receiver computes HMAC-SHA256 over `id.timestamp.body` with the secret it was given once, compares, and refuses
what is older than five minutes. Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import hashlib
import hmac
import os

PREFIX = "whsec_"
_SECRET_BYTES = 32  # the specification allows 24 to 64


def new_secret() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as people copy it: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(secret: bytes, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers. The id stays the same when a message is sent again; the timestamp, in s, does not."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{_signature(secret, message_id, timestamp, body)}",
    }


def _signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
