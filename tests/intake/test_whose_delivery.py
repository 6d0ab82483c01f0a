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
