"""The International Patient Summary: one whole document, made of what was opened and of nothing else."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from consent import access
from ehr.r4 import text, validate
from ehr.rights import summary
from ehr.words import Action, Category, Purpose
from tests import people
from tests.clinician.conftest import allergy, lab, medicine, problem, put

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
WHO = SimpleNamespace(pk=uuid.UUID(int=5), name="Ana Costa", sex="female", birth_date=date(1984, 5, 3))
REQUIRED = {"48765-2", "10160-0", "11450-4"}
SNOMED = "http://snomed.info/sct"


@dataclass
class Entry:
    """An opened entry, without a database."""

    resource: dict
    logical_id: uuid.UUID = field(default_factory=uuid.uuid4)


def chart(*resources: dict) -> SimpleNamespace:
    """Return an opened chart of what a hospital sent."""
    entries = []
    for number, resource in enumerate(resources):
        owner = "patient" if resource["resourceType"] in {"AllergyIntolerance", "Immunization"} else "subject"
        whose = {} if resource["resourceType"] in NOBODYS else {owner: {"reference": "Patient/theirs"}}
        entries.append(Entry({"id": f"theirs-{number}", **whose, **resource}))
    return SimpleNamespace(patient=WHO, entries=entries)


NOBODYS = {"Patient", "Practitioner", "Organization", "Device", "Medication"}


def made(record) -> dict:
    return text.loads(summary.summary(record, AT))


def by_code(document: dict) -> dict[str, dict]:
    sections = document["entry"][0]["resource"]["section"]
    return {section["code"]["coding"][0]["code"]: section for section in sections}


def kinds(document: dict) -> list[str]:
    return [one["resource"]["resourceType"] for one in document["entry"]]


def led_to(value, found: set) -> set:
    """Return every reference in a document, contained ones left out."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str) and not value["reference"].startswith("#"):
            found.add(value["reference"])
        for one in value.values():
            led_to(one, found)
    elif isinstance(value, list):
        for one in value:
            led_to(one, found)
    return found


PERSON = {"resourceType": "Patient", "id": "theirs", "name": [{"family": "Costa", "given": ["Ana"]}]}
DOCTOR = {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Lee"}]}


@pytest.fixture
def whole() -> SimpleNamespace:
    """A record with something for each section."""
    device = {"resourceType": "Device", "patient": {"reference": "Patient/theirs"}, "type": {"text": "Pacemaker"}}
    done = {"resourceType": "Procedure", "status": "completed", "code": {"text": "Appendectomy"}}
    shot = {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "Influenza"}}
    habit = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"code": "social-history"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}]},
        "valueCodeableConcept": {"text": "Never smoked"},
    }
    vital = lab("Weight", "61.50", "2026-10-01", code="29463-7", unit="kg") | {
        "category": [{"coding": [{"code": "vital-signs"}]}],
        "performer": [{"reference": "Practitioner/d1"}],
        "valueQuantity": {"value": Decimal("61.50"), "unit": "kg"},
    }
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "title": "Diabetes plan"}
    over = problem("Pneumonia")
    over["clinicalStatus"]["coding"][0]["code"] = "resolved"
    return chart(
        PERSON, DOCTOR, allergy("Penicillin"), medicine("Metformin 500 mg"), problem("Asthma"), over,
        lab("Glucose", "154.0", "2026-10-01"), lab("Glucose", "101", "2025-10-01"), vital, habit, plan, device,
        done | {"performedDateTime": "2010"}, shot | {"occurrenceDateTime": "2025-10-01"},
    )  # fmt: skip


def test_it_is_one_valid_document_with_every_section(whole):
    document = made(whole)
    assert validate.check(document) == []
    assert (document["type"], kinds(document)[:2]) == ("document", ["Composition", "Patient"])
    assert set(by_code(document)) == {
        *REQUIRED, "11369-6", "30954-2", "8716-3", "47519-4", "46264-8", "18776-5", "29762-2", "11348-0",
    }  # fmt: skip
    assert document["entry"][0]["resource"]["type"]["coding"][0]["code"] == "60591-5"


def test_every_reference_leads_to_something_in_it(whole):
    document = made(whole)
    assert led_to(document, set()) <= {one["fullUrl"] for one in document["entry"]}


def test_the_same_entries_make_the_same_bytes_in_whichever_order_they_come(whole):
    turned = SimpleNamespace(patient=WHO, rows=whole.entries[::-1])
    assert summary.summary(whole, AT) == summary.summary(turned, AT)


def test_a_number_keeps_its_zeros(whole):
    assert b'"value":154.0' in summary.summary(whole, AT)
    assert b'"value":61.50' in summary.summary(whole, AT)


def test_of_one_test_the_latest_result_stands_in_it(whole):
    document = made(whole)
    assert len(by_code(document)["30954-2"]["entry"]) == 1
    assert "154.0" in by_code(document)["30954-2"]["text"]["div"]
    assert "101" not in by_code(document)["30954-2"]["text"]["div"]


def test_who_measured_comes_along_and_what_is_not_there_is_named_in_words(whole):
    whole.entries[6].resource["encounter"] = {"reference": "Encounter/secret"}
    document = made(whole)
    assert "Practitioner" in kinds(document)
    assert b"Encounter/secret" not in summary.summary(whole, AT)
    found = next(one["resource"] for one in document["entry"] if "encounter" in one["resource"])
    assert found["encounter"] == {"display": "Not included"}


def test_a_device_is_told_by_its_use(whole):
    document = made(whole)
    listed = by_code(document)["46264-8"]["entry"][0]["reference"]
    use = next(one["resource"] for one in document["entry"] if one["fullUrl"] == listed)
    assert use["resourceType"] == "DeviceUseStatement"
    assert "Pacemaker" in by_code(document)["46264-8"]["text"]["div"]


def test_an_empty_record_says_that_there_is_no_information_and_not_that_there_is_nothing():
    document = made(chart())
    assert validate.check(document) == []
    assert set(by_code(document)) == REQUIRED
    for section in by_code(document).values():
        assert section["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert "no information" in section["text"]["div"]
        assert "entry" not in section


def test_no_known_allergies_is_said_only_where_somebody_wrote_it():
    none = allergy("No known allergy")
    none["code"] = {"coding": [{"system": SNOMED, "code": "716186003"}]}
    section = by_code(made(chart(none)))["48765-2"]
    assert len(section["entry"]) == 1
    assert "no known allergies" in section["text"]["div"]
    both = by_code(made(chart(none, allergy("Penicillin"))))["48765-2"]
    assert "no known allergies" not in both["text"]["div"]
    assert len(both["entry"]) == 1


def test_two_past_conditions_without_words_are_two():
    past = {"resourceType": "Condition", "clinicalStatus": {"coding": [{"code": "resolved"}]}}
    two = [past | {"code": {"coding": [{"system": SNOMED, "code": code}]}} for code in ("38341003", "73211009")]
    assert len(by_code(made(chart(*two)))["11348-0"]["entry"]) == 2


def test_what_is_not_to_be_given_or_done_stands_among_the_plans_and_not_among_the_medicines():
    order = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "doNotPerform": True}
    document = made(chart(medicine("Ibuprofen") | {"doNotPerform": True}, order | {"code": {"text": "Resuscitation"}}))
    found = by_code(document)
    assert "entry" not in found["10160-0"]
    assert "Ibuprofen" not in found["10160-0"]["text"]["div"]
    assert "Not to be given: Ibuprofen" in found["18776-5"]["text"]["div"]
    assert "Not to be done: Resuscitation" in found["18776-5"]["text"]["div"]
    assert validate.check(document) == []


def test_a_time_beside_the_calendar_and_a_long_number_make_no_summary_impossible():
    odd = lab("Glucose", "12345678901234567890123456789.12345", "9999-12-31T23:59:59-05:00")
    document = made(chart(odd, lab("Sodium", "140", "0001-01-01T00:00:00+01:00", code="2951-2")))
    assert len(by_code(document)["30954-2"]["entry"]) == 2


def test_what_was_entered_in_error_or_deleted_is_not_in_it():
    wrong = lab("Glucose", "999", "2026-10-01") | {"status": "entered-in-error"}
    gone = Entry({"resourceType": "Condition", "id": "gone"})
    record = chart(wrong)
    record.entries += [gone, Entry({})]
    assert kinds(made(record)) == ["Composition", "Patient", "Device"]


def test_a_narrative_is_xml_and_runs_nothing():
    document = made(chart(problem('<script>alert("1")</script> & \x07 José')))
    div = by_code(document)["11450-4"]["text"]["div"]
    assert "<script>" not in div
    assert "José" in "".join(ElementTree.fromstring(div).itertext())


def test_sensitive_entries_mark_the_whole_document():
    secret = problem("Depressive episode")
    secret["meta"] = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    assert made(chart(problem("Asthma")))["entry"][0]["resource"]["confidentiality"] == "N"
    assert made(chart(secret))["entry"][0]["resource"]["confidentiality"] == "R"


def test_two_entries_that_refer_to_each_other_are_each_there_once():
    one, other = lab("Sodium", "140", "2026-10-01"), lab("Potassium", "4.1", "2026-10-01", code="2823-3")
    one |= {"id": "a", "hasMember": [{"reference": "Observation/b"}]}
    other |= {"id": "b", "derivedFrom": [{"reference": "Observation/a"}]}
    document = made(chart(one, other))
    assert kinds(document).count("Observation") == 2
    assert validate.check(document) == []


# --- Through the door ------------------------------------------------------------------------------
@pytest.mark.django_db
def test_what_a_reader_may_not_see_makes_no_difference_to_their_summary():
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    put(ana, lab("Glucose", "154", "2026-10-01"))
    people.give(ana, lee, Category.LABS, actions=(Action.READ,))
    before = summary.summary(_opened(ana, lee), AT)
    put(ana, problem("Depressive episode", sensitive="PSY"), allergy("Penicillin"), medicine("Metformin 500 mg"))
    assert summary.summary(_opened(ana, lee), AT) == before
    assert validate.check(text.loads(before)) == []


def _opened(ana, lee):
    return access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)


def test_two_senders_who_use_the_same_name_are_not_taken_for_one_another():
    one, other = lab("Sodium", "140", "2026-10-01"), lab("Potassium", "4.1", "2026-10-01", code="2823-3")
    record = chart(DOCTOR, one, {**DOCTOR, "name": [{"family": "Silva"}]}, other)
    for number, entry in enumerate(record.entries):
        entry.author_name = "City Hospital" if number < 2 else "Harbour"
    for entry in record.entries[1::2]:
        entry.resource["performer"] = [{"reference": "Practitioner/d1"}]
    document = made(record)
    by_address = {each["fullUrl"]: each["resource"] for each in document["entry"]}
    named = {
        each["code"]["text"]: by_address[each["performer"][0]["reference"]]["name"][0]["family"]
        for each in by_address.values()
        if each["resourceType"] == "Observation"
    }
    assert named == {"Sodium": "Lee", "Potassium": "Silva"}
