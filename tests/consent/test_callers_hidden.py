"""What is hidden is as if it had never been written: two records that differ in nothing else look the same."""

import json
import uuid
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import EventBody
from consent.access import AccessDenied, Draft, add_own, open_record
from consent.sharing.grants import Narrow
from ehr.words import Category
from patients.models import Entry
from tests import people
from tests.consent.calling import app_caller, clinician_caller, lab, opened, patient_caller, written

pytestmark = [pytest.mark.django_db, pytest.mark.privacy]
MOOD = {
    "resourceType": "Condition",
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"}]},
}
GENE = {"resourceType": "MolecularSequence", "coordinateSystem": 0}
ALLERGY = {"resourceType": "AllergyIntolerance", "code": {"text": "penicillin"}}


@pytest.fixture
def twins(at_begun, ground):
    """Ana and Bea: the same results; Bea has been depressed, has a gene looked at, and took back one more result."""
    ana, bea = people.patient("Ana Costa"), people.patient("Bea Costa")
    ids = [uuid.uuid4() for _ in range(2)]
    for person in (ana, bea):
        shown = [lab("glucose", "2026-03-01", logical_id=ids[0]), lab("ferritin", "2021-01-01", logical_id=ids[1])]
        add_own(person.patient, shown, keyring=person.keyring)
    hidden = [written(MOOD), written(GENE), written(ALLERGY), lab("moved")]
    add_own(bea.patient, hidden, keyring=bea.keyring)
    moved = lab("moved", logical_id=hidden[3].logical_id, version=2, parts=[Category.GENETIC])
    add_own(bea.patient, [moved], keyring=bea.keyring)
    return ana, bea, [one.logical_id for one in hidden]


def given(kind, lee, person, **narrow):
    """Let somebody in to a twin's results; return who asks."""
    if kind == "app":
        return app_caller(person, Category.LABS)
    people.give(person, lee, Category.LABS, **narrow)
    return clinician_caller(lee)


def seen(person, caller, **asked):
    """Return all that an answer could be made of, and of the log the line about it, names of the two left out."""
    with CaptureQueriesContext(
        connection,
    ) as statements:
        try:
            record = open_record(person.patient, caller, **asked)
            rows = [
                (one.logical_id, one.version, one.newest, one.parts, one.written_at, one.index, one.raw)
                for one in record.rows
            ]
            answer = (record.categories, len(record.grants), record.ends, rows)
        except AccessDenied as refusal:
            answer = refusal.because
    line = json.loads(bytes(EventBody.objects.order_by("-event_id").first().payload))
    return answer, len(statements), [line[name] for name in ("action", "outcome", "categories", "because", "details")]


ASKED = [
    {},
    {"all_versions": True},
    {"categories": [Category.LABS]},
    {"categories": [Category.MENTAL_HEALTH]},
    {"types": ["Condition"]},
    {"types": ["Observation"], "all_versions": True},
    {"types": ["AllergyIntolerance"]},
    {"action_words": "record.exported"},
]


@pytest.mark.parametrize("kind", ["clinician", "app", "days", "chosen"])
def test_what_is_hidden_changes_nothing_of_an_answer(twins, lee, kind):
    ana, bea, hidden = twins
    narrow = {}
    if kind == "days":
        narrow = {"narrow": Narrow(record_from=date(2025, 1, 1))}
    if kind == "chosen":
        first = Entry.objects.filter(patient=ana.patient).order_by("position").first()
        narrow = {"narrow": Narrow(entries=frozenset({str(first.logical_id)}))}
    callers = [given(kind, lee, person, **narrow) for person in (ana, bea)]
    for asked in [*ASKED, *({"logical_id": one, "action_words": "entry.opened"} for one in hidden)]:
        one, other = (seen(*pair, **asked) for pair in zip((ana, bea), callers, strict=True))
        assert one == other, asked
    assert len(opened(ana, callers[0])) == (2 if kind in {"clinician", "app"} else 1)


def test_a_hidden_entry_is_what_was_never_there(twins, lee):
    _ana, bea, hidden = twins
    caller = given("clinician", lee, bea)
    for one in [*hidden, uuid.uuid4()]:
        assert open_record(bea.patient, caller, logical_id=one, all_versions=True).rows == []


def test_an_entry_in_two_parts_takes_both(ana, lee, stranger):
    both = written(
        MOOD | {"meta": {"profile": ["http://example.org/genomics-reporting"]}}, parts=["genetic", "mental-health"]
    )
    add_own(ana.patient, [both], keyring=ana.keyring)
    people.give(ana, lee, Category.GENETIC)
    people.give(ana, stranger, Category.GENETIC, Category.MENTAL_HEALTH)
    assert open_record(ana.patient, clinician_caller(lee)).rows == []
    (row,) = open_record(ana.patient, clinician_caller(stranger)).rows
    assert row.parts == ("genetic", "mental-health")
    narrow = clinician_caller(stranger, parts=frozenset({Category.GENETIC}))
    assert open_record(ana.patient, narrow).rows == []


def test_chosen_entries_open_within_the_parts_of_the_token(ana, lee):
    result, allergy = lab("glucose"), written(ALLERGY)
    add_own(ana.patient, [result, allergy], keyring=ana.keyring)
    chosen = frozenset({str(result.logical_id), str(allergy.logical_id)})
    people.give(ana, lee, Category.LABS, Category.HISTORY, narrow=Narrow(entries=chosen))
    assert opened(ana, clinician_caller(lee)) == ["glucose", "penicillin"]
    assert opened(ana, clinician_caller(lee, parts=frozenset({Category.LABS}))) == ["glucose"]
    assert opened(ana, clinician_caller(lee), categories=[Category.HISTORY]) == ["penicillin"]
    assert opened(ana, clinician_caller(lee), types=["Observation"]) == ["glucose"]


def test_a_chosen_entry_that_is_also_in_a_part_is_there_once_in_its_newest_version(ana, lee):
    first = lab("glucose")
    add_own(ana.patient, [first], keyring=ana.keyring)
    people.give(ana, lee, Category.LABS, narrow=Narrow(entries=frozenset({str(first.logical_id)})))
    add_own(ana.patient, [lab("glucose 2", logical_id=first.logical_id, version=2)], keyring=ana.keyring)
    assert opened(ana, clinician_caller(lee)) == ["glucose"]
    people.give(ana, lee, Category.LABS)
    assert opened(ana, clinician_caller(lee)) == ["glucose 2"]


def test_an_entry_without_a_day_is_in_no_record_dates(ana, lee):
    month = lab("month", "2026-03")
    add_own(ana.patient, [lab("dated"), month], keyring=ana.keyring)
    people.give(ana, lee, Category.LABS, narrow=Narrow(record_from=date(2020, 1, 1)))
    assert opened(ana, clinician_caller(lee)) == ["dated"]


def test_what_was_sealed_before_there_were_search_values_is_found_by_its_body(ana):
    whole = lab("glucose")
    bare = Draft(resource=whole.resource, parts=whole.parts, search=b"{}", logical_id=whole.logical_id)
    add_own(ana.patient, [bare], keyring=ana.keyring)
    (row,) = open_record(ana.patient, patient_caller(ana), types=["Observation"]).rows
    assert row.index == json.loads(whole.search)


def changed(sealed):
    raw = bytes(sealed)
    return raw[:-1] + bytes([raw[-1] ^ 1])


def test_what_does_not_open_has_nothing_to_be_searched_by(ana):
    add_own(ana.patient, [lab("glucose"), lab("ferritin")], keyring=ana.keyring)
    victim = Entry.objects.first()
    Entry.objects.filter(pk=victim.pk).update(search=changed(victim.search), body=changed(victim.body))
    rows = open_record(ana.patient, patient_caller(ana)).rows
    assert sorted((one.index != {}, one.raw is not None) for one in rows) == [(False, False), (True, True)]
    assert len(open_record(ana.patient, patient_caller(ana), types=["Observation"]).rows) == 1


def test_a_body_that_its_author_did_not_sign_is_told_of(ana, lee):
    one, other = lab("glucose"), lab("ferritin")
    add_own(ana.patient, [one], keyring=ana.keyring)
    add_own(ana.patient, [other], keyring=ana.keyring)
    mine, theirs = Entry.objects.order_by("written_at")
    Entry.objects.filter(pk=mine.pk).update(manifest=theirs.manifest)
    valid = {
        row.resource["code"]["text"]: row.author_valid for row in open_record(ana.patient, patient_caller(ana)).rows
    }
    assert valid == {"glucose": False, "ferritin": True}


def test_a_page_of_bodies_takes_two_statements(ana):
    add_own(ana.patient, [lab(str(number)) for number in range(20)], keyring=ana.keyring)
    record = open_record(ana.patient, patient_caller(ana))
    assert open_record(ana.patient, patient_caller(ana)).rows[0].author_valid  # whose key this is, is known by now
    with CaptureQueriesContext(connection) as statements:
        record.fetch(record.rows)
        assert all(one.resource and one.author_name == "Ana Costa" for one in record.rows)
    assert len(statements) == 2


def test_every_part_that_a_resource_of_a_type_was_put_in_is_opened_for_it(ana):
    drafts = [written(MOOD), written(GENE), written(ALLERGY), lab("glucose")]
    vitals = {"resourceType": "Observation", "status": "final", "category": [{"coding": [{"code": "social-history"}]}]}
    add_own(ana.patient, [*drafts, written(vitals)], keyring=ana.keyring)
    caller = patient_caller(ana)
    for kind, count in (("Condition", 1), ("MolecularSequence", 1), ("AllergyIntolerance", 1), ("Observation", 2)):
        assert len(open_record(ana.patient, caller, types=[kind]).rows) == count
    assert open_record(ana.patient, caller, types=["MolecularSequence"]).categories == (
        Category.MENTAL_HEALTH,
        Category.GENETIC,
    )
