"""Keyed digests: how a table can be matched against a value it does not hold."""

import hashlib
import hmac


def keyed(key: bytes, label: str, value: str) -> bytes:
    """Return the 32-byte HMAC-SHA256 of value under key, apart for each label."""
    return hmac.new(key, label.encode() + b"\x00" + value.encode(), hashlib.sha256).digest()


def joined(*parts: bytes) -> bytes:
    """Return parts with their lengths in front, so that no two lists of parts read the same."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])
