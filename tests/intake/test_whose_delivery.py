"""Two people stay two, and one stays one, however little a sender says of who is who."""

import pytest

from patients.models import Entry, Patient

from .conftest import MARIA
from .importing import lines, run, summary

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ground"), pytest.mark.security]

BORN = "1980-01-01"


def unnamed(number: str, born: str, code: str) -> dict:
    """Return a transaction whose entries have neither id nor fullUrl."""
    person = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": number}], "birthDate": born}
    subject = {"reference": f"Patient?identifier=urn:mrn|{number}"}
    condition = {"resourceType": "Condition", "code": {"text": code}, "subject": subject}
    entries = [{"resource": one, "request": {"method": "POST"}} for one in (person, condition)]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@pytest.mark.parametrize("other_day", [BORN, "1981-02-02"])
def test_two_people_without_ids_are_two(write, other_day):
    _out, err = run(write("a.json", unnamed("A1", BORN, "asthma")), write("b.json", unnamed("B2", other_day, "gout")))
    assert err == ""
    assert Patient.objects.count() == 2
    assert not Entry.objects.filter(version__gt=1).exists()


def test_one_person_without_an_id_stays_one(write):
    run(write("a.json", unnamed("A1", BORN, "asthma")))
    out, _err = run(write("b.json", unnamed("A1", BORN, "gout")))
    assert (Patient.objects.count(), summary(out)["Added"]) == (1, 1)
    assert not Entry.objects.filter(version__gt=1).exists()


def test_what_has_no_id_is_known_when_it_comes_again_after_something_else(write):
    first, second = write("a.json", unnamed("A1", BORN, "asthma")), write("b.json", unnamed("A1", BORN, "gout"))
    run(first, second)
    assert summary(run(first)[0])["Added"] == 0


def test_loose_resources_without_ids_are_no_versions_of_each_other(write):
    run(write("p.json", {"resourceType": "Patient", "id": "m", "birthDate": BORN}))
    for code in ("asthma", "gout", "asthma"):
        one = {"resourceType": "Condition", "code": {"text": code}, "subject": {"reference": "Patient/m"}}
        run(write("c.json", one))
    assert list(Entry.objects.values_list("version", flat=True)) == [1, 1, 1]


def test_entries_named_by_oid_are_known_in_any_order(bundle, write):
    for number, entry in enumerate(bundle["entry"]):
        entry["fullUrl"] = f"urn:oid:1.2.3.{number}"
        entry["resource"] |= {"subject": {"reference": "urn:oid:1.2.3.0"}} if number else {}
    bundle["entry"][2]["resource"]["encounter"] = {"reference": "urn:oid:1.2.3.1"}
    run(write("a.json", bundle))
    bundle["entry"].insert(1, bundle["entry"].pop())
    assert summary(run(write("b.json", bundle))[0])["Added"] == 0


def test_a_patient_by_whom_nobody_could_be_found_is_refused(write):
    nobody = {"resourceType": "Patient", "name": [{"text": "Ana Costa"}], "birthDate": BORN}
    as_bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": nobody}]}
    _out, err = run(write("a.json", as_bundle), write("b.ndjson", lines(nobody)))
    assert err.splitlines()[0].startswith("a.json, entry 1: Patient has no id, no fullUrl and no identifier")
    assert err.splitlines()[1].startswith("b.ndjson, line 1: Patient has no id")
    assert not Patient.objects.exists()


def test_placeholders_for_a_number_make_nobody_the_same_person(bundle, write):
    bundle["entry"] = bundle["entry"][:1]
    for number, value in enumerate(("-", "?", "--")):
        bundle["entry"][0]["fullUrl"] = MARIA[:-1] + str(number)
        bundle["entry"][0]["resource"]["identifier"] = [{"system": "urn:mrn", "value": value}]
        run(write("a.json", bundle))
    assert Patient.objects.count() == 3


def test_a_uuid_counts_in_capitals_and_not(bundle, write):
    bundle["entry"][1]["fullUrl"] = bundle["entry"][1]["fullUrl"][:-12] + "ABCDEFABCDEF"
    bundle["entry"][2]["resource"]["encounter"] = {"reference": bundle["entry"][1]["fullUrl"].lower()}
    assert run(write("a.json", bundle))[1] == ""


OTHER = {"reference": "Patient/other"}
ELSEWHERE = {"reference": f"https://other.example/fhir/Patient/{MARIA.removeprefix('urn:uuid:')}"}
STRANGER = {"system": "urn:mrn", "value": "Z-9"}


def condition(subject: dict, **more) -> dict:
    return {"resourceType": "Condition", "code": {"text": "gout"}, "subject": subject, **more}


def contained(**patient) -> dict:
    inner = {"resourceType": "Patient", "id": "p", **patient}
    return condition({"reference": "#p"}, contained=[inner])


def proposed(actor: dict) -> dict:
    return {
        "resourceType": "Appointment",
        "status": "proposed",
        "participant": [{"status": "accepted", "actor": actor}],
    }


def account(*subjects: dict) -> dict:
    return {"resourceType": "Account", "status": "active", "subject": list(subjects)}


def joined(bundle: dict, resource: dict) -> dict:
    """Return Maria's bundle with one entry more."""
    bundle["entry"].append({"fullUrl": MARIA.replace("1111-4", "9999-4"), "resource": resource})
    return bundle


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (account(OTHER), "is about Patient/other, but this bundle is about Patient/1111"),
        (account(OTHER), "see Account.subject[0]."),
        (proposed(OTHER), "see Appointment.participant[0].actor."),
        ({"resourceType": "EnrollmentRequest", "candidate": OTHER}, "see EnrollmentRequest.candidate."),
        (condition({"identifier": STRANGER}), "Condition.subject has an identifier not known to be that of Patient/1"),
        (contained(identifier=[STRANGER]), "Condition.subject is a contained Patient not known to be Patient/1111"),
        (contained(birthDate="1950-01-01"), "Condition.subject is a contained Patient not known"),
        (contained(name=[{"text": "Ben"}]), "Condition.subject is a contained Patient not known"),
        (condition(ELSEWHERE), "Condition.subject names a patient of another server"),
    ],
)
def test_somebody_else_s_entry_is_refused_by_entry_and_path(bundle, write, resource, words):
    _out, err = run(write("maria.json", joined(bundle, resource)))
    assert err.startswith("maria.json, entry 5: ")
    assert words in err
    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    "resource",
    [
        account({"reference": MARIA}),
        account({"reference": MARIA}, OTHER),
        proposed({"reference": MARIA}),
        condition({"identifier": {"system": "urn:mrn", "value": "a1"}}),
        contained(identifier=[{"system": "urn:mrn", "value": "A-1"}]),
        contained(birthDate="1980-02", name=[{"text": "maria jose muller-angstrom"}]),
        condition({"display": "Maria"}),
    ],
)
def test_her_own_entry_is_taken_however_it_names_her(bundle, write, resource):
    assert run(write("maria.json", joined(bundle, resource)))[1] == ""


def test_a_number_that_is_known_here_names_her(bundle, write):
    run(write("maria.json", bundle))
    bundle["entry"][0]["resource"]["identifier"] = [{"system": "urn:card", "value": "77"}]
    later = joined(bundle, condition({"identifier": {"system": "urn:mrn", "value": "A-1"}}))
    assert run(write("later.json", later))[1] == ""


def test_a_later_bundle_may_name_its_own_server_and_no_second(write):
    run(write("m.json", {"resourceType": "Patient", "id": "m", "birthDate": BORN}))
    here, there = ({"reference": f"https://{name}.example/Patient/m"} for name in ("a", "b"))
    one = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": condition(here)}]}
    assert run(write("later.json", one))[1] == ""
    one["entry"].append({"resource": condition(there)})
    assert "names a patient of another server" in run(write("later.json", one))[1]
