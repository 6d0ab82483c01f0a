"""Who looked and who may, as FHIR; and the summary of a record."""

import pytest

from consent.models import ConsentDraft, Grant
from ehr.r4 import validate
from ehr.words import Category
from tests import people
from tests.consent.test_incoming import consent, numbered
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


def about(patient, *actors, **more) -> dict:
    return {**consent(*actors, **more), "patient": {"reference": f"Patient/{patient.pk}"}}


def test_a_consent_that_is_sent_is_a_draft_and_no_permission(app, ana, lee):
    program = app(ana, scope="patient/Consent.crs")
    before = program.find("Consent")
    answer = program.ask("POST", "Consent", about(ana.patient, numbered(lee)))
    assert answer.status_code == 202
    draft = ConsentDraft.objects.get(patient=ana.patient)
    assert (draft.reader, draft.source) == (lee.user.reader, "Heartbeat")
    assert not Grant.objects.filter(reader=lee.user.reader).exists()
    assert program.find("Consent") == before


def test_a_consent_that_denies_or_is_somebody_elses_is_refused_in_words(app, ana, ben):
    program = app(ana, scope="patient/Consent.crs")
    assert program.ask("POST", "Consent", about(ana.patient, type="deny")).status_code == 422
    assert program.ask("POST", "Consent", about(ben.patient)).status_code == 422
    assert program.ask("POST", "Consent", {**about(ana.patient), "status": "signed"}).status_code == 422
    assert not ConsentDraft.objects.exists()


def test_without_its_scope_no_draft_is_left(app, ana, lee):
    program = app(ana, scope="patient/Consent.rs patient/Observation.crs")
    assert program.ask("POST", "Consent", about(ana.patient, numbered(lee))).status_code == 403
    assert not ConsentDraft.objects.exists()


def test_a_transaction_stores_no_consent_and_nobody_writes_the_log(app, ana, lee):
    program = app(ana, scope="patient/*.cruds")
    one = {"resource": about(ana.patient, numbered(lee)), "request": {"method": "POST", "url": "Consent"}}
    assert program.transact(one).status_code == 422
    event = {"resourceType": "AuditEvent"}
    assert program.ask("POST", "AuditEvent", event).status_code == 405
