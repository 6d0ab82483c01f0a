"""ERC-5564, scheme 1: against the keys the standard's authors publish, and against plain curve arithmetic."""

import pytest
from coincurve import PrivateKey
from eth_keys.backends.native.jacobian import fast_add, fast_multiply
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ehr.chain import stealth, typed_data

G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
KEYS = st.integers(1, typed_data.CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))

# (spend private, view private, stealth meta-address): the test keys of the SDK by ERC-5564's authors (ScopeLift's
# stealth-address-sdk) and of jsign's zig-stealth-addresses.
PUBLISHED = [
    (
        "0363721eb9e981558c748b824cb32a840da2b3e8957c2fc3bcb8d9c86cb87456",
        "b52a0555f6a8663d89f00365893b1ef9e38eaf2e8bc48a63319c9ea5cb4a27c5",
        "033404e82cd2a92321d51e13064ec13a0fb0192a9fdaaca1cfb47b37bd27ec1397"
        "0390ad5eca026c05ab5cf4d620a2ac65241b11df004ddca360e954db1b26e3846e",
    ),
    (
        "fb6c29ca5e7f75624ff4094f83a75945f9eb891753919722f6e7597cf0899ec0",
        "3884b97f3571ef8c69e5601ad0ee153478fa0f83b35e019e9d84d0f95ef002c5",
        "03195eec0f562a7a92665f8d085abaf84fe496fa7c53a8a898bce045266b5a33dc"
        "02e075c0c31f3abf191e801a2f61d603e46293cd5ac8c4b5e11fb00624cf7fa98c",
    ),
]


def public(private: bytes) -> bytes:
    return PrivateKey(private).public_key.format()


def by_the_standard(spend: bytes, view: bytes, ephemeral: bytes) -> tuple[str, int]:
    """Return (address, view tag), computed on the curve step by step as the ERC writes it, with another library."""
    number = lambda key: int.from_bytes(key, "big")  # noqa: E731
    x, y = fast_multiply(fast_multiply(G, number(view)), number(ephemeral))
    hashed = keccak(bytes([2 + y % 2]) + x.to_bytes(32, "big"))
    px, py = fast_add(fast_multiply(G, number(spend)), fast_multiply(G, number(hashed) % typed_data.CURVE_ORDER))
    return to_checksum_address(keccak(px.to_bytes(32, "big") + py.to_bytes(32, "big"))[-20:]), hashed[0]


@pytest.mark.parametrize(("spend", "view", "meta"), PUBLISHED)
def test_the_published_keys_make_the_published_meta_address(spend, view, meta):
    assert public(bytes.fromhex(spend)) + public(bytes.fromhex(view)) == bytes.fromhex(meta)


@pytest.mark.parametrize(("spend", "view", "meta"), PUBLISHED)
def test_an_address_is_the_one_the_standards_steps_give(spend, view, meta):
    meta, ephemeral = bytes.fromhex(meta), keccak(text="an ephemeral key")
    made = stealth.generate(meta[:33], meta[33:], ephemeral_private=ephemeral)
    assert (made.address, made.view_tag) == by_the_standard(bytes.fromhex(spend), bytes.fromhex(view), ephemeral)
    assert made.ephemeral_public == public(ephemeral)


# Fixed by the step-by-step arithmetic above, so that a later change of both is seen as well.
def test_a_known_address_stays_what_it_is():
    meta = bytes.fromhex(PUBLISHED[0][2])
    made = stealth.generate(meta[:33], meta[33:], ephemeral_private=keccak(text="an ephemeral key"))
    assert (made.address, made.view_tag) == ("0xcd8F43947E1040495cC43E8Cc6B35D0283f45B00", 184)


@given(spend=KEYS, view=KEYS, ephemeral=KEYS)
def test_only_the_reader_can_compute_the_key_of_the_address(spend, view, ephemeral):
    made = stealth.generate(public(spend), public(view), ephemeral_private=ephemeral)
    assert typed_data.address_of(stealth.private_key(spend, view, made.ephemeral_public)) == made.address


def test_two_addresses_of_one_reader_have_nothing_in_common():
    spend, view, _ = (bytes.fromhex(part) for part in PUBLISHED[0])
    first, second = (stealth.generate(public(spend), public(view)) for _ in range(2))
    assert first.address != second.address
    assert first.ephemeral_public != second.ephemeral_public


def test_a_reader_recognises_their_own_address_and_no_other():
    spend, view, _ = (bytes.fromhex(part) for part in PUBLISHED[0])
    others_spend, others_view, _ = (bytes.fromhex(part) for part in PUBLISHED[1])
    made = stealth.generate(public(spend), public(view))
    assert stealth.is_mine(made.address, public(spend), view, made.ephemeral_public, made.view_tag)
    assert not stealth.is_mine(made.address, public(others_spend), others_view, made.ephemeral_public, made.view_tag)


def test_what_is_no_point_of_the_curve_is_refused():
    with pytest.raises(ValueError):  # noqa: PT011 -- libsecp256k1 words it
        stealth.generate(b"\x02" + b"\xff" * 32, public(b"\x01" * 32))
