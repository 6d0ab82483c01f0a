"""What a request of another system carries: read up to a bound, unpacked up to a bound, never written to disk."""

import zlib

from django.http import HttpRequest


class TooLarge(Exception):
    """More was sent, or came out of what was packed, than is taken at once."""


class Damaged(Exception):
    """What was sent as gzip is cut short, or is none."""


def read(request: HttpRequest, *, most: int) -> bytes:
    """Return the body, unpacked where it says that it is gzip. Raises TooLarge and Damaged."""
    body = request.read(most + 1)
    if len(body) > most:
        raise TooLarge
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        return unpacked(body, most=most)
    if encoding not in ("", "identity"):
        raise Damaged
    return body


def unpacked(packed: bytes, *, most: int) -> bytes:
    """Return what a gzip holds, stopped at the bound: a bomb never gets further. Raises TooLarge and Damaged."""
    opener = zlib.decompressobj(wbits=31)
    try:
        content = opener.decompress(packed, most + 1)
    except zlib.error:
        raise Damaged from None
    if len(content) > most or opener.unconsumed_tail:
        raise TooLarge
    if not opener.eof or opener.unused_data:
        raise Damaged
    return content
