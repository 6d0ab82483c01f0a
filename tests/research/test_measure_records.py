"""What is read of a record for a measure, and what is not: each kind of entry, and each way it may not count."""

from datetime import date

import pytest

from research.measures import made, records
from research.measures.measured import Period

YEAR = Period(date(2025, 1, 1), date(2025, 12, 31))
SNOMED, LOINC, CVX = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/cvx"


def concept(code, system=SNOMED):
    return {"coding": [{"system": system, "code": code}]}


def person(born="1960-05-05", **more):
    return {"resourceType": "Patient", "birthDate": born, "gender": "female"} | more


def ill(code="44054006", **more):
    return {"resourceType": "Condition", "code": concept(code), "onsetDateTime": "2010-01-01"} | more


def seen(first="2025-03-03", last=None, kind="AMB", **more):
    period = {"start": f"{first}T08:00:00+01:00", "end": f"{last or first}T20:00:00+01:00"}
    return {"resourceType": "Encounter", "status": "finished", "class": {"code": kind}, "period": period} | more


def result(value=7.0, day="2025-04-04", code="4548-4", unit="%", **more):
    told = {"status": "final", "effectiveDateTime": f"{day}T10:00:00Z", "code": concept(code, LOINC)}
    return {"resourceType": "Observation", "valueQuantity": {"value": value, "code": unit}} | told | more


def pressure(high, low, day="2025-04-04"):
    parts = [
        {"code": concept(code, LOINC), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in (("8480-6", high), ("8462-4", low))
    ]
    return {"resourceType": "Observation", "status": "final", "effectiveDateTime": day, "component": parts} | {
        "code": concept("85354-9", LOINC)
    }


def measured(name, *resources):
    """Return whether somebody with this record is counted, and whether they meet the measure."""
    found = made.measure(name, YEAR, records.read(("ana", one) for one in resources))
    return bool(found.people), bool(found.met)


RECORD = (person(), ill(), seen())


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((*RECORD, result()), (True, True)),
        ((*RECORD, result(9.1)), (True, False)),
        ((*RECORD, result(status="preliminary")), (True, False)),
        ((*RECORD, result(status="entered-in-error")), (True, False)),
        ((*RECORD, result(effectiveDateTime="2025")), (True, False)),  # in which month nobody wrote down
        ((*RECORD, result(valueQuantity={"value": 7, "code": "%", "comparator": "<"})), (True, False)),
        ((*RECORD, result(code=concept("4548-4", "http://example.org"))), (True, False)),
        ((person(), ill(verificationStatus=concept("refuted", "")), seen(), result()), (False, False)),
        ((person(), ill(clinicalStatus=concept("resolved", "")), seen(), result()), (False, False)),
        ((person(), ill(abatementDateTime="2024-12-31"), seen(), result()), (False, False)),
        ((person(), ill(onsetDateTime=None, recordedDate="2011-01-01"), seen(), result()), (True, True)),
        ((person(born="1960"), ill(), seen(), result()), (False, False)),
        ((person(), ill(), seen(status="planned"), result()), (False, False)),
        ((person(), ill(), seen(kind="IMP"), result()), (False, False)),
        ((*RECORD, result(), ill("305911006", onsetDateTime="2025-02-02")), (False, False)),  # in hospice
        ((*RECORD, result(), seen(type=[concept("305336008")])), (False, False)),
        ((*RECORD, result(), seen("2023-03-03", type=[concept("305336008")])), (True, True)),
    ],
)
def test_what_counts_for_diabetes(resources, expected):
    assert measured("diabetes", *resources) == expected


HIGH = (person(), ill("59621000"), seen())


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((*HIGH, pressure(130, 80)), (True, True)),
        ((*HIGH, pressure(130, 80), pressure(150, 95, day="2025-04-05")), (True, False)),
        # The second was taken in the emergency room, which is not how somebody's pressure is.
        ((*HIGH, pressure(130, 80), pressure(180, 95, day="2025-04-05"), seen("2025-04-05", kind="EMER")),
         (True, True)),
        ((*HIGH, pressure(130, 80), ill("72892002", onsetDateTime="2025-02-02")), (False, False)),  # pregnant
        ((*HIGH, pressure(130, 80), ill("46177005", onsetDateTime="2015-02-02")), (False, False)),  # no kidneys
        ((*HIGH, pressure(130, 80), {"resourceType": "Procedure", "status": "completed", "code": concept("70536003"),
                                     "performedDateTime": "2012-01-01"}), (False, False)),  # a new one, long ago
        ((*HIGH, pressure(130, 80), {"resourceType": "Procedure", "status": "not-done", "code": concept("70536003"),
                                     "performedDateTime": "2012-01-01"}), (True, True)),
    ],
)  # fmt: skip
def test_what_counts_for_blood_pressure(resources, expected):
    assert measured("blood-pressure", *resources) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((person(), seen("2025-03-01", "2025-03-04", "IMP"), seen("2025-03-20", "2025-03-22", "IMP")), (True, True)),
        ((person(), seen("2025-03-01", "2025-03-04", "IMP"),
          seen("2025-03-20", "2025-03-22", "IMP", priority=concept("EL", ""))), (True, False)),
        ((person(), seen("2025-03-01", "2025-03-04", "IMP"), seen("2025-03-20", kind="EMER")), (True, False)),
        ((person(deceasedDateTime="2025-03-04"), seen("2025-03-01", "2025-03-04", "IMP")), (False, False)),
        ((person(), seen("2025-03-01", "2025-03-04", "IMP",
                         hospitalization={"dischargeDisposition": concept("exp", "")})), (False, False)),
        ((person(), seen("2025-03-01", "2025-03-04", "IMP",
                         hospitalization={"dischargeDisposition": concept("428361000124107")})), (False, False)),
    ],
)  # fmt: skip
def test_what_counts_for_readmission(resources, expected):
    assert measured("readmission", *resources) == expected


@pytest.mark.parametrize("status", ["completed", "not-done", "entered-in-error"])
def test_a_vaccination_that_was_not_given_does_not_count(status):
    given = {"resourceType": "Immunization", "status": status, "occurrenceDateTime": "2024-06-06"}
    tables = records.read([("ana", given | {"vaccineCode": concept("03", CVX)})])
    assert tables.vaccinations.height == (status == "completed")


def test_who_is_told_neither_female_nor_male_is_in_a_group_of_their_own():
    tables = records.read([("ana", person(gender="unknown")), ("bo", person(born="2009-01-01"))])
    assert made.groups(YEAR, tables) == {"ana": "65+ other", "bo": "0-17 female"}
