"""From which country an address speaks: the committed table, its shape, and how it is made."""

import hashlib
import json
import logging
import random
from bisect import bisect_right
from ipaddress import IPv4Address, IPv6Address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import countries, places
from consent.data import build_countries
from consent.places import IPV4, IPV6, country_of

DIGEST = "8e6b4b56df790238184ffaf973695b1721096c25af0153454cceaa0edbcb5740"
# Addresses that have been where they are for decades: name servers, universities, registries.
KNOWN = [
    ("8.8.8.8", "US"), ("193.0.6.139", "NL"), ("194.25.0.60", "DE"), ("130.59.31.80", "CH"), ("212.58.244.70", "GB"),
    ("133.11.0.1", "JP"), ("200.160.2.3", "BR"), ("41.0.0.1", "ZA"), ("80.67.169.12", "FR"), ("1.1.1.1", "AU"),
    ("2001:67c:2e8::1", "NL"), ("2001:4860:4860::8888", "US"), ("2001:638::1", "DE"), ("2001:620::1", "CH"),
    ("2001:200::1", "JP"), ("2001:da8::1", "CN"), ("2001:e60::1", "KR"), ("2804::1", "BR"), ("2001:660::1", "FR"),
]  # fmt: skip
NOBODYS = [
    "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "169.254.1.1", "100.64.0.1",
    "192.0.2.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1", "2001:db8::1", "ff02::1", "2002:808:808::1", "64:ff9b::808:808",
    "::ffff:10.1.2.3", "::ffff:127.0.0.1",
]  # fmt: skip
MALFORMED = [
    "", " ", "8.8.8", "8.8.8.8.8", "256.1.1.1", "08.8.8.8", "8.8.8.8:443", "8.8.8.8, 1.1.1.1", " 8.8.8.8", "8.8.8.0/24",
    "[2001:638::1]", "2001:638:::1", "unknown", "example.org", "134744072", "8.8.8.8\n", "8.8.8.8\0", "９.９.９.９",
    "9" * 9999,
]  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return places.read(places.TABLE)


def spans(runs):
    """Return every run of a family as (first key, number of its country)."""
    return [(int.from_bytes(runs.start(at), "big"), owner) for at, owner in enumerate(runs.owners)]


@pytest.mark.parametrize(("address", "country"), KNOWN)
def test_a_known_address_is_where_it_is(address, country):
    assert country_of(address) == country


@pytest.mark.parametrize("address", NOBODYS)
def test_a_private_or_reserved_address_is_nowhere(address):
    assert country_of(address) == ""


@pytest.mark.parametrize("address", MALFORMED)
def test_what_is_no_address_is_nowhere(address):
    assert country_of(address) == ""


@given(st.text() | st.ip_addresses().map(str))
def test_any_text_gets_a_country_we_can_name_or_none(text):
    assert country_of(text) in {"", *countries.names()}


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_where_it_is_without(address):
    assert country_of(f"::ffff:{address}") == country_of(str(address))
    assert country_of(f"::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}") == country_of(str(address))


def test_the_table_is_the_one_that_was_looked_at():
    content = places.TABLE.read_bytes()
    assert hashlib.sha256(content).hexdigest() == DIGEST
    readme = (places.TABLE.parent / "README.md").read_text(encoding="utf-8")
    assert DIGEST in readme
    assert f"{len(content):,} bytes" in readme


def test_the_source_is_named_where_the_data_is(table):
    package, _, version = table.source.rpartition("@")
    for note in ("README.md", "LICENSE"):
        assert f"{package} {version}" in (places.TABLE.parent / note).read_text(encoding="utf-8").replace("`", "")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_runs_are_ascending_and_each_changes_the_country(table, family):
    found = spans(getattr(table, family))
    assert len(found) > 100_000
    assert all(one[0] < next_[0] and one[1] != next_[1] for one, next_ in pairwise(found))
    assert found[-1][1] == 0, "addresses above the last range belong to nobody"


def test_every_country_of_the_table_has_a_name(table):
    assert table.codes[0] == ""
    assert len(table.codes) == 239
    assert set(table.codes[1:]) <= set(countries.names())


def test_the_table_gives_no_country_to_what_no_registry_gives_out(table):
    for network in map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16", "224.0.0.0/3", "100.64.0.0/10")):
        inside = range(int(network[0]), int(network[-1]) + 1)
        assert not [key for key, owner in spans(table.ipv4) if owner and key in inside]
    for network in map(ip_network, ("fc00::/7", "fe80::/10", "ff00::/8", "2001:db8::/32", "2002::/16", "::/16")):
        inside = range(int(network[0]) >> 64, (int(network[-1]) >> 64) + 1)
        assert not [key for key, owner in spans(table.ipv6) if owner and key in inside]


@pytest.mark.parametrize(("family", "kind", "dropped"), [("ipv4", IPv4Address, 0), ("ipv6", IPv6Address, 64)])
def test_looking_up_agrees_with_reading_the_whole_table(table, family, kind, dropped):
    """By numbers instead of bytes, and at the edges, where a search is wrong first."""
    found, chance = spans(getattr(table, family)), random.Random(13)
    keys = [key for key, _ in found]
    asked = {key + step for key, _ in chance.sample(found, 1500) for step in (-1, 0, 1)}
    asked |= {chance.randrange(keys[0], keys[-1]) for _ in range(500)} | {0, keys[0], keys[-1]}
    for key in sorted(asked):
        address = kind((key << dropped) + chance.randrange(1 << dropped))
        at = bisect_right(keys, key)
        expected = table.codes[found[at - 1][1]] if at and address.is_global else ""
        assert country_of(str(address)) == expected, address


def test_the_table_is_read_once(monkeypatch, table):
    reads = []
    monkeypatch.setattr(places, "read", lambda path: reads.append(path) or table)
    places._known.cache_clear()
    assert [country_of(address) for address, _ in KNOWN] == [country for _, country in KNOWN]
    assert reads == [places.TABLE]


@pytest.mark.parametrize("damage", ["missing", "empty", "cut short", "longer", "another file", "a country too many"])
def test_without_its_table_every_place_is_unknown_and_the_log_says_so(damage, monkeypatch, tmp_path, caplog):
    whole = places.TABLE.read_bytes()
    content = {
        "empty": b"", "cut short": whole[:-1], "longer": whole + b"\0", "another file": b"GIF89a" * 99,
        "a country too many": whole.replace(b",ZW\n", b"\n", 1),
    }  # fmt: skip
    path = tmp_path / "countries.bin"
    if damage in content:
        path.write_bytes(content[damage])
    monkeypatch.setattr(places, "TABLE", path)
    places._known.cache_clear()
    try:
        with caplog.at_level(logging.ERROR):
            assert country_of("8.8.8.8") == country_of("2001:638::1") == ""
    finally:
        places._known.cache_clear()
    assert "grants that name places open nothing" in caplog.text
    assert "8.8.8.8" not in caplog.text


# --- How the table is made -----------------------------------------------------------------------


def package(folder, ipv4, ipv6):
    """Write a package as npm unpacks it."""
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"name": "@some/where", "version": "1.2.3"}))
    (folder / "where-ipv4.csv").write_text("".join(f"{a},{b},{code}\n" for a, b, code in ipv4))
    (folder / "where-ipv6.csv").write_text("".join(f"{a},{b},{code}\n" for a, b, code in ipv6))
    return folder


def built(tmp_path, ipv4=(), ipv6=()):
    build_countries.main(package(tmp_path / "package", ipv4, ipv6), tmp_path / "made.bin")
    return places.read(tmp_path / "made.bin")


def test_neighbours_of_one_country_become_one_run(tmp_path, capsys):
    table = built(
        tmp_path,
        [("1.0.0.0", "1.0.0.255", "DE"), ("1.0.1.0", "1.0.1.255", "DE"), ("1.0.3.0", "1.0.3.7", "DE")],
        [("2001:638::", "2001:638::ffff:ffff:ffff:ffff", "FR"),
         ("2001:638:0:1::", "2001:638:0:1:ffff:ffff:ffff:ffff", "DE")],
    )  # fmt: skip
    assert table.source == "@some/where@1.2.3"
    assert table.codes == ("", "DE", "FR")
    assert spans(table.ipv4) == [(0x01000000, 1), (0x01000200, 0), (0x01000300, 1), (0x01000308, 0)]
    assert [owner for _, owner in spans(table.ipv6)] == [2, 1, 0]
    assert "SHA-256" in capsys.readouterr().out


def test_the_same_data_make_the_same_file(tmp_path):
    rows = [("1.0.0.0", "1.0.0.255", "DE")], [("2001:638::", "2001:638:ffff:ffff:ffff:ffff:ffff:ffff", "DE")]
    built(tmp_path, *rows)
    first = (tmp_path / "made.bin").read_bytes()
    built(tmp_path, *rows)
    assert (tmp_path / "made.bin").read_bytes() == first


@pytest.mark.parametrize(
    ("ipv4", "ipv6"),
    [
        ([("1.0.0.0", "1.0.0.255", "DE"), ("1.0.0.255", "1.0.1.0", "FR")], []),  # overlap
        ([("1.0.1.0", "1.0.1.255", "DE"), ("1.0.0.0", "1.0.0.255", "DE")], []),  # descending
        ([("1.0.0.9", "1.0.0.1", "DE")], []),  # turned round
        ([("1.0.0.0", "1.0.0.255", "ger")], []),
        ([("1.0.0.0", "1.0.0.255", "")], []),
        ([("1.0.0.0", "nowhere", "DE")], []),
        ([], [("2001:638::", "2001:638::ffff", "DE")]),  # a part of a /64
    ],
)
def test_a_table_that_contradicts_itself_is_refused_and_the_old_one_stays(ipv4, ipv6, tmp_path):
    (tmp_path / "made.bin").write_bytes(b"the old one")
    with pytest.raises(ValueError):  # noqa: PT011
        built(tmp_path, ipv4, ipv6)
    assert (tmp_path / "made.bin").read_bytes() == b"the old one"


@st.composite
def ascending(draw):
    """Disjoint ranges of small numbers, each with a country."""
    edges = sorted(draw(st.sets(st.integers(1, 400), max_size=40)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return [(first, last, draw(st.sampled_from(["DE", "FR", "NL"]))) for first, last in pairs]


@given(ascending(), ascending())
def test_every_key_finds_its_range_and_no_other(ipv4, ipv6):
    content = build_countries.table("a@1", list(build_countries.runs(ipv4)), list(build_countries.runs(ipv6)))
    codes = content.partition(b"\n")[0].decode().split(" ")[-1].split(",")
    for width, rows in ((IPV4, ipv4), (IPV6, ipv6)):
        made = list(build_countries.runs(rows))
        runs = places.Runs(
            width,
            b"".join(start.to_bytes(width, "big") for start, _ in made),
            bytes(["", *codes].index(code) for _, code in made),
        )
        for key in range(405):
            expected = next((code for first, last, code in rows if first <= key <= last), "")
            assert ["", *codes][runs.owner(key)] == expected
