"""One encrypted file that cannot be cut, reordered or changed unnoticed, written and read in pieces.

Format, version 1: `CSBK` ‖ 0x01 ‖ salt (32 bytes), then pieces of at most 1 MiB of text, each AES-256-GCM under
HKDF-SHA256(key, salt) with the header as associated data. A piece's nonce is its number (11 bytes) and 1 for the
last piece, else 0: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (2015).
"""

import io
import os
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"CSBK\x01"
SALT_BYTES, TAG_BYTES = 32, 16
PIECE_BYTES = 1024 * 1024


class CannotOpen(Exception):
    """The file is not a backup, was changed or cut, or the key is another's."""


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    if len(key) != 32:
        raise ValueError(f"A backup key has 32 bytes, and this one has {len(key)}.")
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"chartseal backup 1").derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Writer(io.RawIOBase):
    """Takes text and writes it sealed to another file, which opens only once `finish` wrote the last piece."""

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        salt = os.urandom(SALT_BYTES)
        self._cipher, self._target = _cipher(key, salt), target
        self._header, self._pending, self._number = MAGIC + salt, bytearray(), 0
        target.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, text) -> int:
        self._pending += text
        while len(self._pending) > PIECE_BYTES:
            self._seal(bytes(self._pending[:PIECE_BYTES]), last=False)
            del self._pending[:PIECE_BYTES]
        return len(text)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last), piece, self._header))
        self._number += 1

    def finish(self) -> None:
        """Write the last piece. A writer that is closed without it leaves a file that nobody can open."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()


def open_into(source: BinaryIO, target: BinaryIO, key: bytes) -> None:
    """Write the text of a sealed file to another. Raises CannotOpen; what was written until then is not to be used."""
    header = source.read(len(MAGIC) + SALT_BYTES)
    if len(header) != len(MAGIC) + SALT_BYTES or not header.startswith(MAGIC):
        raise CannotOpen("This file is not a Chartseal backup.")
    cipher, number = _cipher(key, header[len(MAGIC) :]), 0
    piece = source.read(PIECE_BYTES + TAG_BYTES)
    while True:
        following = source.read(PIECE_BYTES + TAG_BYTES)
        try:
            target.write(cipher.decrypt(_nonce(number, not following), piece, header))
        except InvalidTag:
            raise CannotOpen(
                "This backup does not open: it was changed or cut short, or BACKUP_KEY is not the one it was made with."
            ) from None
        if not following:
            return
        piece, number = following, number + 1
