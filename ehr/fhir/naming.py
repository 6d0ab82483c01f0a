"""How an entry looks from outside: under this server's id, with its references, version and time; the rest as it came.

Source: DESIGN "what was submitted is what is returned"; FHIR R4 resource.html#metadata.
"""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from django.conf import settings

from ehr.crypto.digests import keyed
from ehr.r4 import labels
from patients.models import Patient
from patients.naming import Naming

NOTICE = "https://chartseal.org/fhir/CodeSystem/notice"
UNSIGNED = {"system": NOTICE, "code": "unsigned", "display": "Its author's signature does not fit"}
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
MADE = 0  # the version of a Patient that nobody wrote: it is made of what the record's owner is known by


def rendered(
    resource: Mapping, *, names: Naming, source: str, fhir_id: str, logical_id: str, version: int, written_at: datetime
) -> dict:
    """Return a stored resource as this server gives it out.

    One whose id already is its own here was written in this server's names.
    """
    ours = dict(resource) if resource.get("id") == logical_id else names.resource(resource, source=source)
    meta = {"versionId": version_id(logical_id, version), "lastUpdated": instant(written_at)}
    kept = {name: value for name, value in (ours.pop("meta", None) or {}).items() if name not in meta}
    head = {"resourceType": ours.pop("resourceType"), "id": fhir_id, "meta": meta | kept}
    ours.pop("id", None)
    return head | ours


def version_id(logical_id: str, version: int) -> str:
    """Return what a version is called outside: always the same, and in no order.

    A number would tell whoever may see the first and the third that there is a second which is hidden from them.
    """
    if version == MADE:
        return str(MADE)
    digest = keyed(settings.INDEX_KEY, "fhir-version", f"{logical_id}|{version}")
    return str(uuid.UUID(bytes=digest[:16], version=5))


def person(patient: Patient) -> dict:
    """Return the Patient of a record that holds none which may be read: who they are known to be, and no more."""
    made = {
        "resourceType": "Patient",
        "id": str(patient.pk),
        "meta": {"versionId": str(MADE), "lastUpdated": instant(patient.created_at)},
        "name": [{"text": patient.name}],
        "gender": patient.sex or "unknown",
        "birthDate": patient.birth_date.isoformat(),
    }
    return labels.stamp(made, labels.label(made))


def tagged(resource: dict, tag: Mapping[str, str]) -> dict:
    """Return the resource with one more `meta.tag`."""
    meta = dict(resource.get("meta") or {})
    meta["tag"] = [*(meta.get("tag") or ()), dict(tag)]
    return resource | {"meta": meta}


def instant(at: datetime) -> str:
    """Return a time in UTC to the millisecond: 2026-05-03T12:00:00.000Z."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
