"""Giving and ending: signatures, sentences, seals and epochs."""

import json
import uuid
from datetime import UTC, datetime, time, timedelta

import pytest

from consent import access, keys, proofs, queries, upkeep
from consent.access import open_chart, open_own
from consent.models import Ending, Grant, GrantParcel
from consent.proofs import verify_grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.crypto.sealing import generate_kem
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.lockboxes import LockboxForged, identity
from patients.models import BatchKey, Lockbox, Seal
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = pytest.mark.django_db


def findings(paper, **more):
    return {one.step: one.holds for one in verify_grant(paper, at=more.pop("at", clock.now()), **more)}


def holds(paper):
    """Tell whether a paper verifies; what is no grant's does not."""
    try:
        return all(findings(paper).values())
    except ValueError:
        return False


@pytest.mark.point(6)
def test_the_sentence_says_who_what_and_until_when(ana, lee):
    grant = people.give(ana, lee, Category.LABS, Category.HISTORY)
    assert grant.sentence.startswith(
        "Dr Mei Lee, Harbour Medical Centre, may see your health history and lab results and measurements until "
    )
    assert grant.sentence.endswith("to treat you. You can stop this at any time.")


@pytest.mark.point(6)
@pytest.mark.security
def test_a_grant_verifies_from_patient_to_token_without_the_database(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    paper = json.loads(json.dumps(proofs.document(grant)))
    key = bytes(grant.patient_version.author_public)
    held = findings(paper, patient_key=key, owner_of={proofs.token_id(grant): grant.holder}.get)
    assert held == dict.fromkeys(held, True)
    assert set(held) == {"days", "signature", "patient", "binding", "token", "chain", "ending"}


@pytest.mark.security
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("terms.categories", ["genetic"]),
        ("terms.ends", "2099-01-01T00:00:00.000000Z"),
        ("terms.reader", str(uuid.UUID(int=7))),
        ("terms.patient", str(uuid.UUID(int=8))),
        ("holder", "0x" + "3" * 40),
        ("chain_id", 1),
        ("contract", "0x" + "4" * 40),
        ("until", 4_102_444_800),
    ],
)
def test_a_forged_paper_is_found_out(ana, lee, path, value):
    paper = proofs.document(people.give(ana, lee, Category.LABS))
    where = paper
    *way, last = path.split(".")
    for step in way:
        where = where[step]
    where[last] = value
    assert not all(findings(paper).values())


@pytest.mark.security
def test_a_paper_that_is_no_grant_is_named_as_such():
    with pytest.raises(ValueError, match="not a grant"):
        verify_grant({"format": "something"}, at=clock.now())


ODD = [
    None, True, -1, 0, 2**300, 1.5, float("nan"), "", "x", "0x", "é", [], {}, [[]], "0" * 70, "\ud800", "2026-01-01",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
]  # fmt: skip


@pytest.mark.security
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_a_paper_with_a_part_of_another_kind_is_no_grant_or_does_not_hold(ana, lee, odd):
    paper = proofs.document(people.give(ana, lee, Category.LABS))
    # When it was ended may be said or not.
    changed = [paper | {name: odd} for name in paper if name != "ended_at"]
    changed += [paper | {"terms": paper["terms"] | {name: odd}} for name in paper["terms"]]
    assert not any(holds(one) for one in changed)


def test_an_ended_grant_no_longer_verifies(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    paper = proofs.document(grant, ended_at=clock.now())
    assert findings(paper)["ending"] is False


@pytest.mark.privacy
def test_two_grants_of_one_patient_to_one_reader_share_nothing_on_chain(ana, lee):
    one, other = people.give(ana, lee, Category.LABS), people.give(ana, lee, Category.LABS)
    for name in ("holder", "signer", "salt", "signature_r"):
        assert getattr(one, name) != getattr(other, name)
    assert proofs.token_grant(one).scope != proofs.token_grant(other).scope


@pytest.mark.privacy
def test_the_chain_learns_quarters_of_the_year_only(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    shape = proofs.token_grant(grant)
    for moment in (shape.starts, shape.until):
        at = datetime.fromtimestamp(moment, UTC)
        assert (at.month % 3, at.day, at.time()) == (1, 1, time())
    assert shape.starts <= grant.starts.timestamp()
    assert shape.until >= grant.ends.timestamp()


@pytest.mark.parametrize(
    ("starts", "ends", "first", "last"),
    [
        ("2026-11-21T10:00", "2026-12-20T10:00", "2026-10-01", "2027-01-01"),
        ("2026-12-31T23:59:59", "2027-01-01T00:00", "2026-10-01", "2027-01-01"),
        ("2027-01-01T00:00", "2027-01-01T00:00:01", "2027-01-01", "2027-04-01"),
        ("2026-03-31T23:59", "2026-09-30T23:59", "2026-01-01", "2026-10-01"),
        ("2026-08-01T00:00", "2026-10-01T00:00", "2026-07-01", "2026-10-01"),
    ],
)
def test_quarters_hold_the_whole_grant_and_no_quarter_more(starts, ends, first, last):
    found = proofs.whole_quarters(*(datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (starts, ends)))
    assert [datetime.fromtimestamp(one, UTC).date().isoformat() for one in found] == [first, last]


def test_one_confirmation_sent_twice_makes_one_grant(ana, lee):
    once = uuid.uuid4()
    first = people.give(ana, lee, Category.LABS, once=once)
    second = people.give(ana, lee, Category.LABS, once=once)
    assert first == second
    assert Grant.objects.count() == 1


def test_nothing_is_given_under_a_sentence_that_no_longer_holds(ana, lee):
    with pytest.raises(grants.CannotGive, match="changed"):
        people.give(ana, lee, Category.LABS, sentence="Dr Lee may see nothing.")
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"categories": []}, "at least one part"),
        ({"actions": []}, "what they may do"),
        ({"days": -1}, "later than now"),
        ({"days": 800}, "within two years"),
    ],
)
def test_what_cannot_be_given_says_what_to_change(ana, lee, change, says):
    facts = {"categories": [Category.LABS], "actions": [Action.READ], "days": 30} | change
    now = clock.now()
    with pytest.raises(grants.CannotGive, match=says):
        grants.give(
            ana.patient,
            keyring=ana.keyring,
            reader=lee.user,
            categories=facts["categories"],
            actions=facts["actions"],
            starts=now,
            ends=now + timedelta(days=facts["days"]),
        )


def test_nothing_is_given_to_somebody_whose_licence_is_not_confirmed(ana, lee):
    lee.user.clinician.credentials.update(status="suspended")
    with pytest.raises(grants.CannotGive, match="licence is not confirmed"):
        people.give(ana, lee, Category.LABS)


def test_nothing_is_given_to_oneself(ana):
    with pytest.raises(grants.CannotGive):
        people.give(ana, ana, Category.LABS)


def test_a_grant_puts_its_token_on_the_way_once(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    assert list(grant.parcels.values_list("kind", flat=True)) == [GrantParcel.Kind.MINT]
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert set(grant.parcels.values_list("kind", flat=True)) == {GrantParcel.Kind.MINT, GrantParcel.Kind.BURN}


@pytest.mark.security
def test_ending_turns_the_epoch_and_a_kept_key_opens_nothing_new(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    kept = keys.granted_boxes(with_record.patient, {"labs": grant}, keyring=lee.keyring)
    grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    current = Lockbox.objects.current().get(patient=with_record.patient, part="labs")
    assert current.epoch == kept["labs"].lockbox.epoch + 1
    assert vault.read(with_record.patient, kept) == []
    assert texts(open_own(with_record.patient, keyring=with_record.keyring)) >= {"marker labs"}


def test_those_who_stay_keep_reading_when_somebody_else_leaves(with_record, lee, stranger):
    people.give(with_record, stranger, Category.LABS)
    leaving = people.give(with_record, lee, Category.LABS)
    grants.end(leaving, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    chart = open_chart(with_record.patient, reader=stranger.user, keyring=stranger.keyring, purpose=Purpose.TREAT)
    assert texts(chart) == {"marker labs"}


def test_an_ending_without_keys_is_completed_when_the_patient_comes_in(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    grants.end(grant, keyring=None, by=access.own_party(with_record.patient))
    assert upkeep.tidy(with_record.patient, keyring=None) == 0
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 1
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0
    assert Ending.objects.get().epoch_turned_at is not None
    assert Lockbox.objects.current().get(patient=with_record.patient, part="labs").epoch == 2


def test_where_nothing_waits_for_the_patient_that_is_one_statement(
    with_record, lee, stranger, django_assert_num_queries
):
    people.give(with_record, lee, Category.LABS)
    people.give(with_record, stranger, Category.LABS, actions=(Action.WRITE,))
    with django_assert_num_queries(1):
        assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0


def test_what_arrives_before_a_session_moves_to_the_root_at_the_first_reading(ana, lee):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    access.add_entries(
        ana.patient, [draft(Category.LABS, "arrived")], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT
    )
    assert BatchKey.objects.count() == 1
    assert texts(open_own(ana.patient, keyring=ana.keyring)) == {"arrived"}
    assert BatchKey.objects.count() == 0
    assert texts(open_own(ana.patient, keyring=ana.keyring)) == {"arrived"}


@pytest.mark.security
def test_a_swapped_lockbox_key_catches_nothing(ana, lee):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    other = people.patient("Somebody Else")
    theirs = Lockbox.objects.get(patient=other.patient, part="labs")
    Lockbox.objects.filter(patient=ana.patient, part="labs").update(public=theirs.public)
    with pytest.raises(LockboxForged, match="not signed by who opened it"):
        access.add_entries(
            ana.patient, [draft(Category.LABS)], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT
        )


@pytest.mark.security
def test_a_lockbox_key_signed_by_a_stranger_catches_nothing(ana, lee, stranger):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    box = Lockbox.objects.get(patient=ana.patient, part="labs")
    planted = generate_kem().public
    version = stranger.user.reader.keyring.version
    Lockbox.objects.filter(pk=box.pk).update(
        public=planted, opened_by=version, signature=stranger.keyring.sign(identity(box) + planted)
    )
    with pytest.raises(LockboxForged):
        access.add_entries(
            ana.patient, [draft(Category.LABS)], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT
        )


@pytest.mark.security
def test_nothing_is_sealed_to_an_exchanged_key(ana, lee):
    version = lee.user.reader.keyring.version
    type(version).objects.filter(pk=version.pk).update(kem_public=generate_kem().public)
    with pytest.raises(grants.CannotGive, match="not the ones they registered"):
        people.give(ana, lee, Category.LABS)
    assert not Grant.objects.exists()


@pytest.mark.security
def test_stopping_works_though_ones_own_stored_key_was_exchanged_and_nothing_is_sealed_to_it(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    version = with_record.user.reader.keyring.version
    type(version).objects.filter(pk=version.pk).update(kem_public=generate_kem().public)
    grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert Ending.objects.get().epoch_turned_at is None
    assert Lockbox.objects.current().get(patient=with_record.patient, part="labs").epoch == 1
    with pytest.raises(access.AccessDenied):
        open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)


@pytest.mark.security
def test_a_reader_whose_key_was_exchanged_is_left_out_when_the_epoch_turns(with_record, lee, stranger):
    people.give(with_record, stranger, Category.LABS)
    leaving = people.give(with_record, lee, Category.LABS)
    version = stranger.user.reader.keyring.version
    type(version).objects.filter(pk=version.pk).update(kem_public=generate_kem().public)
    grants.end(leaving, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert not Seal.objects.filter(reader=stranger.user.reader, lockbox__closed_at=None, lockbox__part="labs").exists()


@pytest.mark.security
def test_a_key_exchanged_after_the_grant_closes_it(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    version = lee.user.reader.keyring.version
    type(version).objects.filter(pk=version.pk).update(kem_public=generate_kem().public)
    with pytest.raises(access.AccessDenied):
        open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)


@pytest.mark.security
def test_a_seal_moved_to_another_lockbox_opens_nothing(with_record):
    labs = Seal.objects.get(lockbox__patient=with_record.patient, lockbox__part="labs", reader=with_record.user.reader)
    genetic = Seal.objects.get(
        lockbox__patient=with_record.patient, lockbox__part="genetic", reader=with_record.user.reader
    )
    Seal.objects.filter(pk=genetic.pk).update(blob=labs.blob)
    with pytest.raises(CannotOpen):
        keys.own_boxes(with_record.patient, ["genetic"], keyring=with_record.keyring)


def test_who_can_see_lists_what_holds_and_what_is_over_apart(ana, lee, stranger):
    stays = people.give(ana, lee, Category.LABS)
    goes = people.give(ana, stranger, Category.LABS)
    grants.end(goes, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert list(queries.who_can_see(ana.patient, clock.now())) == [stays]
    assert list(queries.ended(ana.patient, clock.now())) == [goes]
