"""What turns out to be sensitive moves into its part, in its patient's session, and is otherwise the same."""

import logging

import pytest

from consent import keys
from consent.access import add_own, copy_own, open_chart, open_own, open_record, receive, sorting
from consent.sharing.grants import Narrow
from ehr.intake import drafts as intake
from ehr.intake.operations import source_signer
from ehr.r4 import labels
from ehr.words import Category, Purpose
from patients import vault
from patients.models import BundledKey, Entry, Patient, WrappedKey
from tests import people
from tests.consent.calling import clinician_caller, opened, patient_caller, written
from tests.consent.test_access import last_payload

pytestmark = pytest.mark.django_db
CODE = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"}
CONDITION = {"resourceType": "Condition", "code": {"coding": [CODE], "text": "low mood"}}
HISTORY, MIND, GENES = Category.HISTORY, Category.MENTAL_HEALTH, Category.GENETIC


@pytest.fixture
def known_late(ana):
    """A condition that was put into the history, by rules that did not know its code yet."""
    draft = written(CONDITION, parts=[HISTORY])
    add_own(ana.patient, [draft], keyring=ana.keyring)
    Patient.objects.filter(pk=ana.patient.pk).update(sorted_by="older rules")
    ana.patient.refresh_from_db()
    return draft.logical_id


def parts_of(logical_id) -> set[str]:
    return set(WrappedKey.objects.filter(entry__logical_id=logical_id).values_list("lockbox__part", flat=True))


def sort(person) -> int:
    return sorting.sort(person.patient, keyring=person.keyring)


def test_stricter_rules_move_an_entry_into_the_sensitive_part(ana, known_late):
    assert sort(ana) == 1
    assert parts_of(known_late) == {"mental-health"}


def test_it_moves_when_its_patient_opens_their_record(ana, known_late):
    open_own(ana.patient, keyring=ana.keyring, categories=[Category.LABS])
    assert parts_of(known_late) == {"mental-health"}


def test_it_moves_when_its_patient_takes_a_copy(ana, known_late):
    (entry,) = copy_own(ana.patient, keyring=ana.keyring).entries
    assert entry.parts == ("mental-health",)


def test_it_moves_when_its_patient_opens_their_record_through_a_program(ana, known_late):
    (row,) = open_record(ana.patient, patient_caller(ana), types=["Condition"]).rows
    assert row.parts == ("mental-health",)


def test_who_could_see_the_old_part_sees_it_no_more(ana, lee, stranger, known_late):
    people.give(ana, lee, HISTORY)
    people.give(ana, stranger, MIND)
    assert opened(ana, clinician_caller(lee)) == ["low mood"]
    sort(ana)
    assert opened(ana, clinician_caller(lee)) == []
    chart = open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert chart.entries == []
    assert opened(ana, clinician_caller(stranger)) == ["low mood"]


def test_body_and_signature_stay_and_the_old_key_is_gone(ana, known_late):
    before, old = Entry.objects.get(logical_id=known_late), WrappedKey.objects.get(entry__logical_id=known_late)
    sort(ana)
    after = Entry.objects.get(logical_id=known_late)
    assert (bytes(after.body), bytes(after.search), after.manifest_id) == (
        bytes(before.body), bytes(before.search), before.manifest_id,
    )  # fmt: skip
    assert not WrappedKey.objects.filter(pk=old.pk).exists()
    (entry,) = open_own(ana.patient, keyring=ana.keyring).entries
    assert entry.author_valid
    history = keys.own_boxes(ana.patient, [HISTORY], keyring=ana.keyring)
    assert vault.read(ana.patient, history) == []


def test_the_list_says_that_it_was_looked_at_and_what_moved(ana, known_late):
    sort(ana)
    looked, moved = last_payload(action="record.sorted"), last_payload(action="entry.moved")
    assert looked["actor"]["kind"] == moved["actor"]["kind"] == "system"
    assert moved["categories"] == ["mental-health"]
    assert moved["details"] == {"count": 1, "from": ["history"]}


def test_the_line_is_committed_before_anything_is_opened(ana, known_late, monkeypatch):
    def no_opening(*args, **more):
        assert last_payload(action="record.sorted")
        raise KeyError("the key was about to be used")

    monkeypatch.setattr(sorting.keys, "own_boxes", no_opening)
    with pytest.raises(KeyError):
        sort(ana)


def test_an_entry_of_two_labels_is_wrapped_in_two_shares(ana, lee, known_late):
    gene = {"resourceType": "MolecularSequence", "coordinateSystem": 0, "type": "dna"}
    both = written(gene | {"specimen": {"display": "x"}, "repository": []}, parts=[GENES])
    told = written(CONDITION | {"extension": []}, parts=[GENES])
    add_own(ana.patient, [both, told], keyring=ana.keyring)
    assert sort(ana) == 2
    assert parts_of(told.logical_id) == {"genetic", "mental-health"}
    assert Entry.objects.get(logical_id=told.logical_id).shares == 2
    people.give(ana, lee, GENES)
    assert {one.logical_id for one in open_record(ana.patient, clinician_caller(lee)).rows} == {both.logical_id}
    people.give(ana, lee, GENES, MIND)
    rows = open_record(ana.patient, clinician_caller(lee)).rows
    assert {one.logical_id for one in rows} == {both.logical_id, told.logical_id, known_late}
    assert all(one.raw and one.author_valid for one in rows)


def test_nothing_leaves_a_sensitive_part_by_itself(ana):
    plain = written({"resourceType": "Condition", "code": {"text": "a cold"}}, parts=[MIND])
    add_own(ana.patient, [plain], keyring=ana.keyring)
    Patient.objects.update(sorted_by="")
    ana.patient.refresh_from_db()
    assert sort(ana) == 0
    assert parts_of(plain.logical_id) == {"mental-health"}


def test_a_second_time_there_is_nothing_to_do_and_nothing_on_the_list(ana, known_late, django_assert_num_queries):
    sort(ana)
    with django_assert_num_queries(1):
        assert sort(ana) == 0


def test_every_version_that_tells_moves(ana, known_late):
    corrected = written({"resourceType": "Condition", "code": {"text": "a cold"}}, logical_id=known_late, version=2)
    add_own(ana.patient, [corrected], keyring=ana.keyring)
    assert sort(ana) == 1
    by_version = WrappedKey.objects.filter(entry__logical_id=known_late).order_by("entry__version")
    assert list(by_version.values_list("lockbox__part", flat=True)) == ["mental-health", "history"]


def test_what_a_feed_sends_later_tells_what_came_before_is_about(ana):
    request = {
        "resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": "drops"}, "reasonReference": [{"reference": "Condition/c1"}],
    }  # fmt: skip
    for resource in (request, CONDITION | {"id": "c1"}):
        drafts = [draft for _kind, draft in intake.make(ana.patient, [resource], source="City Hospital")]
        receive(ana.patient, drafts, source=source_signer("City Hospital"))
    assert sort(ana) == 1
    rows = open_record(ana.patient, patient_caller(ana), types=["MedicationRequest"]).rows
    assert [one.parts for one in rows] == [("mental-health",)]


def test_who_chose_the_entry_by_itself_keeps_it_only_where_the_new_part_was_named(ana, lee, stranger, known_late):
    chosen = Narrow(entries=frozenset({str(known_late)}))
    Patient.objects.filter(pk=ana.patient.pk).update(sorted_by=labels.rules_digest())
    ana.patient.refresh_from_db()
    people.give(ana, lee, HISTORY, narrow=chosen)
    people.give(ana, stranger, HISTORY, MIND, narrow=chosen)
    ana.patient.sorted_by = "older rules"
    sort(ana)
    assert BundledKey.objects.count() == 1
    assert opened(ana, clinician_caller(stranger)) == ["low mood"]
    assert opened(ana, clinician_caller(lee)) == []


def test_what_somebody_altered_keeps_nobody_from_their_own_record(ana, known_late, monkeypatch, caplog):
    def broken(*args, **more):
        raise vault.NoLockbox("none")

    monkeypatch.setattr(sorting.vault, "move", broken)
    with caplog.at_level(logging.ERROR):
        assert len(open_own(ana.patient, keyring=ana.keyring).entries) == 1
    assert "NoLockbox" in caplog.text


def test_a_record_begun_today_is_sorted(ana):
    assert ana.patient.sorted_by == labels.rules_digest()
    open_own(ana.patient, keyring=ana.keyring)
    with pytest.raises(AssertionError):
        last_payload(action="record.sorted")
