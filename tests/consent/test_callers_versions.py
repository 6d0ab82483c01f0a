"""Versions through an interface: what was, what follows, and what is no more; nothing else shows or counts what is."""

from datetime import date

import pytest

from consent.access import (
    AccessDenied,
    ChangedMeanwhile,
    Draft,
    add_own,
    copy_own,
    open_chart,
    open_own,
    open_record,
    write_record,
)
from consent.sharing.grants import Narrow
from ehr import clock
from ehr.intake import drafts as intake
from ehr.words import Action, Category, Purpose
from patients import queries as patients
from patients.models import Entry
from tests import people
from tests.consent.calling import app_caller, clinician_caller, lab, opened, patient_caller, written
from tests.consent.test_access import last_payload

pytestmark = pytest.mark.django_db
READ_WRITE = (Action.READ, Action.WRITE)


@pytest.fixture
def glucose(ana):
    """A result of Ana's in two versions."""
    first = lab("glucose")
    add_own(ana.patient, [first], keyring=ana.keyring)
    add_own(ana.patient, [lab("glucose, corrected", logical_id=first.logical_id, version=2)], keyring=ana.keyring)
    return first.logical_id


def deletion(glucose, version=3) -> Draft:
    return Draft.deletion("Observation", glucose, version=version, parts=("labs",))


@pytest.fixture
def removed(ana, glucose):
    write_record(ana.patient, patient_caller(ana), [deletion(glucose)])
    return glucose


def test_a_search_shows_the_newest_version(ana, glucose):
    (row,) = open_record(ana.patient, patient_caller(ana)).rows
    assert (row.version, row.current, row.deleted) == (2, True, False)
    assert row.resource["code"]["text"] == "glucose, corrected"


def test_every_version_is_there_for_who_asks(ana, glucose):
    rows = open_record(ana.patient, patient_caller(ana), logical_id=glucose, all_versions=True).rows
    assert [(one.version, one.current) for one in rows] == [(2, True), (1, False)]
    assert all(one.author_valid for one in rows)


def test_what_was_deleted_is_in_no_search(ana, removed):
    assert opened(ana, patient_caller(ana)) == []
    assert last_payload(action="entry.removed")["categories"] == ["labs"]


def test_who_asks_for_it_by_its_id_learns_that_it_was_deleted(ana, removed):
    (row,) = open_record(ana.patient, patient_caller(ana), logical_id=removed).rows
    assert (row.version, row.current, row.deleted) == (3, False, True)
    assert row.resource == {"resourceType": "Observation", "id": str(removed)}
    rows = open_record(ana.patient, patient_caller(ana), logical_id=removed, all_versions=True).rows
    assert [one.version for one in rows] == [3, 2, 1]


def test_no_page_copy_or_count_knows_what_was_deleted(ana, lee, removed):
    people.give(ana, lee, Category.LABS)
    own = {"keyring": ana.keyring}
    assert open_own(ana.patient, **own).entries == []
    assert open_own(ana.patient, logical_id=removed, all_versions=True, **own).entries == []
    assert copy_own(ana.patient, **own).entries == []
    chart = open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT, all_versions=True)
    assert chart.entries == []
    assert patients.entries_by_part(ana.patient) == {}
    assert patients.written_by(ana.patient, ana.user) == set()
    assert patients.current_entry(ana.patient, removed) is None
    assert patients.newest_versions(ana.patient, [removed]) == {}
    assert patients.entries_in(ana.patient, [removed]) == {}
    assert patients.new_entries([ana.patient], since=ana.patient.created_at, besides=lee.user) == {}


def test_who_was_given_it_alone_reads_it_no_more_once_it_is_deleted(ana, lee, glucose):
    people.give(ana, lee, Category.LABS, narrow=Narrow(entries=frozenset({str(glucose)})))
    assert opened(ana, clinician_caller(lee)) == ["glucose, corrected"]
    write_record(ana.patient, patient_caller(ana), [deletion(glucose)])
    assert opened(ana, clinician_caller(lee)) == []
    chart = open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert chart.entries == []


def test_what_was_deleted_comes_back_as_the_next_version(ana, removed):
    with pytest.raises(ChangedMeanwhile):
        write_record(ana.patient, patient_caller(ana), [lab("glucose again", logical_id=removed)])
    write_record(ana.patient, patient_caller(ana), [lab("glucose again", logical_id=removed, version=4)])
    assert opened(ana, patient_caller(ana)) == ["glucose again"]


def test_a_deletion_needs_leave_to_write_in_the_parts_it_was_in(ana, lee, glucose):
    people.give(ana, lee, Category.LABS)
    with pytest.raises(AccessDenied):
        write_record(ana.patient, clinician_caller(lee), [deletion(glucose)])
    bolder = Draft.deletion("Observation", glucose, version=3, parts=("history",))
    people.give(ana, lee, Category.HISTORY, actions=READ_WRITE)
    with pytest.raises(AccessDenied):
        write_record(ana.patient, clinician_caller(lee), [bolder])
    people.give(ana, lee, Category.LABS, actions=READ_WRITE)
    write_record(ana.patient, clinician_caller(lee), [deletion(glucose)])
    assert opened(ana, patient_caller(ana)) == []


def test_many_at_once_are_all_or_none(ana, lee, glucose):
    people.give(ana, lee, Category.LABS, actions=READ_WRITE)
    before = Entry.objects.count()
    stale = lab("too late", logical_id=glucose, version=2)
    with pytest.raises(ChangedMeanwhile):
        write_record(ana.patient, clinician_caller(lee), [lab("one"), stale])
    prescription = written({"resourceType": "MedicationRequest", "status": "active", "intent": "order"})
    with pytest.raises(AccessDenied):
        write_record(ana.patient, clinician_caller(lee), [lab("two"), prescription])
    assert Entry.objects.count() == before
    write_record(ana.patient, clinician_caller(lee), [lab("three"), deletion(glucose)])
    assert opened(ana, patient_caller(ana)) == ["three"]


def test_a_token_that_is_not_for_a_part_writes_nothing_there(ana, glucose):
    narrow = frozenset({Category.HISTORY})
    with pytest.raises(AccessDenied, match="allowed to ask for"):
        write_record(ana.patient, patient_caller(ana, writes=narrow), [deletion(glucose)])
    caller = app_caller(ana, Category.LABS, actions=READ_WRITE, writes=narrow)
    with pytest.raises(AccessDenied, match="allowed to ask for"):
        write_record(ana.patient, caller, [deletion(glucose)])
    assert last_payload(action="entry.refused")["because"] == "not-in-scope"


def test_who_may_change_some_days_changes_no_entry_of_others(ana, lee):
    old, new = lab("old", "2021-05-05"), lab("new", "2025-05-05")
    add_own(ana.patient, [old, new], keyring=ana.keyring)
    people.give(ana, lee, Category.LABS, actions=READ_WRITE, narrow=Narrow(record_from=date(2025, 1, 1)))
    caller = clinician_caller(lee)
    with pytest.raises(AccessDenied):
        write_record(ana.patient, caller, [lab("mine now", "2025-06-06", logical_id=old.logical_id, version=2)])
    write_record(ana.patient, caller, [lab("newer", "2025-06-06", logical_id=new.logical_id, version=2)])
    assert opened(ana, patient_caller(ana)) == ["newer", "old"]


def test_an_older_version_says_nothing_of_a_newer_one_that_is_hidden(ana, lee, glucose):
    people.give(ana, lee, Category.LABS)
    hidden = lab("glucose", logical_id=glucose, version=3, parts=[Category.MENTAL_HEALTH])
    write_record(ana.patient, patient_caller(ana), [hidden])
    for asked in ({}, {"all_versions": True}, {"logical_id": glucose}, {"logical_id": glucose, "all_versions": True}):
        assert open_record(ana.patient, clinician_caller(lee), **asked).rows == []


def test_what_a_patient_took_out_does_not_come_back_with_the_same_delivery(ana):
    result = {"resourceType": "Observation", "id": "r1", "status": "final", "code": {"text": "sodium"}}
    ((_kind, sent),) = intake.make(ana.patient, [result], source="City Laboratory")
    add_own(ana.patient, [sent], keyring=ana.keyring)
    gone = Draft.deletion("Observation", sent.logical_id, version=2, parts=sent.parts)
    write_record(ana.patient, patient_caller(ana), [gone])
    assert list(intake.make(ana.patient, [result], source="City Laboratory")) == []
    ((_kind, corrected),) = intake.make(ana.patient, [result | {"status": "amended"}], source="City Laboratory")
    assert corrected.version == 3


def test_a_version_is_dated_by_the_servers_clock(ana, glucose):
    (row,) = open_record(ana.patient, patient_caller(ana)).rows
    assert abs((clock.now() - row.written_at).total_seconds()) < 60
