"""How a message travels over the socket: four bytes of length, then JSON. One request, one answer, and it closes."""

import base64
import binascii
import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

LARGEST_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")


class Garbled(Exception):
    """What came is not a message: too large, cut off, or not the JSON it should be."""


def pack(message: Mapping[str, Any]) -> bytes:
    """Return a message as it is sent, without its length."""
    return json.dumps(message, separators=(",", ":")).encode()


def unpack(raw: bytes) -> dict[str, Any]:
    """Return the message that was sent. Raises Garbled."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise Garbled("A message is JSON.") from problem
    if not isinstance(message, dict):
        raise Garbled("A message is a JSON object.")
    return message


def text(raw: bytes) -> str:
    """Return bytes as a message carries them."""
    return base64.b64encode(raw).decode()


def raw(value: object) -> bytes:
    """Return the bytes that a message carries. Raises Garbled."""
    try:
        return base64.b64decode(str(value), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise Garbled("Bytes travel as base64.") from problem


def send(connection: socket.socket, message: bytes) -> None:
    """Send one message."""
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket, *, within: float) -> bytes:
    """Return one whole message that came within so many seconds. Raises Garbled, and OSError as the socket does."""
    deadline = time.monotonic() + within
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size, deadline))
    if length > LARGEST_BYTES:
        raise Garbled(f"A message of {length:,} bytes is more than the {LARGEST_BYTES:,} it may have.")
    return _exactly(connection, length, deadline)


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    """Read so many bytes. The deadline is for all of them: who sends a byte now and then gets no longer."""
    received = bytearray()
    while len(received) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The message did not come in time.")
        connection.settimeout(left)
        piece = connection.recv(count - len(received))
        if not piece:
            raise Garbled("The message was cut off.")
        received += piece
    return bytes(received)


def ask(path: str, message: bytes, *, within: float) -> bytes:
    """Return the answer to one message. Raises Garbled, and OSError where nobody listens or answers in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within)
        connection.connect(path)
        send(connection, message)
        return receive(connection, within=within)
