"""Signatures: ours against eth-account's, and against whoever tampers."""

import time

import pytest
from coincurve import PrivateKey
from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from ehr.chain import tokens, typed_data

CONTRACT = "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"
KEYS = st.integers(1, typed_data.CURVE_ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
WORDS = st.binary(min_size=32, max_size=32)
SECONDS = st.integers(0, 2**32 - 1)

# The example of EIP-712 itself, with its struct made flat, and its signer's well-known key.
COW = bytes.fromhex("c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4")
COWS_ADDRESS = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
PERSON = [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}]


def reference(private, domain, primary_type, fields, message):
    domain_fields = [
        ("name", "string"),
        ("version", "string"),
        ("chainId", "uint256"),
        ("verifyingContract", "address"),
    ]
    full = {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in domain_fields],
            primary_type: fields,
        },
        "primaryType": primary_type,
        "domain": {
            "name": domain.name,
            "version": domain.version,
            "chainId": domain.chain_id,
            "verifyingContract": domain.verifying_contract,
        },
        "message": message,
    }
    return Account.sign_message(encode_typed_data(full_message=full), private)


def test_the_domain_of_the_standards_example_hashes_as_the_standard_says():
    domain = typed_data.Domain("Ether Mail", CONTRACT, 1)
    assert domain.separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"


def test_the_person_of_the_standards_example_hashes_as_the_standard_says():
    hashed = typed_data.struct_hash("Person", {"Person": PERSON}, {"name": "Cow", "wallet": COWS_ADDRESS})
    assert hashed.hex() == "fc71e5fa27ff56c350aa531bc129ebdf613b772b6604664f5d8dbe21b85eb0c8"


def test_the_cows_key_has_the_cows_address():
    assert typed_data.address_of(COW) == COWS_ADDRESS


@given(private=KEYS, reader=KEYS, starts=SECONDS, until=SECONDS, scope=WORDS, chain_id=st.integers(1, 2**53))
def test_a_grant_is_signed_as_eth_account_signs_it(private, reader, starts, until, scope, chain_id):
    grant = tokens.TokenGrant(typed_data.address_of(reader), starts, until, scope)
    domain = tokens.domain(CONTRACT, chain_id)
    message = {"reader": grant.reader, "from": starts, "until": until, "scope": scope}
    theirs = reference(private, domain, "Grant", tokens.GRANT_FIELDS, message)
    r, vs = tokens.sign_grant(private, grant, domain)
    assert int.from_bytes(r, "big") == theirs.r
    assert int.from_bytes(vs, "big") == theirs.s | (theirs.v - 27) << 255


@given(private=KEYS, digest=WORDS)
def test_who_signed_is_found_again(private, digest):
    assert typed_data.recover(digest, *typed_data.sign(private, digest)) == typed_data.address_of(private)


@pytest.mark.security
@given(private=KEYS, digest=WORDS, bit=st.integers(0, 511))
def test_a_signature_with_a_bit_changed_is_not_its_signers(private, digest, bit):
    r, vs = typed_data.sign(private, digest)
    changed = (int.from_bytes(r + vs, "big") ^ 1 << bit).to_bytes(64, "big")
    assert typed_data.recover(digest, changed[:32], changed[32:]) != typed_data.address_of(private)


@pytest.mark.security
@pytest.mark.parametrize("high", [typed_data.CURVE_ORDER // 2 + 1, (1 << 255) - 1])
@pytest.mark.parametrize("parity", [0, 1])
def test_a_high_s_counts_as_no_signature(high, parity):
    digest = b"\x07" * 32
    r, _ = typed_data.sign(COW, digest)
    assert typed_data.recover(digest, r, (parity << 255 | high).to_bytes(32, "big")) is None


@pytest.mark.security
@given(private=KEYS, digest=WORDS)
def test_the_second_form_of_a_signature_is_not_its_signers(private, digest):
    r, vs = typed_data.sign(private, digest)
    number = int.from_bytes(vs, "big")
    parity, s = number >> 255, number & (1 << 255) - 1
    # The mirror of a low s has 256 bits almost always; EIP-2098 has room for 255 of them.
    mirrored = (typed_data.CURVE_ORDER - s) & (1 << 255) - 1
    second = ((parity ^ 1) << 255 | mirrored).to_bytes(32, "big")
    assert typed_data.recover(digest, r, second) != typed_data.address_of(private)


@pytest.mark.parametrize(
    "pair", [(b"", b""), (b"\x01" * 31, b"\x01" * 32), (b"\xff" * 32, b"\x01" * 32), (b"\0" * 32, b"\0" * 32)]
)
def test_what_is_no_signature_has_no_signer(pair):
    assert typed_data.recover(b"\x07" * 32, *pair) is None


@pytest.mark.parametrize("kind", ["Person", "uint256[]"])
def test_a_nested_field_is_refused(kind):
    fields = {"Person": PERSON, "Mail": [{"name": "from", "type": kind}]}
    with pytest.raises(ValueError, match="plain value"):
        typed_data.struct_hash("Mail", fields, {"from": None})


def test_bytes_and_strings_are_hashed_before_they_are_encoded():
    fields = [{"name": "memo", "type": "bytes"}, {"name": "words", "type": "string"}]
    domain = typed_data.domain("Memo", CONTRACT, 1)
    message = {"memo": b"\x01\x02", "words": "ä"}
    theirs = reference(COW, domain, "Memo", fields, message)
    r, _ = typed_data.sign(COW, typed_data.digest(domain, "Memo", {"Memo": fields}, message))
    assert int.from_bytes(r, "big") == theirs.r


def test_signing_takes_well_under_a_millisecond():
    digest, rounds = b"\x07" * 32, 200
    began = time.process_time()
    for _ in range(rounds):
        typed_data.sign(COW, digest)
    assert (time.process_time() - began) / rounds < 0.001


def test_libsecp256k1_signs_deterministically():
    assert typed_data.sign(COW, b"\x07" * 32) == typed_data.sign(PrivateKey(COW).secret, b"\x07" * 32)


@pytest.mark.parametrize("second", [True, 1.0, "1"])
def test_a_moment_of_another_kind_is_not_taken_for_the_one_that_was_hashed_before(second):
    reader = typed_data.address_of(COW)
    assert len(tokens.TokenGrant(reader, 1, 2, b"\7" * 32).struct_hash()) == 32
    with pytest.raises(EncodingError):
        tokens.TokenGrant(reader, second, 2, b"\7" * 32).struct_hash()


@pytest.mark.parametrize("number", [True, 1.0])
def test_a_chain_s_number_of_another_kind_is_not_taken_for_the_one_that_was_hashed_before(number):
    assert len(typed_data.signing_digest(tokens.domain(CONTRACT, 1), b"\7" * 32)) == 32
    with pytest.raises(EncodingError):
        typed_data.signing_digest(tokens.domain(CONTRACT, number), b"\7" * 32)
