"""MLLP: messages over a plain or TLS connection, framed by control characters, each answered on the same connection.

Who connects is known by address: one that no feed names is hung up on. What a connection may do is bounded: one message
at a time, of a largest size, within a time; an idle one is closed. Stopping lets every message that has come be stored
and answered, and takes no further one. Source: HL7 MLLP release 1.
"""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from .receiving import LARGEST_BYTES

logger = logging.getLogger(__name__)

START, END = b"\x0b", b"\x1c\r"

Attend = Callable[[bytes, str], list[bytes]]  # (message, address) → what is answered
Known = Callable[[str], bool]


@dataclass(frozen=True)
class Bounds:
    """How much one listener takes on."""

    largest: int = LARGEST_BYTES
    connections: int = 64
    threads: int = 4
    idle_seconds: float = 300.0
    message_seconds: float = 60.0  # for one message to come whole, once it has begun


class Listener:
    """Listens until it is told to stop. `attend` stores a message and returns its answers, on a thread of its own."""

    def __init__(self, *, attend: Attend, known: Known, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self._attend, self._known = attend, known
        self._stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(self.bounds.threads, thread_name_prefix="mllp")
        self._tasks: set[asyncio.Task] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Begin to listen; return the port. Raises OSError."""
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=self.bounds.largest + len(END), ssl=tls
        )
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no further message; return once all that came are answered."""
        self._stopping.set()
        if self._server is not None:
            self._server.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.bounds.message_seconds)
        for task in self._tasks:
            task.cancel()
        self._threads.shutdown(wait=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._welcomed(reader, writer)
        except (OSError, asyncio.IncompleteReadError) as problem:
            logger.info("A sender hung up (%s).", type(problem).__name__)
        finally:
            if task is not None:
                self._tasks.discard(task)
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()

    async def _welcomed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = plain_address(writer.get_extra_info("peername")[0])
        if len(self._tasks) > self.bounds.connections:
            logger.warning("Too many connections; one was closed.")
            return
        if not await self._in_thread(self._known, address):
            logger.warning("A connection from an address that no feed names was closed.")
            return
        while (content := await self._next(reader)) is not None:
            for answer in await self._in_thread(self._attend, content, address):
                writer.write(START + answer + END)
            await writer.drain()

    async def _in_thread(self, call: Callable, *args):
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def _next(self, reader: asyncio.StreamReader) -> bytes | None:
        """Return the next message; None where the connection is over: idle, ended, out of bounds, or time to stop."""
        try:
            first = await self._first(reader)
            if first != START:
                if first:
                    logger.warning("A connection that does not speak MLLP was closed.")
                return None
            whole = await asyncio.wait_for(reader.readuntil(END), self.bounds.message_seconds)
        except TimeoutError:
            logger.info("A connection was closed: nothing more came in time.")
            return None
        except asyncio.LimitOverrunError:
            logger.warning("A message was larger than is taken, and its connection closed.")
            return None
        return whole[: -len(END)]

    async def _first(self, reader: asyncio.StreamReader) -> bytes:
        """Return the first byte of the next frame; b"" at the end, or when it is time to stop."""
        deadline = asyncio.get_running_loop().time() + self.bounds.idle_seconds
        while not self._stopping.is_set():
            reading = asyncio.ensure_future(reader.read(1))
            stopping = asyncio.ensure_future(self._stopping.wait())
            left = deadline - asyncio.get_running_loop().time()
            done, _pending = await asyncio.wait(
                {reading, stopping}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED
            )
            for waiting in (reading, stopping):
                if waiting not in done:
                    waiting.cancel()
            if not done:
                raise TimeoutError
            if reading not in done:
                return b""
            if (byte := reading.result()) not in (b"\r", b"\n"):
                return byte
        return b""


def plain_address(text: str) -> str:
    """Return an address as feeds name it: one of IPv4 that came through IPv6 as IPv4, no scope."""
    at = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(at, "ipv4_mapped", None)
    return str(mapped or at)


def tls_context(certificate: str, key: str, *, clients: str = "") -> ssl.SSLContext:
    """Return how TLS is spoken: at least 1.2; with `clients`, only with whom one of these authorities vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if clients:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
