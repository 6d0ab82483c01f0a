"""What this server says that it does: computed from what it does, so that it cannot say anything else.

Source: FHIR R4 capabilitystatement.html; HL7 SMART App Launch 2.2 for what stands under `security`.
"""

from functools import cache

from ehr.fhir import kinds
from ehr.fhir.asking import Asking
from ehr.fhir.query import Asked
from ehr.fhir.shaping import shaped
from ehr.fhir.subscriptions import terms
from ehr.fhir.wire import PATCH_TYPE, Answer, Sent
from ehr.r4 import parameters
from ehr.smart import discovery

SINCE = "2026-11-21"
VERSION = "0.1.0"
_SMART = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
# What the extension calls an endpoint, and what SMART's own configuration does.
_ENDPOINTS = {"authorize": "authorization", "token": "token", "introspect": "introspection", "revoke": "revocation"}
_BULK = "http://hl7.org/fhir/uv/bulkdata"
_READING = ("read", "vread", "history-instance", "history-type", "search-type")
_WRITING = ("create", "update", "patch", "delete")
# What begins elsewhere, is only asked for, or is written by nobody but this server.
_WRITTEN = {"Patient": ("update", "patch"), "Consent": ("create",), "AuditEvent": ()}
_OPERATIONS = {
    "Patient": {
        "everything": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        "summary": "http://hl7.org/fhir/uv/ips/OperationDefinition/summary",
        "export": f"{_BULK}/OperationDefinition/patient-export",
    },
    "Group": {"export": f"{_BULK}/OperationDefinition/group-export"},
    "Observation": {"lastn": "http://hl7.org/fhir/OperationDefinition/Observation-lastn"},
}
# What is not part of anybody's record: an app's own wish to be told of news.
_SUBSCRIPTION = {
    "type": "Subscription",
    "supportedProfile": [terms.PROFILE],
    "documentation": "One topic: SubscriptionTopic/record-changed. rest-hook, payloads empty and id-only, signed.",
    "interaction": [{"code": code} for code in ("create", "read", "delete", "search-type")],
    "searchParam": [{"name": code, "type": one.type} for code, one in parameters.supported("Subscription").items()],
    "operation": [
        {
            "name": "status",
            "definition": "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status",
        }
    ],
}
_SAID = {
    "Appointment": "Visits booked here, where a scope names the type, beside what others sent. Booked by /api/v1.",
    "Schedule": "Whom can be booked now. What others sent is in the record it came with: Patient/[id]/Schedule.",
    "ResearchStudy": "Studies that people may join, or could. In nobody's record, and nothing of who joined.",
    "ResearchSubject": "A patient's parts in studies here, where a scope names the type, beside what others sent.",
    "Slot": "Free times, 31 days of them at most; by its id a time is free or busy. What others sent is in its record.",
    "Group": "Group/mine: those who let whoever asks read something of their record now.",
    "Practitioner": "A clinician's app reads its fhirUser here, all who have hours too; others are part of a record.",
}
_VALIDATE = {"validate": "http://hl7.org/fhir/OperationDefinition/Resource-validate"}


def metadata(_sent: Sent, told: Asked, _asking: Asking | None) -> Answer:
    """Return the CapabilityStatement."""
    return Answer(200, shaped(statement(kinds.base()), told))


@cache
def statement(base: str) -> dict:
    """Return the CapabilityStatement of the server at an address."""
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{base}/metadata",
        "version": VERSION,
        "name": "Chartseal",
        "title": "Chartseal, a health-record exchange under the patient's own keys",
        "status": "active",
        "date": SINCE,
        "publisher": "Chartseal",
        "description": "Whoever asks reads what the patient lets them read; the rest is not there, in no count, page, "
        "history or reference. Every read is on the patient's list before anything is opened.",
        "kind": "instance",
        "instantiates": [f"{_BULK}/CapabilityStatement/bulk-data"],
        "software": {"name": "Chartseal", "version": VERSION},
        "implementation": {"description": "Chartseal", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": [PATCH_TYPE],
        "rest": [_rest()],
    }


def _rest() -> dict:
    return {
        "mode": "server",
        "documentation": "Update with If-Match, or with the version read in the body's meta.versionId.",
        "security": _security(),
        "resource": sorted([*map(_resource, kinds.answered()), _SUBSCRIPTION], key=lambda one: one["type"]),
        "interaction": [{"code": "transaction"}, {"code": "batch"}, {"code": "history-system"}],
    }


def _security() -> dict:
    told = discovery.smart_configuration()
    oauth = [{"url": name, "valueUri": told[f"{place}_endpoint"]} for name, place in _ENDPOINTS.items()]
    coding = {
        "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
        "code": "SMART-on-FHIR",
        "display": "SMART-on-FHIR",
    }
    return {"extension": [{"url": _SMART, "extension": oauth}], "cors": True, "service": [{"coding": [coding]}]}


def _resource(kind: str) -> dict:
    if kind not in kinds.kept():
        return _listed(kind)
    known = parameters.supported(kind)
    writing, free = _WRITTEN.get(kind, _WRITING), kind not in _WRITTEN
    operations = _VALIDATE | _OPERATIONS.get(kind, {})
    said: dict[str, object] = {
        "type": kind,
        "interaction": [{"code": code} for code in (*_READING, *writing)],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": free,
        "conditionalRead": "full-support",
        "conditionalUpdate": free,
        "conditionalDelete": "single" if free else "not-supported",
        "referencePolicy": ["literal", "local"],
        "searchInclude": ["*", *kinds.links_of(kind)],
        "searchRevInclude": list(kinds.links_to(kind)),
        "searchParam": [{"name": code, "type": one.type} for code, one in known.items()],
        "operation": [{"name": name, "definition": url} for name, url in operations.items()],
        "documentation": _SAID.get(kind, []),
    }
    return {name: value for name, value in said.items() if value != []}


def _listed(kind: str) -> dict:
    """Return what is said of a type that is in nobody's record: told as it is now, without versions."""
    return {
        "type": kind,
        "interaction": [{"code": code} for code in ("read", "search-type")],
        "versioning": "no-version",
        "searchInclude": ["*", *kinds.links_of(kind)],
        "searchParam": [{"name": code, "type": one.type} for code, one in parameters.supported(kind).items()],
        "documentation": _SAID[kind],
    }
