"""Calling an address somebody else chose: https, public addresses, no redirect, and never for long.

The name is resolved once; every address it has must be allowed, and the connection goes to one of these, so that a name
cannot point elsewhere between the look and the call. `post` keeps nothing of the answer but its status; `ask` returns
one that is short and comes in time.
"""

import http.client
import io
import ipaddress
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from socket import SOCK_STREAM, create_connection, getaddrinfo, socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

CONNECT_SECONDS = 3.0
MOST_ADDRESSES = 3
# To send all and get the answer's first line, however slowly it drips.
ANSWER_SECONDS = 5.0
_LONGEST_STATUS_LINE = 1024
_NAME = "Chartseal"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# 6to4 and Teredo: who carries the packet, and where to, is for others to say.
_TUNNELS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(Exception):
    """The address is none that this server posts to; the message is for whoever typed it."""


class Refused(Exception):
    """The other side answered, and did not accept."""


def check(url: str) -> SplitResult:
    """Return the parts of an address that may be posted to. Raises NotAllowed; says nothing of where a name leads."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise NotAllowed("not an address") from None
    if parts.scheme != "https" and not (settings.DEBUG and parts.scheme == "http"):
        raise NotAllowed("not https")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise NotAllowed("more than a host, a path and a query")
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return parts
    if not _is_allowed(literal):
        raise NotAllowed("an address inside")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post JSON. Returns when it was accepted (2xx); raises Refused for any other answer, NotAllowed, and OSError."""
    parts = check(url)
    connection = _Pinned(parts)
    try:
        connection.connect()
        connection.request(
            "POST",
            parts._replace(scheme="", netloc="").geturl() or "/",
            body=body,
            headers={"Content-Type": "application/json", "User-Agent": _NAME, "Connection": "close", **headers},
        )
        status = _status(connection.sock)
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Refused(str(status))


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the media type without its parameters in lower case, the headers, the body."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes


def ask(
    url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str], most: int, seconds: float
) -> Answer:
    """Return the answer, whatever its status, if it has at most so many bytes and is all there within so many seconds.

    Redirects are answers, too: they are not followed. Raises NotAllowed, Refused for what is no HTTP, too long or cut
    short, TimeoutError and other OSErrors.
    """
    parts = check(url)
    connection = _Pinned(parts)
    ends = time.monotonic() + seconds
    try:
        connection.connect()
        connection.request(
            method,
            parts._replace(scheme="", netloc="").geturl() or "/",
            body=body,
            headers={"User-Agent": _NAME, "Connection": "close", "Accept-Encoding": "identity", **headers},
        )
        # http.client asks a socket for nothing else than a file to read from.
        answer = http.client.HTTPResponse(_Timed(connection.sock, ends), method=method)  # type: ignore[arg-type]
        answer.begin()
        told = answer.read(most + 1)
    except http.client.HTTPException as problem:
        raise Refused("no HTTP") from problem
    finally:
        connection.close()
    if len(told) > most or answer.length:
        raise Refused("too long" if len(told) > most else "cut short")
    media_type = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
    return Answer(answer.status, media_type, answer.headers, told)


class _Timed(io.RawIOBase):
    """What comes over a socket, until a moment of the monotonic clock."""

    def __init__(self, sock: socket, ends: float) -> None:
        super().__init__()
        self._sock, self._ends = sock, ends

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, into) -> int:  # type: ignore[override]  # typeshed names the argument privately
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._sock.recv_into(into)


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was allowed when its name was resolved."""

    def __init__(self, parts: SplitResult) -> None:
        self._secure = parts.scheme == "https"
        self._name = parts.hostname or ""
        super().__init__(self._name, parts.port or (443 if self._secure else 80))

    def connect(self) -> None:
        raw = _reach(self._name, self.port)
        try:
            # Whatever the resolver, a proxy or a tunnel made of it: this is where the words would go.
            if not _is_allowed(ipaddress.ip_address(raw.getpeername()[0])):
                raise NotAllowed("an address inside")
            self.sock = _trusted().wrap_socket(raw, server_hostname=self._name) if self._secure else raw
            self.sock.settimeout(ANSWER_SECONDS)
        except BaseException:
            raw.close()
            raise


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reach(host: str, port: int) -> socket:
    """Return a connection to the first of a host's addresses that answers. Raises NotAllowed, and OSError."""
    problem: OSError = TimeoutError()
    for address in _resolve(host, port)[:MOST_ADDRESSES]:
        try:
            return create_connection((str(address), port), CONNECT_SECONDS)
        except OSError as failed:
            problem = failed
    raise problem


def _resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host. Raises NotAllowed when any of them is not allowed."""
    found = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in getaddrinfo(host, port, type=SOCK_STREAM))
    addresses = [ipaddress.ip_address(text) for text in found]
    if not all(_is_allowed(address) for address in addresses):
        raise NotAllowed("an address inside")
    return addresses


def _is_allowed(address: Address) -> bool:
    """Tell whether an address is out in public, or in a network that the operator named."""
    real = _behind(address)
    if any(real in ipaddress.ip_network(network) for network in settings.HOOK_NETWORKS):
        return True
    return real.is_global and not real.is_multicast and not any(real in network for network in _TUNNELS)


def _behind(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(address.packed[-4:])
        return address.ipv4_mapped or address
    return address


def _status(sock: socket) -> int:
    """Return the status of an answer, from its first line. Raises Refused for what is no HTTP, and TimeoutError."""
    ends, line = time.monotonic() + ANSWER_SECONDS, b""
    while b"\n" not in line and len(line) < _LONGEST_STATUS_LINE:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        more = sock.recv(_LONGEST_STATUS_LINE)
        if not more:
            break
        line += more
    version, _space, rest = line.partition(b"\n")[0].partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise Refused("no HTTP")
    return int(rest[:3])
