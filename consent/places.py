"""From which country a network address speaks. Plain Python; the table is in `data/`, and no other machine is asked."""

import logging
from bisect import bisect_right
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parent / "data" / "countries.bin"
MAGIC = "chartseal-countries-1"
# Bytes of a key: a whole IPv4 address; the first half of an IPv6 address, for no range in the table splits a /64.
IPV4, IPV6 = 4, 8

logger = logging.getLogger(__name__)


class NotATable(Exception):
    """The file is missing, cut short, or something else."""


class Runs(NamedTuple):
    """Where runs of addresses begin, and whose each is: big-endian keys, ascending, and a byte for each.

    The byte is the country's place in the table's codes; 0 is nobody's. A run lasts until the next begins.
    """

    width: int
    starts: bytes
    owners: bytes

    def owner(self, key: int) -> int:
        # Big-endian keys of one width compare as the numbers they stand for.
        after = bisect_right(range(len(self.owners)), key.to_bytes(self.width, "big"), key=self.start)
        return self.owners[after - 1] if after else 0

    def start(self, number: int) -> bytes:
        return self.starts[number * self.width : (number + 1) * self.width]


class Table(NamedTuple):
    """Countries of all addresses. `codes` begins with the empty one; `source` names package and version."""

    source: str
    codes: tuple[str, ...]
    ipv4: Runs
    ipv6: Runs


NOTHING = Table("", ("",), Runs(IPV4, b"", b""), Runs(IPV6, b"", b""))


def country_of(address: str) -> str:
    """Return the ISO 3166-1 alpha-2 code of the country an IP address is registered in; empty when unknown.

    Unknown are private, reserved and malformed addresses and those that no registry has given out. Never raises:
    without its table, which a program log then says, every place is unknown.
    """
    try:
        told = ip_address(address)
    except ValueError:
        return ""
    if isinstance(told, IPv6Address) and told.ipv4_mapped is not None:
        told = told.ipv4_mapped
    if not told.is_global:
        return ""
    known = _known()
    number = known.ipv4.owner(int(told)) if isinstance(told, IPv4Address) else known.ipv6.owner(int(told) >> 64)
    return known.codes[number]


def read(path: Path) -> Table:
    """Return the table in a file, 2 MB. Raises NotATable."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        magic, source, ipv4, ipv6, codes = head.decode("ascii").split(" ")
        sizes = int(ipv4), int(ipv6)
    except (OSError, ValueError) as problem:
        raise NotATable(str(problem)) from problem
    cuts = [0, IPV4 * sizes[0], sizes[0], IPV6 * sizes[1], sizes[1]]
    if magic != MAGIC or len(body) != sum(cuts):
        raise NotATable(f"{path.name} is not whole")
    parts = [body[sum(cuts[:at]) : sum(cuts[: at + 1])] for at in range(1, len(cuts))]
    table = Table(source, ("", *codes.split(",")), Runs(IPV4, *parts[:2]), Runs(IPV6, *parts[2:]))
    if max(parts[1] + parts[3], default=0) >= len(table.codes):
        raise NotATable(f"{path.name} names a country it does not list")
    return table


@cache
def _known() -> Table:
    """Return the committed table, read at the first question."""
    try:
        return read(TABLE)
    except NotATable:
        logger.exception("The table of countries cannot be read: grants that name places open nothing.")
        return NOTHING
