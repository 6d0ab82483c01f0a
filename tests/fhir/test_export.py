"""Bulk export: begun, asked after, fetched; of those who let one read, and of nobody else."""

import gzip
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
import time_machine

from audit import queries as audit
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants
from ehr import clock
from ehr.fhir.bulk import exports, rest
from ehr.fhir.models import Export
from ehr.fhir.tasks import forget_exports
from ehr.r4 import text
from ehr.words import Category
from tests import people
from tests.fhir.program import Program, asthma, json, result, sadness, said, version

pytestmark = [pytest.mark.django_db]
LATER = {"Prefer": "respond-async"}
SEEN = (Category.BASIC, Category.LABS, Category.HISTORY)


def begin(program: Program, path: str = "Patient/$export", **headers: str):
    return program.get(path, **(LATER | headers))


def place(answer) -> str:
    """Return the address of a job without the server's base."""
    assert answer.status_code == 202, said(answer)
    return answer["Content-Location"].partition("/fhir/")[2]


def done(program: Program, path: str = "Patient/$export", **headers: str) -> dict:
    """Return the manifest of an export."""
    job = place(begin(program, path, **headers))
    for _try in range(20):
        answer = program.get(job)
        if answer.status_code == 200:
            return json(answer)
    raise AssertionError(said(answer))


def fetch(program: Program, url: str, **headers: str) -> list[dict]:
    answer = program.get(url.partition("/fhir/")[2], Accept="application/fhir+ndjson", **headers)
    assert answer.status_code == 200, said(answer)
    content = gzip.decompress(answer.content) if answer.headers.get("Content-Encoding") == "gzip" else answer.content
    return [text.loads(line) for line in content.decode().splitlines()]


def everything(program: Program, manifest: dict, what: str = "output") -> dict[str, list[dict]]:
    """Return the resources of all files of an export by type; each file holds as many as it says, of its type."""
    found: dict[str, list[dict]] = {}
    for one in manifest[what]:
        lines = fetch(program, one["url"])
        assert len(lines) == one["count"]
        assert {line["resourceType"] for line in lines} == {one["type"]}
        found.setdefault(one["type"], []).extend(lines)
    return found


def stop(person) -> None:
    for grant in Grant.objects.filter(patient=person.patient, ending=None):
        grants.end(grant, keyring=person.keyring, by=own_party(person.patient))


@pytest.fixture
def filled(ana, own):
    program = own(ana)
    made = [program.make(result(ana.patient)), program.make(asthma(ana.patient)), program.make(sadness(ana.patient))]
    return {one["code"].get("text") or one["code"]["coding"][0]["display"]: one for one in made}


# --- The flow ------------------------------------------------------------------------------------
def test_an_app_takes_along_what_its_patient_let_it_see(ana, app, filled):
    program = app(ana, *SEEN)
    manifest = done(program)
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/fhir/Patient/$export")
    assert (manifest["deleted"], manifest["error"]) == ([], [])
    found = everything(program, manifest)
    assert {kind: len(some) for kind, some in found.items()} == {"Condition": 1, "Observation": 1, "Patient": 1}
    assert found["Observation"][0] == program.read(f"Observation/{filled['Glucose']['id']}")


def test_a_patient_takes_along_all_of_their_own(ana, own, filled):
    program = own(ana)
    assert len(everything(program, done(program))["Condition"]) == 2


def test_an_export_is_answered_later_or_not_at_all(ana, app):
    program = app(ana, *SEEN)
    answer = program.get("Patient/$export")
    assert (answer.status_code, Export.objects.count()) == (400, 0)
    assert "respond-async" in said(answer)


def test_how_far_it_is_is_told_between_two_questions(lee, ward, ground, monkeypatch):
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    for number in range(3):
        people.give(people.patient(f"Patient {number}"), lee, *SEEN)
    program = ward(lee)
    job = place(begin(program, "Group/mine/$export"))
    answer = program.get(job)
    assert (answer.status_code, answer["X-Progress"], answer["Retry-After"]) == (202, "2 of 3 records", "1")
    answer = program.get(job)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Expires"]
    assert len(everything(program, json(answer))["Patient"]) == 3


def test_files_come_packed(ana, app, filled):
    program = app(ana, *SEEN)
    url = next(one["url"] for one in done(program)["output"] if one["type"] == "Observation")
    assert fetch(program, url, Accept_Encoding="gzip") == fetch(program, url)
    plain = program.get(url.partition("/fhir/")[2], Accept="application/fhir+ndjson")
    assert plain["Content-Type"] == "application/fhir+ndjson"


def test_a_cancelled_export_is_not_there(ana, app, filled):
    program = app(ana, *SEEN)
    manifest = done(program)
    job = manifest["output"][0]["url"].partition("/fhir/")[2].rpartition("/")[0]
    assert program.ask("DELETE", job).status_code == 202
    assert program.get(job).status_code == 404
    assert program.ask("DELETE", job).status_code == 404
    assert program.get(manifest["output"][0]["url"].partition("/fhir/")[2]).status_code == 404


def test_an_export_is_over_in_a_day(ana, app, filled):
    program = app(ana, *SEEN)
    job = place(begin(program))
    with time_machine.travel(clock.now() + timedelta(hours=24, minutes=1), tick=False):
        assert program.get(job).status_code == 404
        assert forget_exports() == 1
    assert not Export.objects.exists()


def test_a_client_has_three_under_way_at_most(ana, app):
    program = app(ana, *SEEN)
    jobs = [place(begin(program)) for _each in range(3)]
    answer = begin(program)
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert program.ask("DELETE", jobs[0]).status_code == 202
    assert begin(program).status_code == 202


def test_nobody_exports_the_whole_server(ana, own, lee, ward):
    for program in (own(ana), ward(lee)):
        for answer in (begin(program, "$export"), program.ask("POST", "$export", {"resourceType": "Parameters"})):
            assert answer.status_code == 403
            assert json(answer)["resourceType"] == "OperationOutcome"
            assert "Group/mine/$export" in said(answer)


# --- What may be asked for -----------------------------------------------------------------------
@pytest.mark.parametrize("accepted", ["application/fhir+ndjson", "application/ndjson", "ndjson"])
def test_lines_are_the_one_format(ana, app, accepted):
    assert begin(app(ana, *SEEN), f"Patient/$export?_outputFormat={quote(accepted)}").status_code == 202


@pytest.mark.parametrize(
    "asked",
    [
        "_outputFormat=text/csv", "_type=Nothing", "_since=yesterday", "_typeFilter=Observation", "_elements=a.b.c",
        "_typeFilter=Observation?nothing=1", "_typeFilter=Observation?_include=*", "includeAssociatedData=Everything",
        "organizeOutputBy=Patient", "_count=10",
    ],
)  # fmt: skip
def test_what_is_not_understood_begins_nothing(ana, app, asked):
    name, _, value = asked.partition("=")
    answer = begin(app(ana, *SEEN), f"Patient/$export?{name}={quote(value)}")
    assert (answer.status_code, Export.objects.count()) == (400, 0)
    assert json(answer)["issue"][0]["expression"][0].startswith("http.")


def test_who_is_lenient_is_told_what_was_left_out(ana, app, filled):
    program = app(ana, *SEEN)
    manifest = done(program, "Patient/$export?organizeOutputBy=Patient", Prefer="respond-async, handling=lenient")
    assert everything(program, manifest)["Observation"]
    (told,) = everything(program, manifest, "error")["OperationOutcome"]
    assert told["issue"][0]["severity"] == "warning"


def test_types_are_chosen(ana, app, filled):
    program = app(ana, *SEEN)
    assert set(everything(program, done(program, "Patient/$export?_type=Observation,Patient"))) == {
        "Observation",
        "Patient",
    }


def test_resources_are_chosen_by_a_search(ana, app, own, filled):
    own(ana).make(result(ana.patient, "Ferritin", "80", status="amended"))
    program = app(ana, *SEEN)

    def found(*filters: str) -> list[str]:
        asked = f"Patient/$export?_type=Observation,Condition&_typeFilter={quote(','.join(filters))}"
        kept = everything(program, done(program, asked))
        assert len(kept["Condition"]) == 1
        return sorted(one["code"]["text"] for one in kept.get("Observation", ()))

    assert found("Observation?status=amended") == ["Ferritin"]
    assert found("Observation?status=final,amended&code:text=Gluc") == ["Glucose"]
    assert found("Observation?status=amended", "Observation?status=final") == ["Ferritin", "Glucose"]
    assert found("Observation?subject.name=Nobody") == []


def test_elements_are_chosen_and_said_to_be_not_all(ana, app, filled):
    program = app(ana, *SEEN)
    kept = everything(program, done(program, "Patient/$export?_elements=Observation.status,id"))
    (one,) = kept["Observation"]
    assert set(one) == {"resourceType", "id", "meta", "status", "code"}
    assert one["meta"]["tag"][-1]["code"] == "SUBSETTED"


def test_only_what_is_new_since_the_last_time(ana, app, own, filled):
    program, writer = app(ana, *SEEN), own(ana)
    first = done(program)
    writer.make(result(ana.patient, "Ferritin", "80"))
    assert writer.ask("DELETE", f"Condition/{filled['Asthma']['id']}").status_code == 204
    manifest = done(program, f"Patient/$export?_since={quote(first['transactionTime'])}")
    assert [one["code"]["text"] for one in everything(program, manifest)["Observation"]] == ["Ferritin"]
    (bundle,) = everything(program, manifest, "deleted")["Bundle"]
    assert bundle["type"] == "transaction"
    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": f"Condition/{filled['Asthma']['id']}"}}]


def test_it_is_as_it_stood_when_the_export_began(ana, app, own, filled):
    program, writer = app(ana, *SEEN), own(ana)
    job = place(begin(program))
    changed = writer.put({**filled["Glucose"], "status": "amended"})
    assert changed.status_code == 200
    writer.make(result(ana.patient, "Ferritin", "80"))
    kept = everything(program, json(program.get(job)))["Observation"]
    assert [(one["status"], one["meta"]["versionId"]) for one in kept] == [("final", version(kept[0]["id"], 1))]


def test_origins_come_along_with_what_they_tell_of(ana, app, own, filled):
    def origin(target: str, at: str) -> dict:
        return {
            "resourceType": "Provenance",
            "target": [{"reference": target}, {"reference": f"Patient/{ana.patient.pk}"}],
            "recorded": at,
            "agent": [{"who": {"display": "Clinic"}}],
        }

    glucose, disease = f"Observation/{filled['Glucose']['id']}", f"Condition/{filled['Asthma']['id']}"
    writer = own(ana)
    for target, at in (
        (glucose, "2026-01-01T00:00:00Z"),
        (glucose, "2026-02-01T00:00:00Z"),
        (disease, "2026-01-01T00:00:00Z"),
    ):
        sent = (origin(target, at), sadness(ana.patient))
        answer = writer.transact(
            *({"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in sent)
        )
        assert answer.status_code == 200, said(answer)
    program = app(ana, *Category)
    for asked, many in (("LatestProvenanceResources", 1), ("RelevantProvenanceResources", 2)):
        path = f"Patient/$export?_type=Observation&includeAssociatedData={asked}"
        assert len(everything(program, done(program, path))["Provenance"]) == many


def test_parameters_may_be_posted(ana, lee, ward, filled):
    ben = people.patient("Ben Okoro")
    for person in (ana, ben):
        people.give(person, lee, *SEEN)
    program = ward(lee)

    def posted(*parameters: dict):
        body = {"resourceType": "Parameters", "parameter": list(parameters)}
        return program.ask("POST", "Group/mine/$export", body, **LATER)

    named = {"name": "patient", "valueReference": {"reference": f"Patient/{ana.patient.pk}"}}
    job = place(posted({"name": "_type", "valueString": "Patient"}, named))
    assert [one["id"] for one in everything(program, json(program.get(job)))["Patient"]] == [str(ana.patient.pk)]
    stranger = {"name": "patient", "valueReference": {"reference": f"Patient/{people.patient('Eve').patient.pk}"}}
    nobody = {"name": "patient", "valueReference": {"reference": "Patient/0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11"}}
    assert re.sub(r".{8}-.*", "", said(posted(stranger))) == said(posted(nobody))
    assert posted(stranger).status_code == 404


def test_a_file_has_an_end(ana, app, filled, monkeypatch):
    monkeypatch.setattr(rest, "LARGEST_BYTES", 100)
    program = app(ana, *SEEN)
    url = next(one["url"] for one in done(program)["output"] if one["type"] == "Observation")
    answer = program.get(url.partition("/fhir/")[2])
    assert answer.status_code == 422
    assert "_typeFilter" in said(answer)


def test_bodies_are_brought_some_at_a_time(ana, app, own, filled, monkeypatch):
    monkeypatch.setattr(exports, "AT_A_TIME", 1)
    own(ana).make(result(ana.patient, "Ferritin", "80"))
    program = app(ana, *SEEN)
    assert len(everything(program, done(program))["Observation"]) == 2


# --- Groups --------------------------------------------------------------------------------------
def test_a_group_holds_those_who_let_one_read_now(ana, ben, lee, ward):
    people.give(ana, lee, *SEEN)
    program = ward(lee)
    assert [one["entity"]["reference"] for one in program.read("Group/mine")["member"]] == [f"Patient/{ana.patient.pk}"]
    assert [one.action for one in audit.story(ana.patient.pk)][:1] == ["chart.listed"]
    stop(ana)
    assert "member" not in program.read("Group/mine")
    other = people.clinician("Omar Haddad")
    assert "member" not in ward(other).read("Group/mine")


def test_another_group_is_not_there(ana, lee, ward):
    people.give(ana, lee, *SEEN)
    for name in ("all", str(ana.patient.pk), "0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11"):
        assert begin(ward(lee), f"Group/{name}/$export").status_code == 404
