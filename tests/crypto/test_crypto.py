import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.crypto import digests, opening, passphrases, sealing, signing
from ehr.crypto.formats import CannotOpen

pytestmark = pytest.mark.security
PAIR = sealing.generate_kem()
KEY = bytes(range(32))


@given(st.binary(max_size=3000), st.binary(max_size=80))
def test_what_is_sealed_opens_for_its_reader(plaintext, info):
    assert opening.open_seal(PAIR.private, sealing.seal(PAIR.public, plaintext, info=info), info=info) == plaintext


@given(st.binary(max_size=3000), st.binary(max_size=80))
def test_what_is_encrypted_opens_with_its_key_and_context(plaintext, aad):
    assert opening.decrypt(KEY, sealing.encrypt(KEY, plaintext, aad=aad), aad=aad) == plaintext
    assert opening.decrypt_committed(KEY, sealing.encrypt_committed(KEY, plaintext, aad=aad), aad=aad) == plaintext


def test_a_seal_bound_to_another_grant_stays_shut():
    sealed = sealing.seal(PAIR.public, b"root", info=b"grant 1")
    with pytest.raises(CannotOpen):
        opening.open_seal(PAIR.private, sealed, info=b"grant 2")


def test_a_seal_for_somebody_else_stays_shut():
    sealed = sealing.seal(PAIR.public, b"root", info=b"grant")
    with pytest.raises(CannotOpen):
        opening.open_seal(sealing.generate_kem().private, sealed, info=b"grant")


@pytest.mark.parametrize("name", ["encrypt", "encrypt_committed"])
def test_every_flipped_byte_of_a_ciphertext_is_noticed(name):
    close, open_ = getattr(sealing, name), getattr(opening, name.replace("en", "de", 1))
    blob = close(KEY, b"HbA1c 7.1 %", aad=b"entry 1")
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(CannotOpen):
            open_(KEY, bytes(changed), aad=b"entry 1")


def test_every_flipped_byte_of_a_seal_is_noticed():
    blob = sealing.seal(PAIR.public, b"root", info=b"grant")
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(CannotOpen):
            opening.open_seal(PAIR.private, bytes(changed), info=b"grant")


def test_a_committed_ciphertext_refuses_another_key_before_decrypting():
    blob = sealing.encrypt_committed(KEY, b"text", aad=b"")
    with pytest.raises(CannotOpen, match="commits"):
        opening.decrypt_committed(bytes(32), blob, aad=b"")


def test_no_nonce_repeats_in_a_hundred_thousand_encryptions():
    nonces = {sealing.encrypt(KEY, b"", aad=b"")[1:13] for _ in range(100_000)}
    assert len(nonces) == 100_000


def test_a_signature_holds_for_its_message_alone():
    pair = signing.generate()
    signature = signing.sign(pair.private, b"entry")
    assert signing.verify(pair.public, b"entry", signature)
    assert not signing.verify(pair.public, b"another", signature)
    assert not signing.verify(signing.generate().public, b"entry", signature)
    assert not signing.verify(b"short", b"entry", signature)


def test_the_ed25519_vector_of_rfc_8032_holds():
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert signing.public_of(seed).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert (
        signing.sign(seed, b"").hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8")
    )


@given(st.binary(max_size=200), st.integers(0, 10**6))
def test_of_what_held_before_nothing_changed_holds(message, place):
    pair = signing.generate()
    said = [pair.public, message, signing.sign(pair.private, message)]
    assert signing.verify_again(*said)
    assert signing.verify_again(*said)
    which = place % 3
    if not said[which]:
        return
    changed = bytearray(said[which])
    changed[place % len(changed)] ^= 1
    said[which] = bytes(changed)
    assert not signing.verify_again(*said)


def test_what_moves_from_one_part_to_the_next_is_not_what_held():
    pair = signing.generate()
    signature = signing.sign(pair.private, b"entry")
    assert signing.verify_again(pair.public, b"entry", signature)
    assert not signing.verify_again(pair.public, b"entr", b"y" + signature)
    assert not signing.verify_again(pair.public + b"e", b"ntry", signature)


def test_what_held_is_kept_as_digests_and_no_more_than_so_many(monkeypatch):
    monkeypatch.setattr(signing, "_held", set())
    monkeypatch.setattr(signing, "_REMEMBERED", 3)
    pair = signing.generate()
    for number in range(8):
        message = b"a name %d" % number
        assert signing.verify_again(pair.public, message, signing.sign(pair.private, message))
        assert not signing.verify_again(pair.public, b"another", signing.sign(pair.private, message))
        assert 1 <= len(signing._held) <= 3
    assert {len(one) for one in signing._held} == {32}


def test_signing_in_and_wrapping_are_different_secrets():
    stretched = passphrases.stretch("correct horse battery", b"0" * 16, memory_kib=64, passes=1, lanes=1)
    assert stretched.sign_in != stretched.wrap
    assert len(stretched.sign_in) == len(stretched.wrap) == 32


def test_a_passphrase_typed_on_another_keyboard_is_the_same():
    kwargs = {"memory_kib": 64, "passes": 1, "lanes": 1}
    assert passphrases.stretch("Zoe\u0308", b"0" * 16, **kwargs) == passphrases.stretch("Zo\u00eb", b"0" * 16, **kwargs)


def test_a_short_salt_is_refused():
    with pytest.raises(ValueError, match="salt"):
        passphrases.stretch("x", b"1", memory_kib=64, passes=1, lanes=1)


def test_keyed_digests_of_one_value_differ_by_label_and_key():
    one = digests.keyed(KEY, "ssn", "1")
    assert one == digests.keyed(KEY, "ssn", "1")
    assert len({one, digests.keyed(KEY, "mrn", "1"), digests.keyed(bytes(32), "ssn", "1")}) == 3


@given(st.lists(st.binary(max_size=5), max_size=5), st.lists(st.binary(max_size=5), max_size=5))
def test_no_two_lists_of_parts_read_the_same(one, other):
    assert (digests.joined(*one) == digests.joined(*other)) == (one == other)
