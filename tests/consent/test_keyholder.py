"""What the keyholder lets go, and everything it does not: it believes the log, and nobody who asks."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection

from audit import log, triggers
from audit.models import Event, EventBody
from consent import escrow, keys, queries
from consent.keyholder import releases, wire
from consent.keyholder.answers import answer
from consent.models import EscrowUse
from consent.sharing import arrivals
from ehr import clock
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.models import User
from ehr.words import Category
from patients.models import LOG_PART, PARTS, Lockbox
from providers.models import Credential
from providers.roles import Role
from tests import people
from tests.consent.keyholding import (
    EMERGENCY_PARTS,
    digest,
    person,
    refused,
    release,
    say_claimed,
    say_emergency,
    waiting_record,
)

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def key():
    return OneUseKey()


@pytest.fixture
def claim(ground):
    """A claim of a record that arrived first, which two staff have confirmed."""
    one, other = people.checker("Staff One"), people.checker("Staff Two")
    ana = people.account("Ana Costa")
    claim = arrivals.take_up(arrivals.invite(waiting_record(), by=one)[1], user=ana.user)
    for staff in (one, other):
        arrivals.check_claim(claim, by=staff, document="passport")
    claim.refresh_from_db()
    return claim


@pytest.fixture
def doctor(ground):
    return people.clinician("Emil Ward", role=Role.EMERGENCY)


@pytest.fixture
def altered_log():
    """Change what an event's body says, beneath the application."""

    def alter(event, before, after):
        body = EventBody.objects.get(pk=event.pk)
        triggers.remove(connection)
        EventBody.objects.filter(pk=event.pk).update(payload=bytes(body.payload).replace(before, after))
        triggers.install(connection)

    return alter


# --- What it lets go -----------------------------------------------------------------------------
def test_an_emergency_opens_the_parts_its_event_names_and_no_other(with_record, doctor, key):
    found = release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    assert {one.part for one in found} == {"basic", "labs"}
    use = EscrowUse.objects.get()
    assert (use.why, use.actor, use.patient) == ("emergency", doctor.user.pk, with_record.patient)


def test_what_it_lets_go_opens_the_record(with_record, doctor):
    secrets = escrow.released(
        with_record.patient,
        why="emergency",
        record=lambda to: say_emergency(with_record.patient, doctor.user, OneUseKey(), details={"to": to}),
    )
    boxes = keys.boxes_of(with_record.patient, secrets, EMERGENCY_PARTS)
    own = keys.own_boxes(with_record.patient, EMERGENCY_PARTS, keyring=with_record.keyring)
    assert {part: (box.private, box.root) for part, box in boxes.items()} == {
        part: (box.private, box.root) for part, box in own.items()
    }


def test_the_words_on_a_patients_log_open_in_no_emergency(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key, categories=[*PARTS])
    assert LOG_PART not in {one.part for one in release(event, with_record.patient, key)}


def test_an_answer_opens_with_the_key_the_event_names_and_with_no_other(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    one = release(event, with_record.patient, key)[0]
    info = releases.released_info(event.pk, one.part, one.epoch)
    assert len(key.open_seal(one.blob, info=info)) == 128
    with pytest.raises(keys.CannotOpen):
        OneUseKey().open_seal(one.blob, info=info)
    with pytest.raises(keys.CannotOpen):
        key.open_seal(one.blob, info=releases.released_info(uuid.uuid4(), one.part, one.epoch))


def test_no_key_crosses_in_clear(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    asked = {"ask": "release", "event": str(event.pk), "patient": str(with_record.patient.pk), "why": "emergency"}
    sent = answer(wire.pack(asked | {"to": wire.text(key.public)}))
    boxes = keys.own_boxes(with_record.patient, EMERGENCY_PARTS, keyring=with_record.keyring)
    told = b"".join(wire.raw(blob) for _part, _epoch, blob in wire.unpack(sent)["seals"])
    assert all(secret not in told for box in boxes.values() for secret in (box.private, box.root))


def test_only_current_epochs_are_let_go(with_record, doctor, key):
    keys.turn(with_record.patient, [Category.LABS], keyring=with_record.keyring)
    found = release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    assert {(one.part, one.epoch) for one in found} == {("basic", 1), ("labs", 2)}


def test_a_claim_opens_every_part(claim, key):
    found = release(say_claimed(claim, key), claim.patient, key, "claim")
    assert {one.part for one in found} == set(map(str, PARTS))


def test_a_damaged_seal_leaves_the_other_parts(with_record, doctor, key):
    kept = Lockbox.objects.get(patient=with_record.patient, part="labs").seals.get(reader=queries.escrow())
    kept.blob = kept.blob[:-1] + bytes([kept.blob[-1] ^ 1])
    kept.save()
    found = release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    assert {one.part for one in found} == {"basic"}


# --- What it does not ----------------------------------------------------------------------------
def test_an_event_that_was_never_committed_opens_nothing(with_record, key):
    assert refused(Event(id=uuid.uuid4()), with_record.patient, key) == "no-event"


def test_an_event_opens_once(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    release(event, with_record.patient, key)
    assert refused(event, with_record.patient, key) == "used"


def test_an_event_opens_within_two_minutes(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    with time_machine.travel(clock.now() + timedelta(minutes=2, seconds=1)):
        assert refused(event, with_record.patient, key) == "stale"


def test_an_event_of_tomorrow_opens_nothing_today(with_record, doctor, key):
    with time_machine.travel(clock.now() + timedelta(seconds=30)):
        event = say_emergency(with_record.patient, doctor.user, key)
    clock.watch.forget()
    assert refused(event, with_record.patient, key) == "stale"


def test_an_event_about_another_patient_opens_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    assert refused(event, people.patient("Somebody Else").patient, key) == "other-patient"


@pytest.mark.parametrize("action", ["chart.opened", "claim.released", "succession.released", "emergency.ended"])
def test_an_event_that_says_something_else_opens_nothing(with_record, doctor, key, action):
    event = log.record(action, actor=person(doctor.user), subject=with_record.patient.pk, details={"to": digest(key)})
    assert refused(event, with_record.patient, key) == "other-action"


def test_a_word_that_opens_nothing_opens_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    assert refused(event, with_record.patient, key, "curiosity") == "other-action"


def test_a_refused_event_opens_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key, outcome="refused")
    assert refused(event, with_record.patient, key) == "other-action"


def test_whoever_races_with_the_events_id_gets_nothing_and_spoils_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    assert refused(event, with_record.patient, OneUseKey()) == "other-key"
    assert release(event, with_record.patient, key)


def test_an_event_that_names_no_key_opens_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key, details={})
    assert refused(event, with_record.patient, key) == "other-key"


def test_an_event_whose_words_were_changed_opens_nothing(with_record, doctor, key, altered_log):
    event = say_emergency(with_record.patient, doctor.user, key)
    altered_log(event, b'"basic"', b'"genes"')
    assert refused(event, with_record.patient, key) == "altered"


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.EMERGENCY, Role.PRIMARY_PHYSICIAN, Role.SPECIALIST}))
def test_other_roles_break_no_glass(with_record, key, role):
    nobody = people.clinician("Nora Other", role=role)
    assert refused(say_emergency(with_record.patient, nobody.user, key), with_record.patient, key) == "standing"


@pytest.mark.parametrize("role", [Role.EMERGENCY, Role.PRIMARY_PHYSICIAN, Role.SPECIALIST])
def test_these_roles_do(with_record, key, role):
    doctor = people.clinician("Nora Other", role=role)
    assert release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)


def test_a_licence_that_ran_out_breaks_no_glass(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    Credential.objects.filter(clinician__user=doctor.user).update(expires_at=clock.now())
    assert refused(event, with_record.patient, key) == "standing"


def test_a_suspended_account_breaks_no_glass(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key)
    User.objects.filter(pk=doctor.user.pk).update(is_active=False)
    assert refused(event, with_record.patient, key) == "standing"


def test_a_program_breaks_no_glass(with_record, doctor, key):
    actor = log.Party("system", doctor.user.pk, "Somebody's program")
    event = log.record(
        "emergency.opened",
        actor=actor,
        subject=with_record.patient.pk,
        categories=EMERGENCY_PARTS,
        details={"to": digest(key)},
    )
    assert refused(event, with_record.patient, key) == "standing"


def test_one_person_opens_so_many_records_an_hour(with_record, doctor, key, settings):
    settings.BREAK_GLASS_PER_HOUR = 2
    for _ in range(2):
        release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    assert refused(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key) == "too-many"
    other = people.clinician("Another Doctor", role=Role.EMERGENCY)
    assert release(say_emergency(with_record.patient, other.user, key), with_record.patient, key)
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
        assert release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)


def test_rows_taken_away_make_no_room(with_record, doctor, key, settings, monkeypatch):
    monkeypatch.setattr(releases, "_lately", None)
    releases.remember()
    settings.BREAK_GLASS_PER_HOUR = 1
    release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    EscrowUse.objects.all().delete()
    assert refused(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key) == "too-many"
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
        assert release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)


def test_each_release_is_told_where_the_database_cannot_reach(with_record, doctor, key, caplog):
    event = say_emergency(with_record.patient, doctor.user, key)
    with caplog.at_level("INFO"):
        release(event, with_record.patient, key)
    assert f"Opened 2 part(s) of record {with_record.patient.pk} for event {event.pk}: emergency." in caplog.text
    assert "Costa" not in caplog.text


def test_all_together_open_so_many_records_an_hour(with_record, doctor, key, settings):
    settings.RELEASES_PER_HOUR = 1
    release(say_emergency(with_record.patient, doctor.user, key), with_record.patient, key)
    other = people.clinician("Another Doctor", role=Role.EMERGENCY)
    assert refused(say_emergency(with_record.patient, other.user, key), with_record.patient, key) == "too-many"


def test_an_emergency_that_names_no_part_opens_nothing(with_record, doctor, key):
    event = say_emergency(with_record.patient, doctor.user, key, categories=[])
    assert refused(event, with_record.patient, key) == "nothing-sealed"


def test_a_claim_that_one_person_checked_opens_nothing(claim, key):
    claim.checks.last().delete()
    assert refused(say_claimed(claim, key), claim.patient, key, "claim") == "claim-not-ready"


def test_a_claim_of_somebody_else_opens_nothing(claim, key):
    event = say_claimed(claim, key, actor=person(people.account("Somebody Else").user))
    assert refused(event, claim.patient, key, "claim") == "claim-not-ready"


def test_a_record_that_has_its_patient_is_claimed_by_nobody(claim, key):
    event = say_claimed(claim, key)
    claim.patient.user, claim.patient.claimed_at = people.account("Ana Costa").user, clock.now()
    claim.patient.save()
    assert refused(event, claim.patient, key, "claim") == "claim-not-ready"


def test_a_claim_that_is_finished_opens_nothing(claim, key):
    event = say_claimed(claim, key)
    claim.finished_at = clock.now()
    claim.save()
    assert refused(event, claim.patient, key, "claim") == "claim-not-ready"


def succession(patient, heir, key, checked_by):
    return log.record(
        "succession.released",
        actor=person(heir),
        subject=patient.pk,
        details={"to": digest(key), "checked_by": [str(one) for one in checked_by]},
    )


def test_a_succession_takes_two_staff_whose_job_it_is(with_record, key):
    heir, one, other = people.account("Rui Costa").user, people.checker("One"), people.checker("Other")
    stranger = people.account("Not Staff").user
    for checked_by in ([], [one.pk], [one.pk, one.pk], [one.pk, stranger.pk], [one.pk, heir.pk], [one.pk, "?"]):
        event = succession(with_record.patient, heir, key, checked_by)
        assert refused(event, with_record.patient, key, "succession") == "not-checked"
    # Nobody is two people: an heir who is staff needs two others.
    heir.user_permissions.add(Permission.objects.get(codename="check_identity"))
    event = succession(with_record.patient, heir, key, [one.pk, heir.pk])
    assert refused(event, with_record.patient, key, "succession") == "not-checked"
    assert release(
        succession(with_record.patient, heir, key, [one.pk, other.pk]), with_record.patient, key, "succession"
    )
