"""What is wrong with one file, line or entry is named, and stops no other."""

import json

import pytest
from django.db import DataError

from ehr.intake import people as people_of_intake
from patients.models import Identifier, Patient

from .conftest import MARIA
from .hl7v2.conftest import sending
from .importing import lines, run, summary

__all__ = ["sending"]

pytestmark = [pytest.mark.django_db]

PERSON = {"resourceType": "Patient", "id": "m", "birthDate": "1980"}
NUMBER = {"system": "urn:mrn", "value": "B-2"}
GOUT = {"resourceType": "Condition", "id": "c", "code": {"text": "gout"}, "subject": {"reference": "Patient/m"}}


@pytest.fixture
def after(write, bundle, ground):
    """Return a function that imports something broken and then Maria, and returns what is said of the former."""

    def imported(name: str, content: object) -> str:
        out, err = run(write(name, content), write("z.json", bundle))
        assert summary(out)["Added"] == 4
        assert "EXIT 1" in err
        return err

    return imported


def a_list_as_method(bundle):
    bundle["entry"][0]["request"]["method"] = ["POST"]


def a_group_as_type_of_a_resource(bundle):
    bundle["entry"][1]["resource"]["resourceType"] = {}


def a_list_as_type_of_the_bundle(bundle):
    bundle["type"] = ["transaction"]


@pytest.mark.parametrize("change", [a_list_as_method, a_group_as_type_of_a_resource, a_list_as_type_of_the_bundle])
def test_a_value_of_the_wrong_kind_is_named(after, bundle, change):
    broken = json.loads(json.dumps(bundle))
    change(broken)
    assert after("a.json", broken).startswith("a.json")


@pytest.mark.parametrize(
    "number", ["1e-20000000", "1e-999999999", "1E+300", "0E-99999", "9" * 61, "0." + "1" * 61, "-1e101"]
)
def test_a_number_beyond_all_bounds_is_named_by_its_path(after, bundle, number):
    bundle["entry"][2]["resource"]["referenceRange"] = [{"low": {"value": 7}}]
    broken = json.dumps(bundle).replace('"value": 7', f'"value": {number}')
    del bundle["entry"][2]["resource"]["referenceRange"]
    words = "a.json, entry 3: Observation.referenceRange[0].low.value must be a number of at most 60 digits"
    assert after("a.json", broken.encode()).startswith(words)


@pytest.mark.parametrize("number", ["6.02214076e23", "1e-100", "-1E+100", "0." + "1" * 59, "9" * 60, "0.00"])
def test_a_number_within_bounds_is_kept(write, bundle, ground, number):
    text = json.dumps(bundle).replace('"value": 0', f'"value": {number}')
    assert run(write("a.json", text.encode()))[1] == ""


def test_what_the_database_cannot_keep_is_named(after, bundle, monkeypatch):
    expect = people_of_intake.arrivals.expect

    def picky(*, name, **options):
        if "?" in name:
            raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return expect(name=name, **options)

    monkeypatch.setattr(people_of_intake.arrivals, "expect", picky)
    broken = json.loads(json.dumps(bundle).replace(MARIA, MARIA[:-1] + "9"))
    broken["entry"][0]["resource"] |= {"name": [{"text": "a?b"}], "identifier": [NUMBER]}
    assert after("a.json", broken).startswith("a.json: this holds a character or a length that cannot be kept.")


def test_a_file_that_the_disk_does_not_give_stops_no_other(write, bundle, ground):
    good = write("b.json", bundle)
    (good.parent / "a.json").symlink_to("/proc/self/mem")
    out, err = run(good.parent)
    assert err.startswith("a.json: this file cannot be read")
    assert summary(out)["Added"] == 4


@pytest.mark.parametrize("source", ["x" * 201, "", "a\0b", "two\nlines"])
def test_a_source_that_is_no_name_ends_with_status_1(write, bundle, ground, source):
    _out, err = run(write("a.json", bundle), source=source)
    assert err.startswith("EXIT 1: --source is a name of 1 to 200 characters")
    assert not Patient.objects.exists()


def test_the_longest_source_fits_what_it_calls_somebody(write, bundle, ground):
    for name in (MARIA, MARIA[:-1] + "2"):
        bundle["entry"] = [bundle["entry"][0] | {"fullUrl": name}]
        assert run(write("a.json", bundle), source="x" * 200)[1] == ""
    assert all(len(system) <= 200 for system in Identifier.objects.values_list("system", flat=True))


def test_a_torn_line_stops_no_other(write, bundle, ground):
    broken = {"resourceType": "Bundle", "type": "transaction", "entry": [{}]}
    content = lines(PERSON, GOUT, broken, bundle) + b'\n{"resou'
    out, err = run(write("n.ndjson", content))
    assert summary(out)["Added"] == 6
    assert [line.split(":")[0] for line in err.splitlines()] == [
        "n.ndjson, line 3, entry 1",
        "n.ndjson, line 5",
        "EXIT 1",
    ]


def test_what_is_not_read_of_a_folder_is_named(write, bundle, ground):
    path = write("MARIA.JSON", bundle)
    write("old.gz", b"")
    out, err = run(path.parent)
    assert summary(out)["Added"] == 4
    assert err == "old.gz: not read, for its name ends in none of .json, .ndjson, .json.gz, .ndjson.gz.\n"


def test_a_clinician_whom_another_file_holds_is_kept_by_identifier(write, bundle, ground):
    doctor = {"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9", "display": "Dr. Sá"}
    bundle["entry"][1]["resource"]["participant"] = [{"individual": doctor}]
    path = write("a.json", bundle)
    assert run(path)[1] == ""
    assert summary(run(path)[0])["Added"] == 0


def test_over_http_a_torn_line_stops_no_other(sending):
    content = lines(PERSON, GOUT) + b"\n{torn"
    answer = sending.post(content, where="feeds:fhir", content_type="application/fhir+ndjson")
    assert b"line 3" in answer.content
    assert Patient.objects.count() == 1


@pytest.mark.parametrize(
    "content", [b'{"resourceType": "Bundle", "type": []}', b'{"resourceType": "Flag", "x": 1e-99999999999999999999}']
)
def test_over_http_a_value_of_the_wrong_kind_is_refused(sending, content):
    answer = sending.post(content, where="feeds:fhir", content_type="application/fhir+json")
    assert answer.status_code < 500
    assert not Patient.objects.exists()
