"""Whose a resource is stands in one element or many, by address, by identifier, or contained."""

import pytest

from ehr.r4 import definitions, subjects
from ehr.r4.references import subject_of
from ehr.r4.subjects import Subject

ANA, BEN = {"reference": "Patient/ana"}, {"reference": "Patient/ben"}


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ({"resourceType": "Observation", "subject": ANA}, "Observation.subject"),
        ({"resourceType": "Account", "subject": [ANA]}, "Account.subject[0]"),
        ({"resourceType": "EnrollmentRequest", "candidate": ANA}, "EnrollmentRequest.candidate"),
        ({"resourceType": "Appointment", "participant": [{"actor": ANA}]}, "Appointment.participant[0].actor"),
        ({"resourceType": "Group", "member": [{"entity": ANA}]}, "Group.member[0].entity"),
        ({"resourceType": "Person", "link": [{"target": ANA}]}, "Person.link[0].target"),
        ({"resourceType": "Provenance", "target": [{"reference": "List/1"}, ANA]}, "Provenance.target[1]"),
        ({"resourceType": "Schedule", "actor": [ANA]}, "Schedule.actor[0]"),
        ({"resourceType": "Observation", "subject": {"reference": "Device/1"}, "performer": [ANA]}, "Observation.perf"),
    ],
)
def test_a_patient_is_found_wherever_the_type_names_one(resource, path):
    [found] = subjects.named(resource)
    assert found.path.startswith(path)
    assert found.name == subject_of(resource) == "Patient/ana"


def test_who_wrote_is_not_whom_it_is_about():
    assert subject_of({"resourceType": "Observation", "subject": ANA, "performer": [BEN]}) == "Patient/ana"


def test_of_several_nobody_is_the_one():
    both = {"resourceType": "Account", "subject": [ANA, BEN]}
    assert [one.name for one in subjects.named(both)] == ["Patient/ana", "Patient/ben"]
    assert subject_of(both) == ""


def test_an_absolute_address_tells_its_server():
    [found] = subjects.named({"resourceType": "Flag", "subject": {"reference": "https://a.example/fhir/Patient/m"}})
    assert (found.name, found.base) == ("Patient/m", "https://a.example/fhir/")


def test_an_identifier_names_a_patient():
    number = {"system": "urn:mrn", "value": "1"}
    assert subjects.named({"resourceType": "Condition", "subject": {"identifier": number}}) == [
        Subject("Condition.subject", identifier=number)
    ]


def test_an_identifier_of_something_else_names_nobody():
    device = {"type": "Device", "identifier": {"value": "1"}}
    actor = {"actor": {"identifier": {"value": "npi"}}}
    assert subjects.named({"resourceType": "Observation", "subject": device}) == []
    assert subjects.named({"resourceType": "Appointment", "participant": [actor]}) == []


def test_a_contained_patient_is_found():
    inner = {"resourceType": "Patient", "id": "p"}
    resource = {"resourceType": "Condition", "contained": [inner], "subject": {"reference": "#p"}}
    assert subjects.named(resource) == [Subject("Condition.subject", contained=inner)]


@pytest.mark.parametrize(
    "subject", ["x", 5, None, [None], {"reference": 5}, {"identifier": "x"}, {"reference": "#"}, {}]
)
def test_what_is_no_reference_names_nobody(subject):
    assert subjects.named({"resourceType": "Condition", "subject": subject}) == []


@pytest.mark.parametrize(
    ("kind", "steps"), [(kind, steps) for kind, many in subjects.ELSEWHERE.items() for steps in many]
)
def test_what_is_looked_at_is_an_element_that_may_name_a_patient(kind, steps):
    *inner, last = steps.split(".")
    part = definitions.parts()[".".join([kind, *inner])]
    assert not part[last].targets or "Patient" in part[last].targets
