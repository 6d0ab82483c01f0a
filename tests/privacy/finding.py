"""Finds words in bytes, however they were written: plain, UTF-16, base64, hex, quoted for addresses, packed."""

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import quote

DEEPEST = 3
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def spellings(marker: str | bytes) -> set[bytes]:
    """Return the byte strings that give a marker away, wherever in a longer text it stands."""
    if isinstance(marker, bytes):
        plain = {marker}
    else:
        cases = {marker, marker.lower(), marker.upper(), marker.casefold()}
        plain = {case.encode(encoding) for case in cases for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
        plain |= {quote(case).encode() for case in cases} | {quote(case, safe="").encode() for case in cases}
        plain |= {json.dumps(case)[1:-1].encode() for case in cases}
    coded = {one for text in plain for one in _coded(text)}
    return plain | coded


def _coded(text: bytes) -> Iterator[bytes]:
    yield text.hex().encode()
    yield text.hex().upper().encode()
    for before in range(3):
        # Inside a longer base64 a text can begin at any of three places; what its neighbours change is cut off.
        whole = base64.b64encode(b"\0" * before + text)
        start, end = -(-before * 8 // 6), (before + len(text)) * 8 // 6
        if end - start >= 8:
            yield whole[start:end]
            yield whole[start:end].replace(b"+", b"-").replace(b"/", b"_")


class Finder:
    """Looks for many markers at once."""

    def __init__(self, markers: dict[str, str | bytes]) -> None:
        self.sought = [(name, spelling) for name, marker in markers.items() for spelling in spellings(marker)]

    def find(self, blob: bytes, *, depth: int = 0) -> set[str]:
        """Return the names of the markers in a blob, unpacking what is packed in it."""
        found = {name for name, spelling in self.sought if spelling in blob}
        if depth < DEEPEST:
            for inner in layers(blob):
                found |= self.find(inner, depth=depth + 1)
        return found


def layers(blob: bytes) -> Iterator[bytes]:
    """Yield what is packed or coded somewhere in a blob."""
    yield from _unpacked(blob)
    for found in _BASE64.finditer(blob):
        text = found[0].replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        try:
            inner = base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
        # What base64 says plainly is among the spellings: only what is packed under it is new.
        yield from _unpacked(inner)
    for found in _HEX.finditer(blob):
        even = found[0][: len(found[0]) // 2 * 2]
        yield from _unpacked(bytes.fromhex(even.decode()))


def _unpacked(blob: bytes) -> Iterator[bytes]:
    for beginning in _PACKED:
        start = blob.find(beginning)
        while start >= 0:
            try:
                inner = zlib.decompressobj(wbits=47).decompress(blob[start:])
            except zlib.error:
                inner = b""
            if len(inner) > 8:
                yield inner
            start = blob.find(beginning, start + 1)


def find_all(finder: Finder, blobs: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
    """Return where each marker stands: name → places."""
    found: dict[str, set[str]] = {}
    known: dict[bytes, set[str]] = {}  # many cells of tables hold the same
    for place, blob in blobs:
        if blob not in known:
            known[blob] = finder.find(blob)
        for name in known[blob]:
            found.setdefault(name, set()).add(place)
    return found
