"""The log as FHIR: each line of a patient's list as an AuditEvent, made when it is asked for and never stored.

What is told is what the patient's own page tells: who, as what, where, which act on which parts, why, under which
permission, and with what outcome. Free words stay sealed. Where a line has its place, its number in the tree stands in
an extension, so that a proof can be had for it.
Source: IHE Basic Audit Log Patterns (BALP) 1.1.4; FHIR R4 auditevent.html.
"""

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from audit import acts, queries
from audit.acts import Pattern
from audit.log import Party
from audit.queries import Line
from ehr.r4 import build
from ehr.r4.build import coding, concept, filled, known_as, reference
from ehr.r4.labels import CATEGORY, CONFIDENTIALITY

ACT = f"{build.BASE}/CodeSystem/log-act"
PROFILE = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
PURPOSE = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
ENTITY, ROLE = (
    "http://terminology.hl7.org/CodeSystem/audit-entity-type",
    "http://terminology.hl7.org/CodeSystem/object-role",
)
REST = coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "Restful Operation")
SOURCE, DESTINATION = concept(DICOM, "110153", "Source Role ID"), concept(DICOM, "110152", "Destination Role ID")
APPLICATION = concept(DICOM, "110150", "Application")
CUSTODIAN = concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
PLACE = concept("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV", "healthcare provider")
DISCLOSE = coding(
    "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event"
)
_PAGE = 200

# Of each pattern: type, what IHE wants as subtype, FHIR's action, the roles of client and server, and of who did it.
_SHAPES = {
    Pattern.READ: (REST, coding(INTERACTION, "read"), "R", DESTINATION, SOURCE, "IRCP"),
    Pattern.QUERY: (REST, coding(INTERACTION, "search"), "E", SOURCE, DESTINATION, "IRCP"),
    Pattern.CREATE: (REST, coding(INTERACTION, "create"), "C", SOURCE, DESTINATION, "AUT"),
    Pattern.UPDATE: (REST, coding(INTERACTION, "update"), "U", SOURCE, DESTINATION, "AUT"),
    Pattern.DELETE: (REST, coding(INTERACTION, "delete"), "D", APPLICATION, CUSTODIAN, "AUT"),
    Pattern.EXPORT: (coding(DICOM, "110106", "Export"), DISCLOSE, "R", DESTINATION, SOURCE, "IRCP"),
}
_ABOUT_A_RECORD = coding(DICOM, "110110", "Patient Record")
_ALERT = coding(DICOM, "110113", "Security Alert")
_OUTCOMES = {"done": "0", "allowed": "0", "refused": "4"}


def audit_events(subject: UUID, *, before: UUID | None = None, since: datetime | None = None) -> Iterator[dict]:
    """Yield a patient's list as AuditEvents, newest first; each has the event's id.

    `before` is the id of an event: those older than it. `since` leaves out what happened earlier.
    """
    while page := queries.story(subject, before=before, limit=_PAGE):
        for line in page:
            if since is not None and line.time < since:
                return
            yield audit_event(line)
        before = page[-1].event_id


def find(subject: UUID, event_id: UUID) -> dict | None:
    """Return one line of a patient's list as an AuditEvent; None for what is not on theirs."""
    line = queries.find(event_id)
    return audit_event(line) if line is not None and line.subject == subject else None


def audit_event(line: Line) -> dict:
    """Return one line of somebody's list as an AuditEvent. The line must have a subject."""
    pattern = acts.pattern(line.action, line.outcome) if line.actor else Pattern.OTHER
    kind, subtype, action, *roles = _SHAPES.get(pattern, (_ABOUT_A_RECORD, {}, "E", DESTINATION, SOURCE, ""))
    refused = line.outcome == "refused"
    return filled(
        resourceType="AuditEvent",
        id=str(line.event_id),
        meta=filled(
            versionId="3" if line.erased_at else "1" if line.number is None else "2",
            lastUpdated=build.instant(line.erased_at or line.time),
            profile=[f"{PROFILE}{pattern.value}"] if pattern.value else None,
            security=[coding(CONFIDENTIALITY, "R")],
        ),
        extension=_place_in_the_log(line),
        type=_ALERT if refused else kind,
        subtype=[one for one in (subtype, coding(ACT, line.action) if line.action else {}) if one],
        action=action,
        recorded=build.instant(line.time),
        outcome=_OUTCOMES.get(line.outcome),
        outcomeDesc=line.because if refused else None,
        purposeOfEvent=[concept(PURPOSE, line.purpose)] if line.purpose else None,
        agent=_agents(line, pattern, *roles),
        source={
            "site": _host(),
            "observer": _server(),
            "type": [coding("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server")],
        },
        entity=list(_entities(line, pattern)),
    )


def _place_in_the_log(line: Line) -> list[dict]:
    """Return where a line stands in the tree, why it happened by itself, and that its words were erased."""
    found = []
    if line.number is not None:
        proof = f"{settings.SITE_URL.rstrip('/')}/api/v1/log/{line.event_id}/proof"
        found.append(
            build.parts("log-leaf", number={"valueDecimal": line.number}, proof={"valueUrl": proof}),
        )
    if line.because and line.outcome != "refused":
        found.append(build.extension("log-because", valueCode=line.because))
    if line.erased_at:
        found.append(build.extension("log-erased", valueInstant=build.instant(line.erased_at)))
    return found


# --- Who -----------------------------------------------------------------------------------------
def _agents(line: Line, pattern: Pattern, client: dict, server: dict, role: str) -> list[dict]:
    """Return client, server, who did it, and where they work. Network addresses are not on the log."""
    user, via = _user(line, role), line.details.get("via", "")
    through = user["who"] if pattern is Pattern.EXPORT else known_as("Device", "", "", via) if via else _server()
    found = [
        {"type": client, "who": through, "requestor": False, "network": build.absent("unknown")},
        {"type": server, "who": _server(), "requestor": False, "network": {"address": _host(), "type": "1"}},
    ]
    if pattern is Pattern.OTHER:
        found = found[1:]
    found.insert(0, user)
    place = line.details.get("team_name") or (line.actor.place if line.actor else "")
    if place:
        found.append({"type": PLACE, "who": known_as("Organization", "", "", place), "requestor": False})
    return found


def _user(line: Line, role: str) -> dict:
    """Return who did it, as they were called then. Of an erased line that is gone."""
    who = line.actor
    if who is None:
        return {"who": build.absent("masked"), "requestor": True}
    grant = f"{settings.SITE_URL.rstrip('/')}/fhir/Consent/{line.grant}" if line.grant else None
    does = "INF" if role == "AUT" and who.kind == "system" else role
    return filled(
        type=concept(PARTICIPATION, does) if does else None,
        role=[{"text": who.role}] if who.role else None,
        who=_somebody(line, who),
        name=who.name,
        requestor=True,
        policy=[grant] if grant else None,
    )


def _somebody(line: Line, who: Party) -> dict:
    if who.role == "patient":
        return reference("Patient", line.subject)
    if who.kind == "system" and who.id is None and who.role == "":
        return _server()
    kinds = {"system": "Device", "app": "Device", "team": "Organization"}
    kind = "RelatedPerson" if who.role == "delegate" else kinds.get(who.kind, "Practitioner")
    return known_as(kind, build.PERSON if who.id else "", who.id, who.name)


def _server() -> dict:
    return known_as("Device", build.URI, settings.SITE_URL, _host())


def _host() -> str:
    return urlsplit(settings.SITE_URL).hostname or settings.SITE_URL


# --- What ----------------------------------------------------------------------------------------
def _entities(line: Line, pattern: Pattern) -> Iterator[dict]:
    """Yield the patient, what it was done with, and whom it was about."""
    yield {
        "what": reference("Patient", line.subject),
        "type": coding(ENTITY, "1", "Person"),
        "role": coding(ROLE, "1", "Patient"),
    }
    if line.actor is None:
        return
    parts = [coding(CATEGORY, part) for part in line.categories]
    kind = coding(ENTITY, "2", "System Object")
    if pattern is Pattern.QUERY:
        # What was searched for would tell of health, so it is not on the log.
        yield filled(type=kind, role=coding(ROLE, "24", "Query"), securityLabel=parts, _query=build.absent("masked"))
    else:
        yield filled(
            what=_object(line),
            type=kind,
            role=coding(ROLE, "4", "Domain Resource"),
            securityLabel=parts,
        )
    if name := line.details.get("reader_name"):
        yield filled(
            what=known_as("", build.READER, line.details.get("reader")) if line.details.get("reader") else None,
            type=coding(ENTITY, "4", "Other"),
            name=str(name),
        )


def _object(line: Line) -> dict:
    """Return what was read, written or changed: a permission where it is about one, else the record."""
    if line.grant and line.action.startswith("grant."):
        return reference("Consent", line.grant)
    return known_as("", build.RECORD, line.subject)
