"""Makes `countries.bin` beside this file from the npm package @ip-location-db/asn-country.

    npm pack @ip-location-db/asn-country && tar xzf ip-location-db-asn-country-*.tgz
    python -m consent.data.build_countries package

Which data it is, and under which terms, stands in README.md. The output is the same, byte for byte, for the same
input. What is out of order, overlapping or splits an IPv6 /64 is refused.
"""

import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path

from consent.places import IPV4, IPV6, MAGIC, TABLE, read

HALF = 64  # bits of an IPv6 address that no range may split


def ranges(path: Path, *, dropped: int) -> Iterator[tuple[int, int, str]]:
    """Yield (first key, last key, country) of a file of `first address,last address,code`, both included.

    `dropped` is how many of the lowest bits a key leaves out. Raises ValueError where a range does not end with them.
    """
    rest = (1 << dropped) - 1
    with path.open(encoding="ascii", newline="") as lines:
        for first, last, country in csv.reader(lines):
            low, high = int(ip_address(first)), int(ip_address(last))
            if low & rest or high & rest != rest:
                raise ValueError(f"{first}-{last} is narrower than a key")
            yield low >> dropped, high >> dropped, country


def runs(found: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, str]]:
    """Yield (first key, country) of each run, neighbours of one country merged; an empty country fills the gaps.

    Raises ValueError where ranges are not ascending and apart.
    """
    following, owner = 0, ""
    for first, last, country in found:
        if first < following or last < first or not (len(country) == 2 and country.isalpha() and country.isupper()):
            raise ValueError(f"out of order, or no country: {first}-{last} {country}")
        if first > following and owner:
            yield following, ""
            owner = ""
        if country != owner:
            yield first, country
        following, owner = last + 1, country
    if owner:
        yield following, ""


def table(source: str, ipv4: list[tuple[int, str]], ipv6: list[tuple[int, str]]) -> bytes:
    """Return the file: one line of ASCII that says what is in it, then the keys and owners of each family."""
    codes = sorted({country for _, country in ipv4 + ipv6} - {""})
    number = {country: place for place, country in enumerate(["", *codes])}
    head = f"{MAGIC} {source} {len(ipv4)} {len(ipv6)} {','.join(codes)}\n".encode("ascii")
    parts = [head]
    for width, family in ((IPV4, ipv4), (IPV6, ipv6)):
        parts.append(b"".join(start.to_bytes(width, "big") for start, _ in family))
        parts.append(bytes(number[country] for _, country in family))
    return b"".join(parts)


def main(folder: Path, target: Path = TABLE) -> None:
    """Write the table of an unpacked package, and say its size and digest."""
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    stem = package["name"].rsplit("/", 1)[-1]
    content = table(
        f"{package['name']}@{package['version']}",
        list(runs(ranges(folder / f"{stem}-ipv4.csv", dropped=0))),
        list(runs(ranges(folder / f"{stem}-ipv6.csv", dropped=HALF))),
    )
    # A server that starts meanwhile reads the old table or the new one, never half of one.
    draft = target.with_suffix(".new")
    draft.write_bytes(content)
    read(draft)
    draft.replace(target)
    sys.stdout.write(f"{target.name}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
