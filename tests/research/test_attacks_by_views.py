"""A researcher whose views are made to find somebody: none of them makes a release, and each is told why."""

import pytest

from providers.rules import NotPossible
from research.flatten.problems import ViewProblem
from research.models import Release
from research.release import asking, making, viewing
from tests.research import releasing, studying
from tests.research.releasing import VIEWS, tagged
from tests.research.test_releases import (  # noqa: F401
    board,
    fetched,
    joined,
    release,
    rosa,
    rows,
    small_groups,
    study,
)

pytestmark = pytest.mark.security
PEOPLE, WEIGHTS = VIEWS
SSN = "identifier.where(system = 'http://hl7.org/fhir/sid/us-ssn').value"
BOUNDS = {"low": "0", "high": "999999999999", "decimals": "0"}
CODED = {"values": "yes, no"}


def view(*columns, resource="Patient", where=(), **more):
    conditions = [{"path": one} for one in where]
    return {"resource": resource, "name": "v", "where": conditions, "select": [{"column": list(columns)}], **more}


def truth(path):
    return view(tagged("is_her", path, "truth"))


def number(path, **more):
    return view(tagged("told", path, "number", **BOUNDS), **more)


def coded(path, **more):
    return view(tagged("told", path, "code", **CODED), **more)


def choosing(*where, resource="Observation", **more):
    path = "status" if resource == "Observation" else "maritalStatus.coding.code.first()"
    return coded(path, resource=resource, where=where, **more)


ATTACKS = {
    "a truth about a name": truth("name.exists(family = 'Costa')"),
    "a truth about the first letter of a name": truth("name.family.first().startsWith('C')"),
    "a truth about a day of birth": truth("birthDate = @1984-05-03"),
    "a truth about who was born before a day, of twenty": truth("birthDate < @1984-06-01"),
    "a truth about a number of insurance": truth(f"{SSN} = '999-42-4825'"),
    "a truth about an address": truth("address.exists(line = '4 Quuxington Lane')"),
    "a truth about an area": truth("address.postalCode = '02139'"),
    "a truth about a telephone": truth("telecom.exists(value = '+1 555 0147')"),
    "a truth about a sex": truth("gender = 'female'"),
    "a truth about an id": truth("getResourceKey() = '0b00570a-5882-4bb7-98da-25109c3c001a'"),
    "a truth about an id by its element": truth("id = '0b00570a'"),
    "a truth about any text": truth("$this.text.div.contains('Costa')"),
    "a truth about all texts below": truth("descendants().ofType(string).contains('Costa')"),
    "a truth about a choice that may be text": view(tagged("told", "value.exists()", "truth"), resource="Observation"),
    "the digits of a number of insurance": number(f"{SSN}.replace('-', '').toInteger()"),
    "the digits of a telephone": number("telecom.value.first().substring(1).toInteger()"),
    "the length of a name": number("name.family.first().length()"),
    "where somebody lives, by its place on earth": number(
        "address.extension('http://hl7.org/fhir/StructureDefinition/geolocation')"
        ".extension('latitude').value.ofType(decimal)"
    ),
    "where a place is on earth": view(
        tagged("told", "position.latitude", "number", low="-90", high="90", decimals="6"), resource="Location"
    ),
    "the size of a picture": number("photo.size"),
    "a word chosen by a name": coded("iif(name.family = 'Costa', 'yes', 'no')"),
    "a word chosen by a constant": coded(
        "gender", where=["name.family = %her"], constant=[{"name": "her", "valueString": "Costa"}]
    ),
    "rows of one name": choosing("name.family = 'Costa'", resource="Patient"),
    "rows of one day": choosing("effective.ofType(dateTime) = @2020-03-04"),
    "rows of one hour": choosing("effective.ofType(dateTime) > @2020-03-04T10:00:00Z"),
    "rows of one day by a constant": choosing(
        "effective.ofType(dateTime) = %day", constant=[{"name": "day", "valueDate": "2020-03-04"}]
    ),
    "rows of one id": choosing("getResourceKey() = '0b00570a'"),
    "rows of one patient": choosing("subject.getReferenceKey(Patient) = '0b00570a'"),
    "rows of one reference": choosing("subject.reference = 'Patient/0b00570a'"),
    "rows of one name by its display": choosing("subject.display = 'Ana Costa'"),
    "rows of one note": choosing("note.exists(text.contains('Costa'))"),
    "rows of one clinician": choosing("performer.display = 'Dr Lee'"),
    "rows of what a system wrote": choosing("meta.source = 'urn:hospital'"),
    "rows chosen by an endless expression": choosing("code.coding.code.matches('^(((a+)+)+)+$')"),
    "rows of a contained patient": choosing("contained.exists(name.family = 'Costa')"),
    "an attached letter": view(
        tagged("told", "content.attachment.data.first()", "code", **CODED), resource="DocumentReference"
    ),
    "an id as a code": view(tagged("told", "subject.getReferenceKey()", "code", **CODED), resource="Observation"),
    "a name as an id": view(tagged("told", "name.family.first()", "id")),
    "a day of birth as a date": view(tagged("told", "birthDate", "date")),
    "an area as a code": coded("address.postalCode.first()"),
    "a walk over names": {
        "resource": "Patient",
        "select": [{"forEach": "name", "column": [tagged("told", "family", "code", **CODED)]}],
    },
    "a walk over whose names are hers": {
        "resource": "Patient",
        "select": [{"forEach": "name.where(family = 'Costa')", "column": [tagged("told", "use", "code", **CODED)]}],
    },
    "a walk over a day of birth": {
        "resource": "Patient",
        "select": [{"forEach": "birthDate", "column": [tagged("told", "$this < @1984", "truth")]}],
    },
    "a branch of a union": {
        "resource": "Patient",
        "select": [
            {
                "unionAll": [
                    {"column": [tagged("told", "gender", "sex")]},
                    {"column": [tagged("told", "name.family.first()", "sex")]},
                ]
            }
        ],
    },
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_view_that_reads_who_somebody_is_makes_no_release(attack):
    told = viewing.problem([PEOPLE, ATTACKS[attack]])
    assert told.startswith("View 2, "), told
    with pytest.raises(ViewProblem):
        viewing.declared([PEOPLE, ATTACKS[attack]])


def test_what_studies_need_is_read():
    race = "extension('http://hl7.org/fhir/us/core/StructureDefinition/us-core-race')"
    asked = [
        PEOPLE,
        WEIGHTS,
        view(
            tagged("high", "value.ofType(Quantity).value > 140", "truth"),
            tagged("unit", "value.ofType(Quantity).unit", "code", **CODED),
            tagged("encounter", "encounter.getReferenceKey(Encounter)", "id"),
            resource="Observation",
            where=[
                "effective.ofType(dateTime) >= @2020-01-01",
                "effective.ofType(dateTime) < %end",
                "status = 'final'",
            ],
            constant=[{"name": "end", "valueDate": "2025"}],
        ),
        {
            "resource": "Observation",
            "select": [
                {
                    "forEach": "component.where(code.coding.exists(system = 'http://loinc.org' and code = '8480-6'))",
                    "column": [tagged("systolic", "value.ofType(Quantity).value", "number", **BOUNDS)],
                }
            ],
        },
        view(
            tagged("area", "address.where(use = 'home').postalCode.first()", "zip"),
            tagged("race", f"{race}.extension('ombCategory').value.ofType(Coding).code.first()", "code", **CODED),
            tagged("alive", "deceased.ofType(dateTime).exists().not()", "truth"),
        ),
        view(
            tagged("given", "occurrence.ofType(dateTime)", "date"),
            tagged("vaccine", "vaccineCode.coding.code.first()", "code", system="http://hl7.org/fhir/sid/cvx"),
            resource="Immunization",
        ),
    ]
    assert viewing.problem(asked) == ""


@pytest.mark.django_db
def test_an_attack_is_told_before_anything_is_opened_and_stopped_again_by_the_worker(board, rosa, monkeypatch):  # noqa: F811
    bad = studying.opened(rosa, board, views=(PEOPLE, ATTACKS["a truth about a name"]))
    people = releasing.joined(bad)
    with pytest.raises(NotPossible, match="could tell who somebody is"):
        asking.ask(bad, by=rosa.user)
    with monkeypatch.context() as patched:
        patched.setattr(asking.viewing, "problem", lambda _views: "")
        asked = asking.ask(bad, by=rosa.user)
    assert making.make(asked.pk) == Release.State.STOPPED
    asked.refresh_from_db()
    assert "could tell who somebody is" in asked.because
    assert not any(one.user.name in asked.because for one in people)
