"""Why somebody comes is sealed; everybody else has a commitment."""

import uuid

import pytest

from appointments import booking
from appointments.booking import NotPossible, reasons
from audit import queries as log
from consent import access
from consent.access import KeysLocked
from ehr.words import Category
from tests import people
from tests.appointments.visiting_hours import on

WORDS = "A cough that does not go away"


def opened(person) -> list[dict]:
    return [one.resource for one in access.open_own(person.patient, keyring=person.keyring).entries]


def test_a_reason_is_a_sealed_entry_of_the_treatment_part_and_the_visit_holds_its_id(harbour, ana):
    visit = booking.add_reason(harbour.book(on(0, "10:00"), ana), f"  {WORDS}\n", keyring=ana.keyring)
    (entry,) = access.open_own(ana.patient, keyring=ana.keyring, categories=[Category.TREATMENT]).entries
    assert entry.logical_id == visit.reason
    assert (entry.resource["resourceType"], entry.resource["reasonCode"]) == ("ServiceRequest", [{"text": WORDS}])
    assert len(bytes(visit.reason_commitment)) == 32


def test_whoever_opens_the_entry_can_show_that_it_is_what_was_committed_to(harbour, ana):
    visit = booking.add_reason(harbour.book(on(0, "10:00"), ana), WORDS, keyring=ana.keyring)
    (resource,) = opened(ana)
    assert reasons.opens(visit, resource)
    assert not reasons.opens(visit, resource | {"reasonCode": [{"text": "Something else"}]})


def test_the_same_words_commit_differently_each_time(harbour, ana):
    visit = harbour.book(on(0, "10:00"), ana)
    both = [bytes(booking.add_reason(visit, WORDS, keyring=ana.keyring).reason_commitment) for _twice in range(2)]
    assert len(set(both)) == 2


def test_words_stand_nowhere_in_clear(harbour, ana):
    visit = booking.add_reason(harbour.book(on(0, "10:00"), ana), WORDS, keyring=ana.keyring)
    rows = str(list(type(visit).objects.values())) + str([line.details for line in log.story(ana.patient.pk)])
    assert "cough" not in rows


def test_the_reason_of_a_visit_that_moves_goes_along(harbour, ana):
    visit = booking.add_reason(harbour.book(on(1, "10:00"), ana), WORDS, keyring=ana.keyring)
    moved = harbour.move(visit, on(1, "14:00"), ana)
    assert reasons.opens(moved, opened(ana)[0])


@pytest.mark.parametrize("whose", ["nobody", "stranger"])
def test_without_the_patient_s_own_keys_nothing_is_said(harbour, ana, ben, whose):
    visit = harbour.book(on(0, "10:00"), ana)
    with pytest.raises(KeysLocked):
        booking.add_reason(visit, WORDS, keyring=None if whose == "nobody" else ben.keyring)
    assert [line.outcome for line in log.story(ana.patient.pk) if line.action == "entry.refused"] == ["refused"]
    visit.refresh_from_db()
    assert visit.reason is None


def test_of_a_visit_that_is_over_nothing_is_said_and_a_reason_is_short(harbour, ana):
    visit = harbour.book(on(0, "10:00"), ana)
    for words in ("", " ", "a" * 1001):
        with pytest.raises(NotPossible, match="few words"):
            booking.add_reason(visit, words, keyring=ana.keyring)
    booking.cancel(visit, by=ana.user)
    with pytest.raises(NotPossible, match="cancelled"):
        booking.add_reason(visit, WORDS, keyring=ana.keyring)
    assert not opened(ana)


def test_sensitive_words_go_into_their_part(harbour, ana):
    visit = booking.add_reason(harbour.book(on(0, "10:00"), ana), "HIV test", keyring=ana.keyring)
    assert visit.reason
    people.give(ana, harbour.lee, Category.TREATMENT)
    assert uuid.UUID(opened(ana)[0]["id"]) == visit.reason
