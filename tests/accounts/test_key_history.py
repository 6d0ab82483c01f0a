"""Keys can be renewed: the version before signs the next, the log names it, and the next opens what came before."""

import pytest
from django.db import transaction
from django.test import Client

from audit import queries as audit
from consent import access
from ehr.accounts import history, keyrings, queries
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import Keyring, KeyVersion, PastKeys
from ehr.crypto import sealing, signing
from ehr.words import Category, Purpose
from tests import people
from tests.accounts.conftest import PASSPHRASE
from tests.consent.conftest import draft

pytestmark = pytest.mark.django_db


def renew(keyring: OpenKeyring) -> OpenKeyring:
    with transaction.atomic():
        return keyrings.succeed(Keyring.objects.get(reader=keyring.reader_id), keyring)


def version_of(keyring: OpenKeyring) -> KeyVersion:
    return KeyVersion.objects.get(pk=keyring.version_id)


def sealed_to(keyring: OpenKeyring, words: bytes = b"a lockbox") -> bytes:
    return sealing.seal(bytes(version_of(keyring).kem_public), words, info=b"grant")


@pytest.fixture
def fourth(alice):
    """Alice's keyring after three renewals, and the three before."""
    made = [alice.keyring]
    for _again in range(3):
        made.append(renew(made[-1]))
    return made[-1], made[:-1]


def test_the_next_version_has_fresh_keys_and_is_signed_by_the_one_before(alice):
    before, after = version_of(alice.keyring), version_of(renew(alice.keyring))
    assert after.number == 2
    assert bytes(after.kem_public) != bytes(before.kem_public)
    assert signing.verify(before.author_public, history.succession(after), after.signature)
    assert audit.facts(after.logged_as)["action"] == "key.succeeded"
    assert queries.present_version(before.reader) == after


def test_what_was_sealed_to_any_older_version_opens_with_the_newest(fourth):
    newest, older = fourth
    for one in [*older, newest]:
        sealed = sealed_to(one)
        assert newest.open_seal(sealed, info=b"grant", version_id=one.version_id) == b"a lockbox"
        assert newest.open_seal(sealed, info=b"grant") == b"a lockbox"


@pytest.mark.security
def test_an_older_version_opens_nothing_that_was_sealed_to_a_newer_one(fourth):
    newest, older = fourth
    sealed = sealed_to(newest)
    for one in older:
        with pytest.raises(CannotOpen):
            one.open_seal(sealed, info=b"grant")
        assert one.past(newest.version_id) is None


@pytest.mark.security
def test_with_a_named_version_no_other_is_tried(fourth):
    newest, older = fourth
    with pytest.raises(CannotOpen):
        newest.open_seal(sealed_to(older[0]), info=b"grant", version_id=older[1].version_id)


def test_an_older_version_still_makes_the_same_grant_keys_and_signatures(fourth):
    newest, older = fourth
    for one in older:
        again = newest.past(one.version_id)
        assert again.grant_key(b"a grant") == one.grant_key(b"a grant")
        assert again.sign(b"x") == one.sign(b"x")
    assert newest.past(newest.version_id) is newest


def test_what_was_kept_before_a_renewal_is_read_after_it(alice):
    kept = alice.keyring.keep(b"draft", label="draft")
    assert renew(alice.keyring).kept(kept, label="draft") == b"draft"


def test_a_version_of_somebody_else_is_not_among_ones_past(alice):
    bob = people.account("Bob Dahl")
    assert renew(alice.keyring).past(bob.keyring.version_id) is None


@pytest.mark.security
def test_past_keys_moved_to_another_person_open_nothing(alice):
    bob = people.account("Bob Dahl")
    hers, his = renew(alice.keyring), renew(bob.keyring)
    PastKeys.objects.filter(under=his.version_id).update(blob=bytes(PastKeys.objects.get(under=hers.version_id).blob))
    with pytest.raises(CannotOpen):
        his.past(bob.keyring.version_id)


@pytest.mark.security
def test_after_a_renewal_nothing_stored_opens_the_keys_before(alice):
    stored = queries.keyring_of(alice.user)
    old_wrap = bytes(stored.by_passphrase)
    renew(alice.keyring)
    stored.refresh_from_db()
    assert stored.by_passphrase is None
    assert stored.by_recovery_code is None
    assert old_wrap not in [bytes(one.blob) for one in PastKeys.objects.all()]


@pytest.mark.security
def test_keys_are_not_renewed_with_an_older_version_or_twice(alice):
    fresh = renew(alice.keyring)
    with pytest.raises(ValueError, match="older version"):
        renew(alice.keyring)
    assert renew(fresh).version_number == 3


def test_every_version_of_a_history_counts_as_logged(fourth):
    newest, older = fourth
    for one in [*older, newest]:
        assert queries.is_logged(version_of(one))
        assert queries.is_logged_author(one.version_id, bytes(version_of(one).author_public))


@pytest.mark.security
def test_a_successor_that_its_predecessor_did_not_sign_does_not_count(alice):
    fresh = version_of(renew(alice.keyring))
    bob = people.account("Bob Dahl")
    for forged in (b"", None, bob.keyring.sign(history.succession(fresh)), bytes(64)):
        fresh.signature = forged
        assert not queries.is_logged(fresh)


@pytest.mark.security
def test_a_planted_successor_does_not_count_though_a_line_of_the_log_names_it(alice):
    """Whoever can write rows and lines, but has no private key, gets nothing sealed to a key of theirs."""
    mallory = keyrings.opened.new_version(
        version_of(alice.keyring).reader, after=_Impostor(alice.keyring), because="renewed"
    )
    assert not queries.is_logged(version_of(mallory))


class _Impostor:
    """Says it is somebody's keyring and signs with a key of its own."""

    def __init__(self, keyring):
        self.version_number = keyring.version_number
        self.private = signing.generate().private

    def sign(self, message):
        return signing.sign(self.private, message)


@pytest.mark.security
@pytest.mark.parametrize("column", ["kem_public", "author_public", "stealth_spend_public", "stealth_view_public"])
def test_a_successor_with_one_exchanged_key_does_not_count(alice, column):
    fresh = version_of(renew(alice.keyring))
    setattr(fresh, column, bytes(len(getattr(fresh, column))))
    assert not queries.is_logged(fresh)


@pytest.mark.security
def test_a_successor_of_an_exchanged_predecessor_does_not_count(fourth):
    newest, older = fourth
    history._known.clear()
    KeyVersion.objects.filter(pk=older[1].version_id).update(kem_public=sealing.generate_kem().public)
    assert not queries.is_logged(version_of(newest))


@pytest.mark.security
def test_a_first_versions_line_does_not_stand_for_a_successor(alice):
    fresh = version_of(renew(alice.keyring))
    fresh.logged_as = version_of(alice.keyring).logged_as
    assert not queries.is_logged(fresh)


@pytest.mark.security
def test_an_older_version_is_nobodys_where_somebody_signs(alice):
    fresh = renew(alice.keyring)
    assert queries.is_theirs(fresh, alice.user.pk)
    assert not queries.is_theirs(alice.keyring, alice.user.pk)


@pytest.mark.security
def test_a_session_from_before_a_renewal_is_a_locked_one(alice, settings):
    client = Client()
    client.post("/sign-in/", {"email": "alice@example.org", "passphrase": PASSPHRASE}, secure=True)
    assert client.get("/account/", secure=True).wsgi_request.keyring is not None
    fresh = renew(alice.keyring)
    assert client.get("/account/", secure=True).wsgi_request.keyring is None
    session = client.session
    session["keyring"]["version"] = fresh.version_id
    session.save()
    assert client.get("/account/", secure=True).wsgi_request.keyring is None


@pytest.mark.point(3)
def test_a_clinician_with_renewed_keys_reads_with_the_same_grant(db):
    people.prepare_ground()
    ana, lee = people.patient(), people.clinician()
    access.add_own(ana.patient, [draft(Category.LABS, "HbA1c 7.1")], keyring=ana.keyring)
    grant = people.give(ana, lee, Category.LABS)
    lee.keyring = renew(lee.keyring)
    chart = access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert "HbA1c 7.1" in str(chart.entries[0].resource)
    assert [used.pk for used in chart.grants] == [grant.pk]


@pytest.mark.point(3)
def test_a_patient_with_renewed_keys_reads_their_whole_record(db):
    people.prepare_ground()
    ana = people.patient()
    access.add_own(ana.patient, [draft(Category.LABS, "HbA1c 7.1")], keyring=ana.keyring)
    ana.keyring = renew(ana.keyring)
    assert "HbA1c 7.1" in str(access.open_own(ana.patient, keyring=ana.keyring).entries[0].resource)
