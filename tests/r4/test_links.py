"""Chains, `_has`, includes and order: from one index to another, through what may be seen."""

import pytest

from ehr.r4 import links, search
from ehr.r4.matching import BadValue, Context, Unsupported, name_of

HERE = Context(base="https://chart.example/fhir/")
RESOURCES = [
    {
        "resourceType": "Patient", "id": "ana", "name": [{"family": "Costa"}],
        "generalPractitioner": [{"reference": "Practitioner/d"}],
    },
    {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Silva"}]},
    {
        "resourceType": "Encounter", "id": "v", "status": "finished", "subject": {"reference": "Patient/ana"},
        "participant": [{"individual": {"reference": "https://chart.example/fhir/Practitioner/d"}}],
    },
    {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": [{"code": "1234-5"}]},
        "subject": {"reference": "Patient/ana/_history/2"}, "encounter": {"reference": "Encounter/v"},
        "effectiveDateTime": "2026-05-03", "valueQuantity": {"value": 7},
    },
    {
        "resourceType": "Observation", "id": "o2", "status": "amended", "code": {"coding": [{"code": "9999-9"}]},
        "subject": {"reference": "Group/g"}, "effectiveDateTime": "2026-05-04", "valueQuantity": {"value": 20},
        "derivedFrom": [{"reference": "Observation/o1"}, {"reference": "https://else.example/Observation/x"}],
    },
    {"resourceType": "Observation", "id": "o3", "status": "final", "code": {"text": "Undated"}},
]  # fmt: skip
INDEXES = [search.values(resource) for resource in RESOURCES]


def find(kind, criterion):
    return [index for index in INDEXES if index["type"] == kind and criterion.matches(index)]


def found(kind: str, name: str, *raws: str) -> list[str]:
    """Return the ids of what one parameter finds."""
    return [index["id"] for index in find(kind, links.read(kind, name, raws, find, HERE))]


CHAINS = [
    ("Observation", "subject:Patient.family", "costa", ["o1"]),
    ("Observation", "patient.family", "costa", ["o1"]),
    ("Observation", "subject.family", "costa", ["o1"]),  # types without a family name are passed over
    ("Observation", "patient.family:exact", "costa", []),
    ("Observation", "encounter.patient.general-practitioner.name", "silva", ["o1"]),
    ("Observation", "encounter:Encounter.participant:Practitioner.family", "silva", ["o1"]),
    ("Observation", "derived-from:Observation.code", "1234-5", ["o2"]),
    ("Observation", "patient._has:Encounter:patient:status", "finished", ["o1"]),
    ("Patient", "_has:Observation:patient:code", "1234-5", ["ana"]),
    ("Patient", "_has:Observation:patient:code", "9999-9", []),
    ("Patient", "_has:Observation:patient:code", "9999-9,1234-5", ["ana"]),
    ("Patient", "_has:Encounter:patient:participant.family", "silva", ["ana"]),
    ("Practitioner", "_has:Patient:general-practitioner:_has:Observation:patient:code", "1234-5", ["d"]),
    ("Observation", "_has:Observation:derived-from:status", "amended", ["o1"]),
]


@pytest.mark.parametrize(("kind", "name", "raw", "ids"), CHAINS)
def test_a_chain_reaches_through_references(kind, name, raw, ids):
    assert found(kind, name, raw) == ids


def test_a_target_that_may_not_be_seen_is_not_there():
    def find_no_patient(kind, criterion):
        return [] if kind == "Patient" else find(kind, criterion)

    hidden = links.read("Observation", "patient.family", ["costa"], find_no_patient)
    absent = links.read("Observation", "patient.family", ["nobody"], find)
    assert [hidden.matches(index) for index in INDEXES] == [absent.matches(index) for index in INDEXES]


REFUSED = [
    ("Observation", "code.name", Unsupported, "no reference"),
    ("Observation", "subject:Medication.code", Unsupported, "Device, Group, Location, Patient only"),
    ("Observation", "focus.code", BadValue, "name the type"),
    ("Observation", "patient.colour", Unsupported, "colour"),
    ("Observation", "a.b.c.d.e.f", Unsupported, "two steps"),
    ("Patient", "_has:Observation:patient", BadValue, "_has:Observation:patient:code"),
    ("Patient", "_has:Observation:encounter:code", Unsupported, "never at Patient"),
    ("Patient", "_has:Nothing:patient:code", Unsupported, "Nothing"),
]


@pytest.mark.parametrize(("kind", "name", "problem", "said"), REFUSED)
def test_a_chain_that_leads_nowhere_is_refused_by_name(kind, name, problem, said):
    with pytest.raises(problem) as refusal:
        links.read(kind, name, ["x"], find)
    assert said in str(refusal.value)


def test_an_include_names_what_an_index_points_at_here():
    visit, first, second = INDEXES[2:5]
    (subject,) = links.included("Observation:subject")
    assert subject.leads_to(first) == {"Patient/ana"}  # without the version
    assert subject.leads_to(visit) == set()
    (only_groups,) = links.included("Observation:subject:Group")
    assert (only_groups.leads_to(first), only_groups.leads_to(second)) == (set(), {"Group/g"})
    (derived,) = links.included("Observation:derived-from")
    assert derived.leads_to(second) == {"Observation/o1"}  # what is elsewhere stays there
    (seen_by,) = links.included("Encounter:participant")
    assert seen_by.leads_to(visit, HERE) == {"Practitioner/d"}


def test_a_star_includes_every_link():
    names = {name for link in links.included("Observation:*") for name in link.leads_to(INDEXES[3])}
    assert names == {"Patient/ana", "Encounter/v"}
    assert {link.kind for link in links.included("*", ["Encounter", "Patient"])} == {"Encounter", "Patient"}


@pytest.mark.parametrize(
    "raw", ["", "Observation", "Observation:", "Observation:code", "Observation:subject:Slot", "No:*", "a:b:c:d"]
)
def test_an_include_of_no_reference_is_refused(raw):
    with pytest.raises((Unsupported, BadValue)):
        links.included(raw)


ORDERS = [
    ("date", ["o1", "o2", "o3"]),
    ("-date", ["o2", "o1", "o3"]),  # without a date: last either way
    ("value-quantity", ["o1", "o2", "o3"]),
    ("status,-date", ["o2", "o1", "o3"]),
    ("-status,date", ["o1", "o3", "o2"]),
    ("_id", ["o1", "o2", "o3"]),
    ("-_id", ["o3", "o2", "o1"]),
    ("code", ["o3", "o1", "o2"]),
    ("-subject", ["o1", "o2", "o3"]),
]


@pytest.mark.parametrize(("raw", "ids"), ORDERS)
def test_results_have_the_order_asked_for(raw, ids):
    ordered = links.ordered("Observation", raw, INDEXES[3:], lambda index: index)
    assert [index["id"] for index in ordered] == ids


@pytest.mark.parametrize("raw", ["", "-", "colour", "code-value-quantity", "date,"])
def test_an_order_by_nothing_is_refused(raw):
    with pytest.raises((Unsupported, BadValue)):
        links.ordered("Observation", raw, INDEXES, lambda index: index)


def test_an_index_is_named_by_type_and_id():
    assert name_of(INDEXES[0]) == "Patient/ana"
