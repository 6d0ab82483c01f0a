"""FHIR from other systems becomes sealed entries: whole bundles or nothing, and nothing twice."""

import json
from datetime import date
from pathlib import Path

import pytest

from audit.models import Event
from consent.access import open_own
from ehr.intake import people as people_of_intake
from ehr.words import Category
from patients.models import Entry, Identifier, Patient, WrappedKey
from patients.queries import by_identifiers
from tests import people

from .conftest import GLUCOSE, MARIA
from .importing import run, summary

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ground"), pytest.mark.point(5)]


@pytest.fixture
def maria(bundle) -> people.Person:
    """Somebody who has signed up and shown the number that the bundle's Patient carries."""
    person = people.patient("María José", identifier="1")
    Identifier.objects.filter(patient=person.patient).update(verified_at="2026-01-01T00:00Z")
    found = bundle["entry"][0]["resource"]
    found["identifier"], found["birthDate"] = [{"system": "urn:health-card", "value": "1"}], "1984-05-03"
    return person


@pytest.mark.parametrize("name", ["maria.json", "maria.json.gz"])
def test_a_bundle_is_imported_and_counted_by_type(bundle, write, name):
    out, err = run(write(name, bundle))
    counts = {"Condition": 1, "Encounter": 1, "Observation": 1, "Patient": 1, "Added": 4, "Known already": 0}
    assert (summary(out), err) == (counts, "")


def test_a_record_that_arrives_first_waits_for_its_patient(bundle, write):
    run(write("maria.json", bundle))
    patient = Patient.objects.get()
    assert (patient.user, patient.name) == (None, "María José Müller-Ångström")
    assert (patient.birth_date, patient.sex) == (date(1980, 2, 3), "female")
    assert by_identifiers([("urn:mrn", "a1")]) == patient
    assert by_identifiers([("urn:old", "9")]) is None


def test_without_the_keyholder_nobody_new_is_taken_in_and_those_known_are(bundle, write, settings):
    run(write("maria.json", bundle))
    settings.KEYHOLDER_SOCKET = "/nowhere/keyholder.sock"
    bundle["entry"][1]["resource"]["id"] = "later"
    assert summary(run(write("again.json", bundle))[0])["Added"] >= 1
    bundle["entry"][0]["resource"]["identifier"] = [{"system": "urn:mrn", "value": "Z 9"}]
    bundle["entry"][0]["resource"]["id"] = "somebody-else"
    _out, err = run(write("stranger.json", bundle))
    assert "keyholder does not answer" in err
    assert Patient.objects.count() == 1


def test_entries_lie_in_the_parts_their_codes_ask_for(bundle, write):
    run(write("maria.json", bundle))
    assert sorted(WrappedKey.objects.values_list("lockbox__part", flat=True)) == [
        "basic",
        "history",
        "labs",
        "mental-health",
    ]


def test_what_was_submitted_is_what_is_read_back(bundle, write, maria):
    text = json.dumps(bundle).replace('"value": 0', '"value": 7.10')
    run(write("maria.json", text.encode()))
    chart = open_own(maria.patient, keyring=maria.keyring)
    [glucose] = [entry for entry in chart.entries if entry.category == Category.LABS]
    patient_id, visit_id = MARIA.removeprefix("urn:uuid:"), "22222222-2222-4222-8222-222222222222"
    assert b'"value":7.10' in glucose.raw
    assert glucose.resource["id"] == GLUCOSE.removeprefix("urn:uuid:")
    assert glucose.resource["subject"] == {"reference": f"Patient/{patient_id}"}
    assert glucose.resource["encounter"] == {"reference": f"Encounter/{visit_id}"}
    assert [label["code"] for label in glucose.resource["meta"]["security"]] == ["N", "labs"]
    assert glucose.author_valid


def test_running_twice_adds_nothing(bundle, write):
    path = write("maria.json", bundle)
    run(path)
    before = (Entry.objects.count(), Event.objects.count(), Identifier.objects.count())
    out, err = run(path)
    assert (summary(out), err) == ({"Added": 0, "Known already": 4}, "")
    assert (Entry.objects.count(), Event.objects.count(), Identifier.objects.count()) == before


def test_what_changed_becomes_a_new_version(bundle, write):
    run(write("maria.json", bundle))
    bundle["entry"][2]["resource"]["status"] = "corrected"
    out, _err = run(write("maria.json", bundle))
    assert summary(out) == {"Observation": 1, "Added": 1, "Known already": 3}
    assert sorted(Entry.objects.filter(version=2).values_list("current", flat=True)) == [True]
    assert Entry.objects.filter(current=True).count() == 4


def test_a_second_bundle_of_the_same_person_joins_their_record(bundle, write):
    run(write("maria.json", bundle))
    bundle["entry"] = [bundle["entry"][0], bundle["entry"][2]]
    bundle["entry"][1]["fullUrl"] = "urn:uuid:55555555-5555-4555-8555-555555555555"
    del bundle["entry"][1]["resource"]["encounter"]
    out, _err = run(write("again.json", bundle))
    assert summary(out)["Added"] == 1
    assert Patient.objects.count() == 1


def test_a_record_reaches_the_patient_who_has_signed_up_and_shown_their_number(bundle, write, maria):
    run(write("maria.json", bundle))
    assert Entry.objects.filter(patient=maria.patient).count() == 4
    later = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": f"Patient/{MARIA.removeprefix('urn:uuid:')}"},
    }
    run(write("later.json", later))
    assert Entry.objects.filter(patient=maria.patient).count() == 5


def test_a_broken_bundle_is_refused_whole_and_the_rest_go_on(bundle, write):
    good = write("b-good.json", bundle)
    broken = json.loads(json.dumps(bundle))
    broken["entry"][0]["resource"]["identifier"] = [{"system": "urn:mrn", "value": "B-2"}]
    del broken["entry"][2]["resource"]["status"]
    broken["entry"][3]["resource"]["onsetDateTime"] = "spring"
    out, err = run(write("a-broken.json", broken), good)
    assert summary(out)["Added"] == 4
    assert err.splitlines()[:2] == [
        "a-broken.json, entry 3: Observation.status is missing.",
        "a-broken.json, entry 4: Condition.onsetDateTime must be a date, or a date and time with its zone, "
        "like 2026-05-03T09:30:00+02:00.",
    ]
    assert err.splitlines()[-1].startswith("EXIT 1: 2 things were wrong in 2 files")
    assert Patient.objects.count() == 1


def broken_by(change):
    """Return a bundle changer's name for the test's id."""
    return change.__name__ if callable(change) else None


def a_reference_to_nothing(bundle):
    bundle["entry"][2]["resource"]["encounter"] = {"reference": "urn:uuid:99999999-9999-4999-8999-999999999999"}


def a_second_patient(bundle):
    bundle["entry"].append({"resource": {"resourceType": "Patient", "id": "other"}})


def somebody_elses_result(bundle):
    bundle["entry"][2]["resource"]["subject"] = {"reference": "Patient/somebody"}


def a_questionnaire(bundle):
    bundle["entry"].append({"resource": {"resourceType": "Questionnaire", "status": "active"}})


def nobody_in_it(bundle):
    bundle["entry"] = [{"resource": {"resourceType": "Organization", "name": "Acme"}}]


def no_birth_date(bundle):
    del bundle["entry"][0]["resource"]["birthDate"]


def a_deletion(bundle):
    bundle["entry"][1]["request"]["method"] = "DELETE"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            a_reference_to_nothing,
            "entry 3: Observation.encounter.reference refers to an entry that is not in this bundle.",
        ),
        (a_second_patient, "entry 5: a second Patient. A bundle holds one patient's record."),
        (somebody_elses_result, "entry 3: is about Patient/somebody, but this bundle is about Patient/1111"),
        (a_questionnaire, "entry 5: A Questionnaire is not part of anybody's record."),
        (nobody_in_it, "maria.json: no resource in this bundle says whose record it belongs to."),
        (no_birth_date, "maria.json: Patient.birthDate is missing, and without it nobody can be matched"),
        (a_deletion, "maria.json, entry 2: only POST and PUT can be imported"),
    ],
    ids=broken_by,
)
def test_a_refusal_names_file_entry_and_what_is_wrong(bundle, write, change, words):
    change(bundle)
    out, err = run(write("maria.json", bundle))
    assert words in err
    assert summary(out)["Added"] == 0
    assert not Patient.objects.exists()
    assert not Entry.objects.exists()


def test_an_identifier_of_somebody_born_on_another_day_is_refused(bundle, write):
    run(write("maria.json", bundle))
    bundle["entry"][0]["resource"]["birthDate"] = "1999-09-09"
    _out, err = run(write("other.json", bundle))
    assert "other.json: Patient.identifier belongs to somebody with another birth date." in err
    assert Entry.objects.count() == 4


def test_a_refusal_does_not_repeat_what_was_sent(bundle, write):
    bundle["entry"][2]["resource"]["status"] = "Secret words about Maria"
    _out, err = run(write("maria.json", bundle))
    assert "Observation.status must be one of" in err
    assert "Secret" not in err


def test_a_file_that_cannot_be_read_is_named_and_the_rest_go_on(bundle, write):
    write("a.json", b"{")
    path = write("b.json", bundle)
    out, err = run(path.parent)
    assert err.startswith("a.json: not readable as JSON at line 1")
    assert summary(out)["Added"] == 4


def test_a_path_that_is_not_there_ends_with_status_1():
    assert run("/nowhere/at/all.json")[1] == "EXIT 1: /nowhere/at/all.json does not exist."


def test_loose_resources_go_to_the_record_they_lead_to(write):
    lines = [
        {"resourceType": "Observation", "id": "g", "status": "final", "code": {"text": "Glucose"}},
        {"resourceType": "Practitioner", "id": "d"},
        {"resourceType": "Practitioner", "id": "nobody"},
        {"resourceType": "Provenance", "id": "p", "target": [{"reference": "Observation/g"}]},
        {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/unknown"}},
        {"resourceType": "Patient", "id": "m", "birthDate": "1980", "name": [{"text": "Maria"}]},
    ]
    lines[0] |= {"subject": {"reference": "Patient/m"}, "performer": [{"reference": "Practitioner/d"}]}
    lines[3] |= {"recorded": "2026-05-03T09:30:00Z", "agent": [{"who": {"display": "Dr. Sá"}}]}
    path = write("all.ndjson", b"\n".join(json.dumps(line).encode() for line in lines))
    out, err = run(path)
    assert summary(out) == {
        "Observation": 1,
        "Patient": 1,
        "Practitioner": 1,
        "Provenance": 1,
        "Added": 4,
        "Known already": 0,
    }
    assert err.splitlines()[:2] == [
        "all.ndjson, line 3: nobody's record refers to it, and it says of nobody that it is theirs.",
        "all.ndjson, line 5: Patient/unknown is neither here nor known from an earlier import.",
    ]


def test_a_later_delivery_finds_the_patient_by_the_senders_own_name(write):
    run(write("one.json", {"resourceType": "Patient", "id": "m", "birthDate": "1980-02-03"}), source="City Lab")
    later = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/m"}}
    assert summary(run(write("two.json", later), source="City Lab")[0])["Added"] == 1
    assert "neither here nor known" in run(write("two.json", later), source="Another Lab")[1]


def test_one_doctor_in_two_records_does_not_link_them(bundle, write):
    doctor = {"resource": {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Dr. Sá"}]}}
    bundle["entry"].append(doctor)
    run(write("one.json", bundle))
    bundle["entry"][0]["resource"]["identifier"] = [{"system": "urn:mrn", "value": "B-2"}]
    bundle["entry"][0]["fullUrl"] = MARIA.replace("1111-1111", "1111-2222")
    for entry in bundle["entry"][1:4]:
        entry["resource"]["subject"] = {"reference": bundle["entry"][0]["fullUrl"]}
    run(write("two.json", bundle))
    assert Patient.objects.count() == 2
    assert Entry.objects.values("logical_id").distinct().count() == Entry.objects.count() == 10
    assert Entry.objects.values("origin").distinct().count() == 10


def test_forty_of_forty_synthea_bundles_import(public_data):
    out, err = run(public_data / "synthea")
    assert err == ""
    assert Patient.objects.count() == 40
    assert summary(out)["Added"] == Entry.objects.count() == 11_229


def test_every_refusal_among_us_core_is_on_the_reviewed_list(public_data):
    reviewed = json.loads((Path(__file__).parent / "us_core_refusals.json").read_text(encoding="utf-8"))
    out, err = run(public_data / "us-core-7.0.0")
    refused = dict(line.split(": ", 1) for line in err.splitlines()[:-1])
    assert refused == {item["file"]: item["said"] for item in reviewed["refusals"]}
    assert all(item["reason"] for item in reviewed["refusals"])
    assert summary(out)["Added"] == Entry.objects.count() == 207


@pytest.mark.security
def test_two_references_that_differ_by_a_dash_are_two_people(bundle, write):
    """A sender's Patient/1-2 is not its Patient/12, though dashes do not count in the numbers on people's cards."""
    bundle["entry"] = bundle["entry"][:1]
    bundle["entry"][0] |= {"fullUrl": "https://sender.example/Patient/12"}
    bundle["entry"][0]["resource"] |= {"id": "12"}
    _out, err = run(write("twelve.json", bundle))
    assert err == ""
    stray = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "https://sender.example/Condition/c",
                "resource": {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/1-2"}},
                "request": {"method": "POST", "url": "Condition"},
            }
        ],
    }
    _out, err = run(write("stray.json", stray))
    assert "Patient/1-2 is neither in this bundle nor known" in err
    assert Entry.objects.filter(patient=Patient.objects.get()).count() == 1


@pytest.mark.security
def test_a_sender_cannot_name_another_senders_patient(bundle, write):
    run(write("maria.json", bundle), source="lab-a")
    system, value = people_of_intake.named_by_source("lab-a", f"Patient/{MARIA.removeprefix('urn:uuid:')}")
    bundle["entry"] = bundle["entry"][:1]
    bundle["entry"][0]["fullUrl"] = "urn:uuid:66666666-6666-4666-8666-666666666666"
    bundle["entry"][0]["resource"]["identifier"] = [{"system": system, "value": value}]
    _out, err = run(write("passing.json", bundle), source="lab-b")
    assert err == ""
    assert Patient.objects.count() == 2
