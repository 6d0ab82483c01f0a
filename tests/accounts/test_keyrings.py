"""Keys are made once, wrapped at rest, and open only where both halves of a secret meet."""

import pickle

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from audit.models import EventBody
from ehr.accounts import bindings, hashers, keyrings, operations, queries
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import Keyring, KeyVersion
from ehr.chain import identities, typed_data
from ehr.chain.models import Transaction
from ehr.crypto import sealing, signing
from tests.accounts.conftest import HOME, PASSPHRASE

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]


def stretched(user, passphrase=PASSPHRASE):
    return hashers.stretch(passphrase, hashers.cost_of(user.password))


def test_a_seal_to_the_public_key_is_opened_by_the_keyring(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    sealed = sealing.seal(bytes(version.kem_public), b"lockbox", info=b"grant")
    assert alice.keyring.open_seal(sealed, info=b"grant") == b"lockbox"
    with pytest.raises(CannotOpen):
        alice.keyring.open_seal(sealed, info=b"another grant")


def test_what_the_keyring_signs_verifies_with_the_public_author_key(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    assert signing.verify(version.author_public, b"entry", alice.keyring.sign(b"entry"))


def test_the_public_stealth_keys_belong_to_the_private_ones(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    assert PrivateKey(alice.keyring.stealth_spend).public_key.format() == bytes(version.stealth_spend_public)
    assert PrivateKey(alice.keyring.stealth_view).public_key.format() == bytes(version.stealth_view_public)


def test_each_grant_has_its_own_key_and_the_same_grant_the_same(alice):
    one, other = alice.keyring.grant_key(b"one"), alice.keyring.grant_key(b"other")
    assert one != other
    assert one == alice.keyring.grant_key(b"one")
    PrivateKey(one)


@pytest.mark.privacy
@pytest.mark.security
def test_only_the_right_passphrase_unwraps_the_keyring(alice):
    stored = queries.keyring_of(alice.user)
    assert keyrings.unlock(stored, stretched(alice.user).wrap).sign(b"x") == alice.keyring.sign(b"x")
    with pytest.raises(CannotOpen):
        keyrings.unlock(stored, stretched(alice.user, "another passphrase").wrap)
    with pytest.raises(CannotOpen):
        keyrings.unlock(stored, stretched(alice.user).sign_in)


@pytest.mark.security
def test_a_wrapped_keyring_moved_to_another_row_opens_nothing(alice):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    stored = queries.keyring_of(bob.user)
    stored.by_passphrase = queries.keyring_of(alice.user).by_passphrase
    with pytest.raises(CannotOpen):
        keyrings.unlock(stored, stretched(alice.user).wrap)


@pytest.mark.security
def test_a_keyring_of_another_version_number_opens_nothing(alice):
    stored = queries.keyring_of(alice.user)
    stored.version.number = 2
    with pytest.raises(CannotOpen):
        keyrings.unlock(stored, stretched(alice.user).wrap)


@pytest.mark.privacy
def test_session_and_cookie_together_open_the_keyring_and_neither_does_alone(alice):
    session = {}
    cookie = keyrings.to_session(session, alice.keyring)
    assert keyrings.from_session(session, cookie).sign(b"x") == alice.keyring.sign(b"x")
    assert keyrings.from_session(session, "") is None
    assert keyrings.from_session({}, cookie) is None
    other_cookie = keyrings.to_session({}, alice.keyring)
    assert keyrings.from_session(session, other_cookie) is None
    assert keyrings.from_session(session, "not base64 at all £") is None


@pytest.mark.privacy
@pytest.mark.security
def test_a_session_row_with_its_cookie_does_not_open_as_another_reader(alice):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    session = {}
    cookie = keyrings.to_session(session, alice.keyring)
    session["keyring"]["reader"] = str(bob.keyring.reader_id)
    assert keyrings.from_session(session, cookie) is None


@pytest.mark.privacy
def test_an_open_keyring_is_neither_pickled_nor_printed(alice):
    with pytest.raises(TypeError):
        pickle.dumps(alice.keyring)
    assert alice.keyring.stealth_spend.hex() not in repr(alice.keyring) + str(vars(Keyring.objects.get()))


def test_what_a_keyring_keeps_only_its_owner_reads(alice):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    kept = alice.keyring.keep(b"draft", label="recovery-draft")
    assert alice.keyring.kept(kept, label="recovery-draft") == b"draft"
    for keyring, label in [(bob.keyring, "recovery-draft"), (alice.keyring, "another")]:
        with pytest.raises(CannotOpen):
            keyring.kept(kept, label=label)


def test_making_keys_is_on_the_log_with_the_digest_of_the_public_ones(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    bodies = [bytes(body.payload).decode() for body in EventBody.objects.all()]
    assert any('"key.created"' in body and version.digest.hex() in body for body in bodies)


@pytest.mark.security
def test_another_public_key_is_another_digest_and_another_binding(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    digest, blinded = version.digest, version.blinded
    version.kem_public = sealing.generate_kem().public
    assert version.digest != digest
    assert version.blinded != blinded


def test_unlocking_again_costs_one_argon2id(alice, monkeypatch):
    calls = []
    monkeypatch.setattr("ehr.crypto.passphrases.Argon2id", lambda **told: calls.append(told) or Argon2id(**told))
    signed_in = operations.sign_in(email="alice@example.org", passphrase=PASSPHRASE, address=HOME)
    assert signed_in.keyring is not None
    assert len(calls) == 1


@pytest.mark.point(8)
def test_the_keys_of_a_person_are_bound_on_chain_by_a_commitment_that_names_nobody(alice):
    version = KeyVersion.objects.get(pk=alice.keyring.version_id)
    queued = Transaction.objects.get()
    assert (queued.contract, queued.method) == ("IdentityRegistry", "bind")
    assert bytes(version.commitment) in bytes(queued.calldata)
    holder = typed_data.address_of(alice.keyring.grant_key(bindings.HOLDER_CONTEXT))
    assert identities.commitment(holder, version.blinded) == bytes(version.commitment)


def test_binding_again_queues_nothing_more(alice):
    bindings.bind(alice.keyring)
    assert Transaction.objects.count() == 1
