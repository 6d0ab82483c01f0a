"""Consents from elsewhere: drafts in the inbox, whoever they name; a permission is only what the patient signs."""

import json
from datetime import timedelta

import pytest
import time_machine

from audit import log
from audit import queries as audit
from consent import fhir
from consent.access import AccessDenied
from consent.models import ConsentDraft, Grant
from consent.sharing import incoming
from ehr import clock
from ehr.intake import operations as intake
from ehr.notices.models import Notice
from ehr.r4 import build, labels
from ehr.r4.bundles import Batch
from ehr.r4.references import Entry
from ehr.words import Category
from providers.models import Credential
from tests import people
from tests.consent import let_in

RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
HOSPITAL = log.Party("system", None, "City Hospital", "source")


def consent(*actors: dict, **provision: object) -> dict:
    """Return a valid Consent that lets somebody read labs, but for the changes; None leaves an element out."""
    told = {
        "type": "permit",
        "period": {"start": "2026-01-01", "end": "2099-12-31"},
        "actor": list(actors) or None,
        "purpose": [{"system": fhir.PURPOSE, "code": "TREAT"}],
        "securityLabel": [{"system": labels.CATEGORY, "code": "labs"}],
        **provision,
    }
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": fhir.SCOPE,
        "category": [fhir.KIND],
        "patient": {"reference": "Patient/p"},
        "policy": [{"uri": "https://hospital.example/policy"}],
        "provision": {name: value for name, value in told.items() if value is not None},
    }


def actor(reference: dict) -> dict:
    return {"role": fhir.RECIPIENT, "reference": reference}


def licensed(person) -> dict:
    held = Credential.objects.get(clinician__user=person.user)
    return actor({"identifier": {"value": held.licence_number, "assigner": {"display": held.issuing_body}}})


def numbered(person) -> dict:
    return actor(build.known_as("Practitioner", build.READER, person.user.reader.pk, "Somebody"))


@pytest.fixture
def registered(lee):
    """Give Dr Lee's licence the digest that its issuer and number come to."""
    held = Credential.objects.get(clinician__user=lee.user)
    Credential.objects.filter(pk=held.pk).update(digest=incoming.licence_digest(held.issuing_body, held.licence_number))
    return lee


def receive(person, resource: dict) -> list[ConsentDraft]:
    return incoming.receive(person.patient, resource, source="City Hospital", by=HOSPITAL)


def test_a_consent_becomes_a_draft_and_opens_nothing(ana, registered):
    (draft,) = receive(ana, consent(licensed(registered)))
    assert draft.reader.user == registered.user
    assert (draft.categories, draft.actions, draft.unclear) == (["labs"], ["read"], [])
    assert not Grant.objects.exists()
    with pytest.raises(AccessDenied):
        let_in.read(ana, registered)


def test_somebody_is_known_by_the_identifier_they_have_here(ana, lee):
    (draft,) = receive(ana, consent(numbered(lee)))
    assert draft.reader == lee.user.reader


@pytest.mark.parametrize(
    "reference",
    [
        {"display": "Mei Lee"},
        {"reference": "Practitioner/1"},
        {"identifier": {"value": "1", "assigner": {"display": "College of Physicians"}}},
        {"identifier": {"system": build.READER, "value": "not-an-id"}},
    ],
)
def test_nobody_is_guessed(ana, lee, reference):
    (draft,) = receive(ana, consent(actor(reference)))
    assert draft.reader is None
    assert "reader" in draft.unclear


def test_a_licence_that_is_not_valid_names_nobody(ana, registered):
    Credential.objects.update(status=Credential.Status.SUSPENDED)
    (draft,) = receive(ana, consent(licensed(registered)))
    assert draft.reader is None


def test_a_contained_practitioner_is_read_too(ana, registered):
    reference = licensed(registered)["reference"]
    contained = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Lee", "given": ["Mei"]}]}
    contained["qualification"] = [{"identifier": [reference["identifier"]], "code": {"text": "Physician"}}]
    resource = {**consent(actor({"reference": "#d"})), "contained": [contained]}
    (draft,) = receive(ana, resource)
    assert draft.reader.user == registered.user
    assert incoming.named(draft, ana.keyring) == "Mei Lee"


@pytest.mark.parametrize(
    ("changes", "categories", "unclear"),
    [
        ({"securityLabel": None}, ["basic", "history", "labs", "treatment"], {"all-parts"}),
        ({"securityLabel": [{"system": labels.ACT_CODE, "code": "PSY"}]}, ["mental-health"], set()),
        ({"securityLabel": [{"system": labels.ACT_CODE, "code": "GDIS"}]}, ["genetic"], set()),
        (
            {"securityLabel": [{"system": labels.CONFIDENTIALITY, "code": "N"}]},
            ["basic", "history", "labs", "treatment"],
            set(),
        ),
        ({"securityLabel": [{"system": labels.CONFIDENTIALITY, "code": "R"}]}, [], {"labels"}),
        ({"securityLabel": None, "class": [{"system": RESOURCE_TYPES, "code": "CarePlan"}]}, ["treatment"], set()),
        ({"securityLabel": None, "class": [{"system": "urn:x", "code": "CCD"}]}, [], {"classes"}),
        ({"code": [{"text": "asthma"}]}, ["labs"], {"codes"}),
        ({"data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]}, ["labs"], {"entries"}),
        ({"dataPeriod": {"start": "2026-01-01"}}, ["labs"], {"record-dates"}),
        ({"provision": [{"type": "deny"}]}, ["labs"], {"exceptions"}),
        ({"purpose": [{"system": fhir.PURPOSE, "code": "HRESCH"}]}, ["labs"], {"purpose"}),
        ({"period": {"start": "2026-01-01"}}, ["labs"], {"end"}),
    ],
)
def test_what_cannot_be_taken_over_is_said_and_nothing_is_widened(ana, lee, changes, categories, unclear):
    (draft,) = receive(ana, consent(numbered(lee), **changes))
    assert draft.categories == categories
    assert set(draft.unclear) == unclear


@pytest.mark.parametrize(
    "resource",
    [
        consent(type="deny"),
        consent(type=None),
        consent(period={"end": "2020-01-01"}),
        {**consent(), "status": "inactive"},
        {**consent(), "status": "rejected"},
        {**consent(), "status": "entered-in-error"},
    ],
)
def test_what_denies_or_is_over_proposes_nothing(ana, resource):
    assert receive(ana, resource) == []


def test_the_same_sent_twice_is_one_draft_and_one_notice(ana, lee):
    first, again = receive(ana, consent(numbered(lee))), receive(ana, consent(numbered(lee)))
    assert first == again
    assert Notice.objects.filter(user=ana.user, kind="consent-proposed").count() == 1


def test_each_actor_is_a_draft_of_its_own(ana, lee, stranger):
    assert len(receive(ana, consent(numbered(lee), numbered(stranger)))) == 2


def test_an_inbox_does_not_overflow(ana):
    for number in range(incoming.MOST_WAITING + 5):
        receive(ana, consent(actor({"display": f"Somebody {number}"})))
    assert incoming.waiting(ana.patient).count() == incoming.MOST_WAITING


def test_whom_the_sender_named_is_for_the_patients_eyes_only(ana, stranger):
    (draft,) = receive(ana, consent(actor({"display": "Dr Secret Name"})))
    assert b"Secret" not in bytes(draft.whom)
    assert "Secret" not in json.dumps([line.details for line in audit.story(ana.patient.pk)])
    assert incoming.named(draft, ana.keyring) == "Dr Secret Name"
    assert incoming.named(draft, stranger.keyring) == ""
    assert incoming.named(draft, None) == ""


def test_that_it_came_and_what_became_of_it_is_on_the_list(ana, lee):
    (draft,) = receive(ana, consent(numbered(lee)))
    incoming.dismiss(draft, by=ana.user)
    incoming.dismiss(draft, by=ana.user)
    told = [
        (line.action, line.actor.name) for line in audit.story(ana.patient.pk) if line.action.startswith("consent.")
    ]
    assert told == [("consent.dismissed", "Ana Costa"), ("consent.proposed", "City Hospital")]
    assert incoming.of_patient(ana.patient, draft.pk) is None


def test_nobody_else_puts_a_draft_aside(ana, lee, stranger):
    (draft,) = receive(ana, consent(numbered(lee)))
    incoming.dismiss(draft, by=stranger.user)
    assert incoming.of_patient(ana.patient, draft.pk) == draft
    assert incoming.of_patient(people.patient("Olga Other").patient, draft.pk) is None


def test_a_draft_lapses_by_itself(ana, lee):
    (draft,) = receive(ana, consent(numbered(lee)))
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert incoming.of_patient(ana.patient, draft.pk) is None


def test_a_consent_in_a_bundle_is_a_draft_and_no_entry(ana, lee):
    person = {"resourceType": "Patient", "id": "p", "name": [{"family": "Somebody"}], "birthDate": "1970-01-01"}
    entries = [Entry(1, "", person), Entry(2, "", {**consent(numbered(lee)), "id": "c"})]
    outcome = intake.receive_bundle(Batch("a bundle", entries, True), source="City Hospital")
    assert outcome.added == {"Patient": 1}
    assert ConsentDraft.objects.get().reader == lee.user.reader
    assert not list(fhir.consents(ConsentDraft.objects.get().patient))


def test_sensitive_parts_are_proposed_only_where_they_are_named(ana, lee):
    (draft,) = receive(ana, consent(numbered(lee), securityLabel=None))
    assert not set(draft.categories) & {str(part) for part in (Category.MENTAL_HEALTH, Category.GENETIC)}
