"""References inside a bundle become references inside a record."""

import pytest

from ehr.r4 import references
from ehr.r4.references import Entry

MARIA = "urn:uuid:11111111-1111-4111-8111-111111111111"
VISIT = "urn:uuid:22222222-2222-4222-8222-222222222222"


def entries(*resources: tuple[str, dict]) -> list[Entry]:
    return [Entry(number, url, resource) for number, (url, resource) in enumerate(resources, start=1)]


def test_a_urn_becomes_type_and_id():
    visit = {"resourceType": "Encounter", "id": "v", "subject": {"reference": MARIA}}
    assert references.rewrite(entries((MARIA, {"resourceType": "Patient", "id": "m"}), (VISIT, visit))) == []
    assert visit["subject"] == {"reference": "Patient/m"}


def test_a_resource_without_an_id_gets_the_one_in_its_address():
    patient = {"resourceType": "Patient"}
    references.rewrite(entries((MARIA, patient)))
    assert patient["id"] == MARIA.removeprefix("urn:uuid:")


def test_an_absolute_address_of_the_bundle_becomes_relative():
    note = {"resourceType": "Condition", "id": "c", "subject": {"reference": "http://a.example/fhir/Patient/m"}}
    references.rewrite(entries(("http://a.example/fhir/Patient/m", {"resourceType": "Patient", "id": "m"}), ("", note)))
    assert note["subject"]["reference"] == "Patient/m"


def test_a_conditional_reference_is_resolved_inside_the_bundle():
    doctor = {"resourceType": "Practitioner", "id": "d", "identifier": [{"system": "npi", "value": "1"}]}
    visit = {
        "resourceType": "Encounter",
        "id": "v",
        "participant": [{"individual": {"reference": "Practitioner?identifier=npi|1"}}],
    }
    assert references.rewrite(entries(("", doctor), ("", visit))) == []
    assert visit["participant"][0]["individual"]["reference"] == "Practitioner/d"


def named_outside(kind: str, target: str) -> tuple[dict, list]:
    """Return a performer after rewriting, and what led nowhere."""
    result = {"resourceType": "Observation", "id": "o", "performer": [{"reference": target, "display": "Dr. Sá"}]}
    lost = references.rewrite(entries(("", result)), elsewhere=frozenset({kind}))
    return result["performer"][0], lost


def test_a_conditional_reference_to_somebody_elsewhere_becomes_one_by_identifier():
    number = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9"}
    assert named_outside("Practitioner", "Practitioner?identifier=http%3A//hl7.org/fhir/sid/us-npi|9") == (
        {"type": "Practitioner", "identifier": number, "display": "Dr. Sá"},
        [],
    )


@pytest.mark.parametrize(
    "target", ["Patient?identifier=urn:mrn|9", "Practitioner?name=Smith", "Practitioner?identifier=npi|", "urn:uuid:9"]
)
def test_any_other_reference_that_leads_nowhere_stays_and_is_named(target):
    performer, lost = named_outside("Practitioner", target)
    assert performer["reference"] == target
    assert lost == [(1, "Observation.performer.reference", target)]


def test_contained_references_identifiers_and_outside_references_stay():
    order = {
        "resourceType": "MedicationRequest",
        "id": "o",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": MARIA}],
        "medicationReference": {"reference": "#med"},
        "requester": {"reference": "Practitioner/elsewhere"},
    }
    before = {**order}
    assert references.rewrite(entries((MARIA, {"resourceType": "Patient", "id": "m"}), ("", order))) == []
    assert order == before


def test_a_reference_that_leads_nowhere_is_named():
    visit = {"resourceType": "Encounter", "id": "v", "subject": {"reference": VISIT}}
    assert references.rewrite(entries(("", visit))) == [(1, "Encounter.subject.reference", VISIT)]


def test_every_synthea_reference_is_resolved(synthea):
    for _name, bundle in synthea[:5]:
        listed = [Entry(n, entry["fullUrl"], entry["resource"]) for n, entry in enumerate(bundle["entry"], start=1)]
        assert references.rewrite(listed) == []
        names = {references.name_of(entry.resource) for entry in listed}
        assert {target for entry in listed for target in references.targets_of(entry.resource)} <= names


def test_the_subject_is_found_under_its_many_names():
    patient = {"reference": "http://a.example/Patient/m/_history/2"}
    for kind, name in [("Observation", "subject"), ("Immunization", "patient"), ("Coverage", "beneficiary")]:
        assert references.subject_of({"resourceType": kind, name: patient}) == "Patient/m"
    assert references.subject_of({"resourceType": "Organization", "id": "o"}) == ""
