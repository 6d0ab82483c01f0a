"""Bundles: whole or not at all, each reference led to where it is; or each entry for itself."""

import re

import pytest

from ehr.words import Category
from patients.models import Entry
from tests import people
from tests.fhir.program import asthma, etag, json, result, said

pytestmark = pytest.mark.django_db


def entry(method: str, url: str, resource=None, full_url: str = "", **request) -> dict:
    said_so = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        said_so["resource"] = resource
    return said_so | ({"fullUrl": full_url} if full_url else {})


def told(answer) -> list[str]:
    return [one["response"]["status"][:3] for one in json(answer)["entry"]]


def organization(**more) -> dict:
    return {"resourceType": "Organization", "name": "Harbour", **more}


def test_what_came_together_refers_to_each_other_here(own, ana):
    program = own(ana)
    answer = program.transact(
        entry("POST", "Observation", result(ana.patient, performer=[{"reference": "urn:uuid:o"}]), "urn:uuid:r"),
        entry("POST", "Organization", organization(), "urn:uuid:o"),
    )
    assert told(answer) == ["201", "201"], said(answer)
    made, place = (one["resource"] for one in json(answer)["entry"])
    assert made["performer"] == [{"reference": f"Organization/{place['id']}"}]
    assert program.read(f"Organization/{place['id']}")["name"] == "Harbour"
    assert re.search("/_history/[0-9a-f-]{36}$", json(answer)["entry"][0]["response"]["location"])


def test_a_transaction_is_done_whole_or_not_at_all(own, ana):
    program = own(ana)
    answer = program.transact(
        entry("POST", "Observation", result(ana.patient)),
        entry("POST", "Observation", result(ana.patient, status="finished")),
    )
    assert answer.status_code == 422
    assert json(answer)["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert Entry.objects.count() == 0


def test_every_method_has_its_turn(own, ana):
    program = own(ana)
    old, other = program.make(result(ana.patient)), program.make(result(ana.patient))
    answer = program.transact(
        entry("GET", "Observation?_summary=count"),
        entry("PUT", f"Observation/{other['id']}", {**other, "status": "amended"}, ifMatch=etag(other["id"], 1)),
        entry("POST", "Observation", result(ana.patient)),
        entry("DELETE", f"Observation/{old['id']}"),
        entry("GET", f"Observation/{old['id']}"),
    )
    assert told(answer) == ["200", "200", "201", "204", "410"], said(answer)
    assert json(answer)["entry"][0]["resource"]["total"] == 2


def test_conditions_find_what_is_there(own, ana):
    program = own(ana)
    known = {"system": "urn:place", "value": "1"}
    both = [
        entry(
            "POST", "Organization", organization(identifier=[known]), "urn:uuid:o", ifNoneExist="identifier=urn:place|1"
        ),
        entry("POST", "Observation", result(ana.patient, performer=[{"reference": "urn:uuid:o"}])),
    ]
    first, second = program.transact(*both), program.transact(*both)
    assert (told(first), told(second)) == (["201", "201"], ["200", "201"])
    names = {json(one)["entry"][1]["resource"]["performer"][0]["reference"] for one in (first, second)}
    assert len(names) == 1
    by_search = program.transact(
        entry(
            "POST", "Observation", result(ana.patient, performer=[{"reference": "Organization?identifier=urn:place|1"}])
        )
    )
    assert json(by_search)["entry"][0]["resource"]["performer"][0]["reference"] in names
    nowhere = program.transact(
        entry(
            "POST", "Observation", result(ana.patient, performer=[{"reference": "Organization?identifier=urn:place|2"}])
        )
    )
    assert nowhere.status_code == 422


def test_a_reference_to_nothing_refuses_all(own, ana):
    answer = own(ana).transact(
        entry("POST", "Observation", result(ana.patient, performer=[{"reference": "urn:uuid:nobody"}]))
    )
    assert answer.status_code == 422
    assert Entry.objects.count() == 0


def test_a_transaction_is_about_one_patient(ward, own, ana, ben, lee):
    for one in (ana, ben):
        people.give(one, lee, Category.LABS, actions=("read", "write"))
    answer = ward(lee).transact(
        entry("POST", "Observation", result(ana.patient)), entry("POST", "Observation", result(ben.patient))
    )
    assert answer.status_code == 422
    assert "more than one patient" in json(answer)["issue"][0]["diagnostics"]


def test_one_resource_is_not_written_twice(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    twice = [entry("PUT", f"Observation/{made['id']}", made)] * 2
    assert program.transact(*twice).status_code == 400


def test_of_a_batch_each_entry_stands_for_itself(own, ana):
    program = own(ana)
    answer = program.transact(
        entry("POST", "Observation", result(ana.patient)),
        entry("POST", "Observation", result(ana.patient, status="finished")),
        entry("POST", "Condition", asthma(ana.patient)),
        entry("GET", "Condition"),
        entry("GET", "metadata"),
        entry("GET", "Nothing/1"),
        entry("POST", "", {"resourceType": "Bundle", "type": "batch"}),
        entry("PATCH", "Observation"),
        kind="batch",
    )
    assert told(answer) == ["201", "422", "201", "200", "200", "404", "405", "400"], said(answer)
    assert json(answer)["entry"][1]["response"]["outcome"]["issue"]
    assert json(answer)["entry"][3]["resource"]["total"] == 1


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_head_in_a_bundle_is_a_read_without_its_body(own, ana, kind):
    program = own(ana)
    made = program.make(result(ana.patient))
    answer = program.transact(
        entry("HEAD", f"Observation/{made['id']}"), entry("POST", "Observation", result(ana.patient)), kind=kind
    )
    assert told(answer) == ["200", "201"], said(answer)
    head = json(answer)["entry"][0]
    assert ("resource" in head, head["response"]["etag"]) == (False, etag(made["id"], 1))


def test_a_head_that_finds_nothing_leaves_a_batch_its_other_entries(own, ana):
    answer = own(ana).transact(entry("HEAD", "Nothing/1"), entry("HEAD", ""), entry("GET", "Observation"), kind="batch")
    assert told(answer) == ["404", "405", "200"], said(answer)


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "LOCK", "url": "Patient"}}]},
        {"resourceType": "Observation"},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "POST", "url": "Patient"}}]},
    ],
)
def test_what_is_no_bundle_of_interactions_is_refused(own, ana, bundle):
    answer = own(ana).ask("POST", "", bundle)
    assert answer.status_code == 400, said(answer)


def test_a_bundle_has_an_end(own, ana, settings):
    settings.FHIR_BUNDLE_ENTRIES = 1
    answer = own(ana).transact(*[entry("GET", "Observation")] * 2)
    assert answer.status_code == 413


def test_nothing_in_nothing_out(own, ana):
    assert json(own(ana).transact()) == {"resourceType": "Bundle", "type": "transaction-response"}
