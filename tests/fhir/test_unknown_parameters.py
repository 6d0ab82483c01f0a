"""A parameter that an address does not know is refused to who wants to know, and named to others where that goes."""

import pytest

from tests.fhir.program import json, result, said

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("_history?_type=Condition", "_type"),
        ("Observation/_history?code=1", "code"),
        ("Observation/{result}/_history?_sort=date", "_sort"),
        ("_history?_include=Observation:subject", "_include"),
        ("Patient/{patient}/$everything?colour=red", "colour"),
        ("Patient/{patient}/$everything?_include=*", "_include"),
        ("Patient/{patient}/$summary?foo=1", "foo"),
        ("Observation/$lastn?patient={patient}&colour=red", "colour"),
        ("Observation/$lastn?patient={patient}&_include=*", "_include"),
    ],
)
def test_who_wants_to_know_is_refused(own, ana, path, name):
    program = own(ana)
    path = path.format(patient=ana.patient.pk, result=program.make(result(ana.patient))["id"])
    answer = program.get(path, Prefer="handling=strict")
    assert answer.status_code == 400, said(answer)
    assert json(answer)["issue"][0]["expression"] == [f"http.{name}"]
    assert program.get(path).status_code == 200


@pytest.mark.parametrize("path", ["Patient/{}/$everything?colour=red", "Observation/$lastn?patient={}&colour=red"])
def test_others_are_told_what_was_left_out(own, ana, path):
    own(ana).make(result(ana.patient))
    bundle = own(ana).read(path.format(ana.patient.pk))
    last = bundle["entry"][-1]
    assert (last["search"]["mode"], last["resource"]["issue"][0]["expression"]) == ("outcome", ["http.colour"])
    assert "colour" not in bundle["link"][0]["url"]


def test_a_history_leaves_it_out_of_its_own_address(own, ana):
    own(ana).make(result(ana.patient))
    bundle = own(ana).read("_history?_type=Condition&_since=2020")
    assert bundle["link"][0]["url"].endswith("_history?_since=2020")


def test_what_is_known_is_taken_by_who_wants_to_know(own, ana):
    program = own(ana)
    program.make(result(ana.patient))
    for path in (
        "_history?_since=2020&_at=ge2020&_count=2",
        f"Patient/{ana.patient.pk}/$everything?_since=2020&_type=Observation&start=2020&end=2030&_count=2",
        f"Patient/{ana.patient.pk}/$summary?_format=json",
        f"Observation/$lastn?patient={ana.patient.pk}&max=2&category=laboratory",
    ):
        answer = program.get(path, Prefer="handling=strict")
        assert answer.status_code == 200, said(answer)
