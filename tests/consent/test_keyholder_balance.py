"""The account of the escrow: its uses equal claims, emergencies and successions together."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection

from audit import log, triggers
from audit.models import Erasure, EventBody
from consent import escrow
from consent.escrow import NotReleased
from consent.keyholder import releases
from consent.keyholder.releases import Refused
from consent.models import EscrowUse
from consent.sharing import arrivals
from ehr import clock
from ehr.accounts.keyrings.held import OneUseKey
from providers.roles import Role
from tests import people
from tests.consent.keyholding import person, say_emergency, waiting_record

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def claimed():
    waiting = waiting_record()
    staff, ana = [people.checker("One"), people.checker("Other")], people.account("Ana Costa")
    claim = arrivals.take_up(arrivals.invite(waiting, by=staff[0])[1], user=ana.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    claim.refresh_from_db()
    return arrivals.finish_claim(claim, keyring=ana.keyring)


def opened(patient, doctor):
    return escrow.released(
        patient,
        why="emergency",
        record=lambda to: say_emergency(patient, doctor.user, OneUseKey(), details={"to": to}),
    )


def inherited(patient):
    heir, staff = people.account("Rui Costa").user, [people.checker("One"), people.checker("Other")]

    def record(to):
        details = {"to": to, "checked_by": [str(one.pk) for one in staff]}
        return log.record("succession.released", actor=person(heir), subject=patient.pk, details=details)

    return escrow.released(patient, why="succession", record=record)


@pytest.fixture
def used(with_record):
    """A claim, two emergencies, one that was refused, and a succession."""
    claimed()
    inherited(with_record.patient)
    doctor, nurse = people.clinician("Emil Ward", role=Role.EMERGENCY), people.clinician("Nora", role=Role.NURSE)
    for _ in range(2):
        opened(with_record.patient, doctor)
    with pytest.raises(NotReleased):
        opened(with_record.patient, nurse)
    return with_record.patient, doctor


def test_j4_9_uses_equal_claims_emergencies_and_successions_together(used):
    account = escrow.balance()
    assert account.holds
    assert account.uses == {"claim": 1, "emergency": 2, "succession": 1}
    assert sum(account.events.values()) == EscrowUse.objects.count() == 4


def test_the_officer_is_told_that_it_holds(used, capsys):
    call_command("verify_escrow")
    said = capsys.readouterr().out
    assert "emergency: 2 uses, 2 events" in said
    assert "Every use has its event" in said


def test_a_use_that_the_log_does_not_know_is_named(used):
    patient, doctor = used
    stray = EscrowUse.objects.create(event_id=patient.pk, patient=patient, why="emergency", actor=doctor.user.pk)
    assert escrow.balance().uses_alone == (str(stray.event_id),)
    with pytest.raises(CommandError, match=str(stray.event_id)):
        call_command("verify_escrow")


def test_a_use_moved_to_another_patient_is_named(used):
    use = EscrowUse.objects.filter(why="emergency").first()
    EscrowUse.objects.filter(pk=use.pk).update(patient=people.patient("Somebody Else").patient)
    assert escrow.balance().uses_alone == (str(use.event_id),)


def test_a_use_that_was_deleted_is_missed(used):
    gone = EscrowUse.objects.filter(why="emergency").first()
    EscrowUse.objects.filter(pk=gone.pk).delete()
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        assert escrow.balance().events_alone == (str(gone.event_id),)
        with pytest.raises(CommandError, match="no use of it is counted"):
            call_command("verify_escrow")


def test_a_deleted_use_is_missed_though_the_same_event_was_refused_afterwards(used):
    patient, _doctor = used
    gone = EscrowUse.objects.filter(why="emergency").first()
    EscrowUse.objects.filter(pk=gone.pk).delete()
    key = OneUseKey()
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        with pytest.raises(Refused):
            releases.release(gone.event_id, patient.pk, why="emergency", to=key.public)
        assert escrow.balance().events_alone == (str(gone.event_id),)


def test_an_event_of_this_minute_may_still_be_used(used, capsys):
    patient, doctor = used
    say_emergency(patient, doctor.user, OneUseKey())
    assert (escrow.balance().waiting, escrow.balance().holds) == (1, True)
    call_command("verify_escrow")
    assert "may still be used" in capsys.readouterr().out


def test_an_event_that_nothing_came_of_is_missed_after_two_minutes(used):
    patient, doctor = used
    event = say_emergency(patient, doctor.user, OneUseKey())
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        assert escrow.balance().events_alone == (str(event.pk),)


def test_an_erased_record_keeps_its_uses_in_the_account(used):
    patient, _doctor = used
    for use in EscrowUse.objects.filter(patient=patient):
        Erasure.objects.create(event_id=use.event_id, at=clock.now())
        triggers.remove(connection)
        EventBody.objects.filter(pk=use.event_id).delete()
        triggers.install(connection)
    assert escrow.balance().holds
