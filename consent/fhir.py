"""Consent as FHIR: each permission, each person kept out and each part shut in an emergency, as an IHE PCF Consent.

Made when it is asked for, from what was signed, and never stored. One that covers all six parts is a Basic consent, or
an Intermediate one where it names entries or dates; one that names parts is Advanced, and its parts stand in
`securityLabel`, for PCF has neither action, class nor code there. What PCF has no place for (reading or writing,
countries, the days after a report, the signature: PCF forbids `verification`) stands in extensions of our own.
Source: IHE Privacy Consent on FHIR (PCF) 1.1.0; FHIR R4 consent.html.
"""

import base64
import uuid
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from audit import fhir as log_fhir
from audit import log
from consent import authority, proofs, queries, sentences
from consent.access import AccessDenied, Caller, is_owners
from consent.models import Block, EmergencyOptOut, Grant
from ehr import clock
from ehr.accounts.models import KeyVersion, Reader
from ehr.r4 import build
from ehr.r4.build import coding, concept, filled, known_as, reference
from ehr.r4.labels import CATEGORY, CONFIDENTIALITY
from ehr.words import Category, Purpose
from patients.models import Patient

PROFILE = "https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consent"
POLICY = f"{build.BASE}/policy/consent/1"
PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
SCOPE = concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent")
KIND = concept("http://loinc.org", "59284-0", "Consent")
RECIPIENT = concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient")


# --- Through an interface --------------------------------------------------------------------------
def read_consents(patient: Patient, caller: Caller) -> Iterator[dict]:
    """Return what a patient, or an app that they let in, may read of their consents. Raises AccessDenied.

    Whether the token has the scope for it is for whoever holds the token to say.
    """
    _see_that_it_is_theirs(patient, caller)
    return consents(patient)


def read_log(
    patient: Patient, caller: Caller, *, before: uuid.UUID | None = None, since: datetime | None = None
) -> Iterator[dict]:
    """Return a patient's list for themselves, or for an app that they let in. Raises AccessDenied.

    That an app read it is on the list itself, before anything of it is told. Call it outside a transaction.
    """
    _see_that_it_is_theirs(patient, caller)
    if caller.app is not None:
        log.record(
            "record.log-read",
            actor=log.Party("app", caller.app.pk, caller.app.name),
            subject=patient.pk,
            purpose=Purpose.PATRQT,
            because="app",
            details=caller.told,
        )
    return log_fhir.audit_events(patient.pk, before=before, since=since)


def _see_that_it_is_theirs(patient: Patient, caller: Caller) -> None:
    """Raise AccessDenied for everybody but the patient and their apps; the list holds a try that was refused."""
    if is_owners(patient, caller):
        return
    app = caller.app
    log.record(
        "record.log-refused",
        actor=log.Party("app", app.pk, app.name) if app else log.Party("person", caller.user.pk, caller.user.name),
        subject=patient.pk,
        outcome="refused",
        purpose=str(caller.purpose),
        because="not-theirs",
        details=caller.told,
    )
    raise AccessDenied(sentences.refusal("no-grant", name=patient.name), because="not-theirs")


# --- All of a patient's ----------------------------------------------------------------------------
def consents(patient: Patient, *, at: datetime | None = None) -> Iterator[dict]:
    """Yield a patient's consents as they stand at a moment: permissions, ended ones too, and what is denied."""
    at = at or clock.now()
    for grant in _grants(patient):
        yield consent(grant, at=at)
    for block in Block.objects.filter(patient=patient).select_related("patient__user", "reader__user").order_by("pk"):
        yield denial(block)
    for wish in EmergencyOptOut.objects.filter(patient=patient).select_related("patient__user").order_by("pk"):
        yield shut(wish)


def find(patient: Patient, fhir_id: str) -> dict | None:
    """Return one of a patient's consents by its FHIR id, or None."""
    return next((one for one in consents(patient) if one["id"] == fhir_id), None)


def _grants(patient: Patient) -> Iterator[Grant]:
    rows = Grant.objects.filter(patient=patient).order_by("made_at", "pk")
    needed = (*queries.DECIDED_BY, "reader__user", "patient__user", "delegation__reader", "patient_version__reader")
    return rows.select_related(*needed).iterator(chunk_size=200)


def consent(grant: Grant, *, at: datetime) -> dict:
    """Return one permission as a PCF Consent, as it stands at a moment. Its id is the grant's."""
    known = queries.facts(grant)
    over = min(known.ends, known.ended_at or known.ends)
    ended = known.ended_at is not None or over <= at
    return _consent(
        grant.patient,
        fhir_id=str(grant.pk),
        level=_level(grant),
        active=not ended,
        made_at=grant.made_at,
        changed_at=over if ended else grant.made_at,
        sentence=grant.sentence,
        performer=_signer(grant),
        extension=_besides(grant, known.ended_at),
        provision=filled(
            extension=_narrowed(grant),
            type="permit",
            period={"start": build.instant(min(grant.starts, over)), "end": build.instant(over)},
            actor=[{"role": RECIPIENT, "reference": _reader(grant.reader, delegate=grant.kind == Grant.Kind.DELEGATE)}],
            securityLabel=_labels(grant.categories),
            purpose=[coding(PURPOSE, grant.purpose)],
            dataPeriod=filled(
                start=grant.record_from and grant.record_from.isoformat(),
                end=grant.record_until and grant.record_until.isoformat(),
            ),
            data=[
                {"meaning": "instance", "reference": known_as("", build.URI, f"urn:uuid:{entry}")}
                for entry in grant.entries
            ],
        ),
    )


def denial(block: Block) -> dict:
    """Return that somebody is kept out by name. It beats every permission; only the patient and their apps see it."""
    return _denied(
        block,
        fhir_id=_named(block.patient, f"block/{block.pk}"),
        level="Basic",
        sentence=sentences.block_sentence(block.reader.name, language=_language(block.patient)),
        actor=[{"role": RECIPIENT, "reference": _reader(block.reader)}],
    )


def shut(wish: EmergencyOptOut) -> dict:
    """Return that a part stays shut even in an emergency, for everybody."""
    return _denied(
        wish,
        fhir_id=_named(wish.patient, f"emergency/{wish.pk}"),
        level="Advanced",
        sentence=sentences.opt_out_sentence(wish.part, language=_language(wish.patient)),
        securityLabel=_labels([wish.part]),
        purpose=[coding(PURPOSE, Purpose.BTG), coding(PURPOSE, Purpose.ETREAT)],
    )


def _denied(row: Block | EmergencyOptOut, *, fhir_id: str, level: str, sentence: str, **provision: object) -> dict:
    period = filled(start=build.instant(row.made_at), end=row.lifted_at and build.instant(row.lifted_at))
    return _consent(
        row.patient,
        fhir_id=fhir_id,
        level=level,
        active=row.lifted_at is None,
        made_at=row.made_at,
        changed_at=row.lifted_at or row.made_at,
        sentence=sentence,
        performer=reference("Patient", row.patient_id),
        extension=[],
        provision=filled(type="deny", period=period, **provision),
    )


def _consent(
    patient: Patient,
    *,
    fhir_id: str,
    level: str,
    active: bool,
    made_at: datetime,
    changed_at: datetime,
    sentence: str,
    performer: dict,
    extension: list[dict],
    provision: dict,
) -> dict:
    """Return what PCF asks of every consent, around one provision."""
    return filled(
        resourceType="Consent",
        id=fhir_id,
        meta={
            "versionId": "1" if active else "2",
            "lastUpdated": build.instant(changed_at),
            "profile": [f"{PROFILE}{level}"],
            "security": [coding(CONFIDENTIALITY, "R")],
        },
        extension=extension,
        status="active" if active else "inactive",
        scope=SCOPE,
        category=[KIND],
        patient=reference("Patient", patient.pk),
        dateTime=build.instant(made_at),
        performer=[performer],
        organization=[known_as("Organization", build.URI, settings.SITE_URL)],
        sourceAttachment=build.attachment(sentence) | {"creation": build.instant(made_at)},
        policy=[{"uri": POLICY}],
        provision=provision,
    )


# --- Parts of it -----------------------------------------------------------------------------------
def _level(grant: Grant) -> str:
    if set(grant.categories) < set(Category):
        return "Advanced"
    return "Intermediate" if grant.is_bundle or grant.record_from else "Basic"


def _labels(categories: list[str]) -> list[dict]:
    """Return parts as labels: what is covered are entries all of whose parts are among them. None where all six are."""
    chosen = [str(part) for part in Category if part in set(categories)]
    return [coding(CATEGORY, part) for part in chosen] if len(chosen) < len(Category) else []


def _narrowed(grant: Grant) -> list[dict]:
    """Return what PCF has no element for: what may be done, where, and how long after a report."""
    found = [build.extension("consent-action", valueCode=action) for action in grant.actions]
    found += [build.extension("consent-country", valueCode=country) for country in grant.places]
    if grant.report_days is not None:
        found.append(build.extension("consent-days-after-report", valueUnsignedInt=grant.report_days))
    return found


def _besides(grant: Grant, ended_at: datetime | None) -> list[dict]:
    """Return who signed what where, of which kind it is, what it hangs from, and why it ended."""
    token = f"eip155:{grant.chain_id}/erc721:{grant.contract}/{proofs.token_id(grant)}"
    found = [
        build.parts(
            "consent-signature",
            digest={"valueBase64Binary": base64.b64encode(proofs.digest(grant)).decode()},
            token={"valueUri": token},
            genuine={"valueBoolean": authority.signed_for_patient(grant)},
        ),
        build.extension("consent-kind", valueCode=grant.kind),
    ]
    if grant.parent_id:
        found.append(build.extension("consent-parent", valueReference=reference("Consent", grant.parent_id)))
    if ended_at is not None:
        ending = getattr(grant, "ending", None)
        cause = {"valueCode": str(ending.cause)} if ending else {}
        found.append(build.parts("consent-ending", at={"valueInstant": build.instant(ended_at)}, cause=cause))
    return found


def _reader(reader: Reader, *, delegate: bool = False) -> dict:
    """Return who is let in or kept out, by the identifier they have here."""
    kinds = {Reader.Kind.TEAM: "CareTeam", Reader.Kind.APP: "Device", Reader.Kind.PERSON: "Practitioner"}
    kind = "RelatedPerson" if delegate else kinds.get(Reader.Kind(reader.kind), "Organization")
    return known_as(kind, build.READER, reader.pk, reader.name)


def _signer(grant: Grant) -> dict:
    """Return who signed: the patient, who acts for them, or whoever passed on what the patient let them."""
    signer: KeyVersion = grant.patient_version
    if signer.reader.user_id == grant.patient.user_id:
        return reference("Patient", grant.patient_id)
    return _reader(signer.reader, delegate=grant.delegation_id is not None)


def _named(patient: Patient, what: str) -> str:
    """Return a FHIR id for a row that has a number only. It tells nobody else's apart from none."""
    return str(uuid.uuid5(patient.pk, what))


def _language(patient: Patient) -> str:
    return patient.user.language if patient.user else settings.LANGUAGE_CODE
