"""An entry that its wrong patient handed back goes where it belongs: two people say so, and nobody reads it."""

from datetime import timedelta

import pytest
import time_machine

from audit import queries as audit
from audit.models import Event
from consent import escrow
from consent.access import open_own
from ehr import clock
from ehr.accounts.operations import Refused
from ehr.intake import moving, strays, tasks
from ehr.intake.models import Stray
from patients.models import Entry, Identifier, Patient, WrappedKey
from tests import people

from .hl7v2.conftest import sending, worker
from .hl7v2.vectors import GLUCOSE, oru

__all__ = ["sending", "worker"]

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SYSTEM, NUMBER = "urn:health-card", "HC 77"


@pytest.fixture
def second(sending):
    return worker("Second One", "join_records", "remove_stray")


@pytest.fixture
def anna(sending) -> people.Person:
    """Anna, who got a result that is Ben's."""
    person = people.patient("Anna")
    sending.post(oru(GLUCOSE, control="1"))
    Identifier.objects.filter(patient__user=None).update(patient=person.patient)
    sending.post(oru(GLUCOSE.replace("2345-7", "2823-3"), control="7", obr="OBR|1||X-1|K^K^L", at="20261122080000"))
    return person


@pytest.fixture
def ben(anna) -> people.Person:
    person = people.patient("Ben", identifier=NUMBER)
    Identifier.objects.filter(patient=person.patient).update(verified_at=clock.now())
    return person


def results(person: people.Person) -> list[dict]:
    opened = open_own(person.patient, keyring=person.keyring).entries
    return [one.resource for one in opened if one.resource["resourceType"] == "Observation"]


@pytest.fixture
def stray(anna, ben) -> Stray:
    """Anna says it is not about her, and hands it back."""
    opened = open_own(anna.patient, keyring=anna.keyring).entries
    [entry] = [one for one in opened if one.resource["resourceType"] == "Observation"]
    feed = moving.feed_of(anna.patient, entry.logical_id)
    handed = moving.handed_back(feed, entry.resource)
    return strays.named_by_patient(anna.patient, entry.logical_id, by=anna.user, reason="not me", handed=handed)


def addressed(stray: Stray, by) -> Stray:
    moving.send_on(stray, system=SYSTEM, number=NUMBER, by=by)
    stray.refresh_from_db()
    return stray


def actions(patient: Patient) -> list[str]:
    return [audit.facts(one.pk)["action"] for one in Event.objects.filter(subject=patient.pk).order_by("pk")]


def test_handed_back_it_is_in_the_right_record_and_gone_from_the_wrong_one(sending, second, anna, ben, stray):
    [before] = results(anna)
    rows = list(stray.entries)
    assert moving.move(addressed(stray, sending.by), by=second) > 0
    assert results(anna) == []
    assert not WrappedKey.objects.filter(entry__in=rows).exists()
    assert not Entry.objects.filter(pk__in=rows).exists()
    [now] = results(ben)
    assert now["valueQuantity"] == before["valueQuantity"]
    assert now["code"] == before["code"]
    assert now["subject"] == {"reference": f"Patient/{ben.patient.pk}"}
    opened = open_own(ben.patient, keyring=ben.keyring).entries
    assert all(one.author_valid for one in opened)


def test_it_stands_on_both_lists_and_each_names_its_own_record_only(sending, second, anna, ben, stray):
    moving.move(addressed(stray, sending.by), by=second)
    assert [one for one in actions(anna.patient) if one.startswith("stray.")] == [
        "stray.named",
        "stray.addressed",
        "stray.moved",
    ]
    assert "stray.arrived" in actions(ben.patient)
    for one in Event.objects.filter(subject=ben.patient.pk):
        told = str(audit.facts(one.pk))
        assert str(anna.patient.pk) not in told
        assert "Anna" not in told
    for one in Event.objects.filter(subject=anna.patient.pk):
        assert str(ben.patient.pk) not in str(audit.facts(one.pk))


def test_one_person_alone_moves_nothing(sending, anna, ben, stray):
    with pytest.raises(Refused, match="second person"):
        moving.move(addressed(stray, sending.by), by=sending.by)
    assert (len(results(anna)), results(ben)) == (1, [])


def test_it_goes_nowhere_before_somebody_says_where(second, stray):
    with pytest.raises(Refused, match="to whom"):
        moving.move(stray, by=second)


def test_neither_patient_decides_about_it(sending, second, anna, ben, stray):
    stray = addressed(stray, sending.by)
    Patient.objects.filter(pk=ben.patient.pk).update(user=second)
    with pytest.raises(Refused, match="your own"):
        moving.move(Stray.objects.get(pk=stray.pk), by=second)


def test_nobody_else_may(sending, stray):
    stranger = people.account("Sam", staff=True).user
    for act in (
        lambda: moving.send_on(stray, system=SYSTEM, number=NUMBER, by=stranger),
        lambda: moving.move(addressed(stray, sending.by), by=stranger),
    ):
        with pytest.raises(Refused, match="desk role"):
            act()


def test_an_unknown_number_and_the_same_record_are_refused(sending, stray):
    with pytest.raises(Refused, match="number"):
        moving.send_on(stray, system=SYSTEM, number="nobody", by=sending.by)


def test_what_staff_named_is_not_there_to_move(sending, second, anna, ben):
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    with pytest.raises(Refused, match="nothing back"):
        moving.send_on(stray, system=SYSTEM, number=NUMBER, by=second)


def test_what_is_kept_opens_in_no_other_row_and_only_against_a_line_of_whose_job_it_is(sending, second, stray):
    other = Stray.objects.create(
        patient=stray.patient,
        said_by=stray.said_by,
        feed=stray.feed,
        key_version=stray.key_version,
        sealed_key=stray.sealed_key,
        body=stray.body,
        target=stray.target,
    )
    with pytest.raises(escrow.NotReleased):
        moving.move(addressed(other, sending.by), by=second)
    stray = addressed(stray, sending.by)
    with pytest.raises(escrow.NotReleased):
        moving._opened(stray, people.account("Sam", staff=True).user)


def test_with_the_keyholder_away_nothing_is_lost(sending, second, anna, ben, stray, settings):
    stray = addressed(stray, sending.by)
    held, settings.KEYHOLDER_FILE_KEY = settings.KEYHOLDER_FILE_KEY, b""
    with pytest.raises(escrow.NotReleased):
        moving.move(stray, by=second)
    settings.KEYHOLDER_FILE_KEY = held
    assert len(results(anna)) == 1
    assert moving.move(stray, by=second) > 0
    assert len(results(ben)) == 1


def test_moved_twice_it_is_there_once(sending, second, ben, stray):
    stray = addressed(stray, sending.by)
    moving.move(stray, by=second)
    with pytest.raises(Refused):
        moving.move(Stray.objects.get(pk=stray.pk), by=second)
    assert len(results(ben)) == 1


def test_once_it_is_decided_nothing_of_it_is_kept(sending, second, anna, stray):
    strays.remove(stray, by=second)
    stray.refresh_from_db()
    assert (bytes(stray.body), bytes(stray.sealed_key)) == (b"", b"")
    assert results(anna) == []


def test_after_thirty_days_it_is_kept_no_longer_and_stays_where_it_is(sending, second, anna, stray):
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert tasks.tidy() == 1
        assert tasks.tidy() == 0
        with pytest.raises(Refused, match="nothing back"):
            moving.send_on(Stray.objects.get(pk=stray.pk), system=SYSTEM, number=NUMBER, by=second)


def test_the_text_stands_nowhere_in_clear(stray):
    assert b"valueQuantity" not in bytes(stray.body) + bytes(stray.sealed_key)
    assert len(stray.body) > 100


def test_what_is_entered_by_hand_is_not_handed_back(ben):
    assert moving.feed_of(ben.patient, ben.patient.pk) is None
