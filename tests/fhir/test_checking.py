"""`$validate`: what is wrong with a resource, by the specification and by a profile that is named."""

import pytest

from tests.fhir.program import JSON, json, result, said

pytestmark = pytest.mark.django_db
LAB = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"
BASE = "http://hl7.org/fhir/StructureDefinition/Observation"
UNKNOWN = "http://hl7.org/fhir/StructureDefinition/heartrate-of-somebody"


def uncategorized(patient) -> dict:
    return {name: value for name, value in result(patient).items() if name != "category"}


def parameters(resource=None, **told: str) -> dict:
    """Return Parameters; `mode` is a code, `profile` an address."""
    kinds = {"mode": "valueCode", "profile": "valueUri"}
    listed: list[dict] = [{"name": name, kinds[name]: value} for name, value in told.items()]
    return {
        "resourceType": "Parameters",
        "parameter": listed + ([{"name": "resource", "resource": resource}] if resource else []),
    }


def severities(answer) -> set[str]:
    assert answer.status_code == 200, said(answer)
    return {one["severity"] for one in json(answer)["issue"]}


@pytest.mark.parametrize("profile", [LAB, f"{LAB}|7.0.0"])
def test_a_resource_is_held_to_the_profile_that_is_named(own, ana, profile):
    program, sent = own(ana), uncategorized(ana.patient)
    in_address = program.ask("POST", f"Observation/$validate?profile={profile}", sent)
    in_body = program.ask("POST", "Observation/$validate", parameters(sent, profile=profile))
    for answer in (in_address, in_body):
        assert severities(answer) == {"error"}
        assert ["Observation.category"] in [one["expression"] for one in json(answer)["issue"]]
    kept = result(ana.patient)
    assert severities(program.ask("POST", f"Observation/$validate?profile={profile}", kept)) == {"information"}


def test_one_that_is_there_is_held_to_it_too(own, ana):
    program = own(ana)
    name = f"Observation/{program.make(uncategorized(ana.patient))['id']}/$validate"
    assert severities(program.get(f"{name}?profile={LAB}")) == {"error"}
    assert severities(program.get(f"{name}?mode=profile&profile={BASE}")) == {"information"}
    assert severities(program.ask("POST", name, parameters(mode="profile", profile=LAB))) == {"error"}


@pytest.mark.parametrize("profile", [UNKNOWN, f"{LAB}|8.0.0", LAB.replace("observation-lab", "patient"), "lab"])
def test_a_profile_that_cannot_be_checked_is_refused(own, ana, profile):
    program, sent = own(ana), result(ana.patient)
    in_address = program.ask("POST", f"Observation/$validate?profile={profile}", sent)
    in_body = program.ask("POST", "Observation/$validate", parameters(sent, profile=profile))
    for answer in (in_address, in_body):
        assert (answer.status_code, json(answer)["issue"][0]["code"]) == (422, "not-supported")


def test_a_mode_that_is_not_known_is_refused_wherever_it_stands(own, ana):
    program, sent = own(ana), result(ana.patient)
    assert program.ask("POST", "Observation/$validate?mode=guess", sent).status_code == 400
    assert program.ask("POST", "Observation/$validate", parameters(sent, mode="guess")).status_code == 400


@pytest.mark.parametrize(
    "path", ["Observation/$validate", "Observation/0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11/$validate"]
)
@pytest.mark.parametrize("kind", ["application/fhir+xml", "text/plain"])
def test_another_format_is_told_so(own, ana, path, kind):
    answer = own(ana).ask("POST", path, b"<Observation/>", kind=kind)
    assert answer.status_code == 415, said(answer)


def test_without_a_resource_there_is_nothing_to_check(own, ana):
    program = own(ana)
    assert program.ask("POST", "Observation/$validate").status_code == 400
    assert program.ask("POST", "Observation/$validate", b"", kind=JSON).status_code == 400
    assert program.ask("POST", "Observation/$validate", parameters(mode="create")).status_code == 400


def test_an_entry_of_a_batch_is_checked(own, ana):
    sent = {"request": {"method": "POST", "url": "Observation/$validate"}, "resource": result(ana.patient, status="x")}
    [entry] = json(own(ana).transact(sent, kind="batch"))["entry"]
    assert entry["response"]["outcome"]["issue"][0]["severity"] == "error"
