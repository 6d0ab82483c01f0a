"""Who looked and who may, as FHIR; and the summary of a record."""

import pytest

from ehr.r4 import validate
from ehr.words import Category
from tests import people
from tests.fhir.program import asthma, result, sadness

pytestmark = pytest.mark.django_db


def test_a_patients_app_reads_who_looked_and_who_may_where_its_scopes_name_them(own, app, ana, lee):
    own(ana).make(result(ana.patient))
    grant = people.give(ana, lee, Category.LABS)
    program = app(ana, Category.LABS, scope="patient/AuditEvent.rs patient/Consent.rs")
    consents = program.find("Consent")
    assert str(grant.pk) in {one["id"] for one in consents}
    assert program.read(f"Consent/{grant.pk}")["resourceType"] == "Consent"
    [event, *_] = program.find(f"AuditEvent?patient={ana.patient.pk}&_count=5")
    assert program.read(f"AuditEvent/{event['id']}")["id"] == event["id"]
    assert validate.check(event) == []
    assert program.get("Observation").status_code == 403


def test_a_scope_for_everything_is_not_for_the_list(app, ana):
    program = app(ana)
    assert program.get("AuditEvent").status_code == 403
    assert program.get("Consent").status_code == 403
    everything = program.read(f"Patient/{ana.patient.pk}/$everything")
    assert {one["resource"]["resourceType"] for one in everything["entry"]} == {"Patient"}


def test_a_clinician_is_not_told(own, ward, ana, lee):
    own(ana).make(result(ana.patient))
    people.give(ana, lee, Category.LABS)
    program = ward(lee, scope="user/AuditEvent.rs user/Consent.rs user/Observation.rs")
    assert program.find("AuditEvent") == []
    assert program.find("Consent") == []


def test_a_summary_holds_what_may_be_seen(own, app, ana):
    program = own(ana)
    clinical = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    program.make(asthma(ana.patient, clinicalStatus=clinical))
    program.make(sadness(ana.patient, clinicalStatus=clinical))
    whole = program.read(f"Patient/{ana.patient.pk}/$summary")
    assert whole["type"] == "document"
    assert validate.check(whole) == []
    assert "Depressive" in str(whole)
    part = app(ana, Category.BASIC, Category.HISTORY).read(f"Patient/{ana.patient.pk}/$summary")
    assert "Asthma" in str(part)
    assert "Depressive" not in str(part)
