"""An app that may change laboratory results changes nothing else, however it names what it means."""

import pytest

from tests.fhir.program import json, result, said

pytestmark = pytest.mark.django_db
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
NARROW = f"patient/Observation.rs patient/Observation.cud?category={CATEGORIES}|laboratory"
PATCH = "application/json-patch+json"


def of(category: str) -> list[dict]:
    return [{"coding": [{"system": CATEGORIES, "code": category}]}]


@pytest.fixture
def pulse(own, ana) -> dict:
    """A vital sign in Ana's record."""
    return own(ana).make(result(ana.patient, "Pulse", category=of("vital-signs")))


@pytest.fixture
def lab(own, ana):
    """An app that reads every Observation, and changes those of the laboratory."""
    return own(ana, scope=NARROW)


def entry(method: str, url: str, resource=None, **request) -> dict:
    return {"request": {"method": method, "url": url, **request}} | ({"resource": resource} if resource else {})


def patch_to_lab() -> list[dict]:
    return [{"op": "replace", "path": "/category", "value": of("laboratory")}]


def is_untouched(program, pulse) -> bool:
    return program.read(f"Observation/{pulse['id']}")["meta"]["versionId"] == pulse["meta"]["versionId"]


@pytest.mark.parametrize("address", ["Observation/{id}", "Observation?_id={id}"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_is_outside_the_category_is_not_there_to_be_changed(lab, pulse, method, address):
    bodies = {"PUT": {**pulse, "category": of("laboratory")}, "PATCH": patch_to_lab(), "DELETE": None}
    kind = {"kind": PATCH} if method == "PATCH" else {}
    answer = lab.ask(method, address.format(id=pulse["id"]), bodies[method], **kind)
    assert answer.status_code == 404, said(answer)
    assert is_untouched(lab, pulse)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nor_in_a_bundle(lab, pulse, method, kind):
    body = {**pulse, "category": of("laboratory")} if method == "PUT" else None
    answer = lab.transact(entry(method, f"Observation?_id={pulse['id']}", body), kind=kind)
    done = json(answer)["entry"][0]["response"]["status"] if kind == "batch" else str(answer.status_code)
    assert done == "404", said(answer)
    assert is_untouched(lab, pulse)


def test_what_is_in_the_category_is_changed_by_conditions(lab, own, ana):
    made = own(ana).make(result(ana.patient))
    where = f"Observation?_id={made['id']}"
    assert lab.ask("PUT", where, {**made, "status": "amended"}).status_code == 200
    assert lab.ask("DELETE", where).status_code == 204


def test_nothing_is_moved_out_of_the_category_by_conditions(lab, own, ana):
    made = own(ana).make(result(ana.patient))
    answer = lab.ask("PUT", f"Observation?_id={made['id']}", {**made, "category": of("vital-signs")})
    assert answer.status_code == 403


def test_conditions_without_a_scope_to_change_are_refused_as_an_id_is(own, ana, pulse):
    program = own(ana, scope="patient/*.rs")
    assert program.ask("DELETE", f"Observation?_id={pulse['id']}").status_code == 403


def test_a_history_lists_what_may_be_listed(own, ana, pulse):
    program = own(ana, scope=f"patient/Observation.r patient/Observation.s?category={CATEGORIES}|laboratory")
    made = own(ana).make(result(ana.patient))
    for path in ("Observation/_history", "_history"):
        listed = [one["resource"]["id"] for one in program.read(path)["entry"] if "resource" in one]
        assert listed == [made["id"]], path
    assert program.read(f"Observation/{pulse['id']}/_history")["total"] == 1
