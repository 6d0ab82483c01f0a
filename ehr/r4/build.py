"""The small parts that generated FHIR resources are made of, and this product's names for what FHIR has none for.

Nothing empty comes out: FHIR forbids it, so what a caller has no value for is left out by `filled`.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

BASE = "https://chartseal.org/fhir"
EXTENSION = f"{BASE}/StructureDefinition"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
URI = "urn:ietf:rfc:3986"

# Who somebody is here, where no resource of theirs is served: an identifier under one of these.
READER = f"{BASE}/sid/reader"
PERSON = f"{BASE}/sid/person"
RECORD = f"{BASE}/sid/record"


def filled(**elements: object) -> dict:
    """Return a group without what is empty. False and 0 are values."""
    return {name: value for name, value in elements.items() if value not in (None, "", [], {}, ())}


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return filled(system=system, code=code, display=display)


def concept(system: str, code: str, display: str = "") -> dict[str, list]:
    return {"coding": [coding(system, code, display)]}


def reference(kind: str, fhir_id: object) -> dict[str, str]:
    """Return a reference to a resource that this server knows by this id."""
    return {"reference": f"{kind}/{fhir_id}"}


def known_as(kind: str, system: str, value: object, display: str = "") -> dict:
    """Return a reference to somebody by identifier: of them no resource is served that could be followed to."""
    return filled(type=kind, identifier=filled(system=system, value=str(value) if value else ""), display=display)


def extension(name: str, **value: object) -> dict:
    """Return one of our own extensions: extension("log-leaf", valueUri="…")."""
    return {"url": f"{EXTENSION}/{name}", **value}


def parts(name: str, **values: Mapping[str, object]) -> dict:
    """Return one of our own extensions made of several: parts("log-leaf", number={"valueInteger": 7})."""
    inner = [{"url": piece, **value} for piece, value in values.items() if filled(**value)]
    return {"url": f"{EXTENSION}/{name}", "extension": inner}


def absent(why: str) -> dict[str, list]:
    """Return what says by an extension why something is not told: "unknown", "masked", "not-applicable"."""
    return {"extension": [{"url": ABSENT, "valueCode": why}]}


def instant(at: datetime) -> str:
    """Return a time in UTC to the millisecond: 2026-05-03T12:00:00.000Z."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def attachment(text: str) -> dict[str, str]:
    """Return a text as an Attachment with its hash. FHIR's hash is SHA-1, which says that it arrived whole, no more."""
    raw = text.encode()
    return {
        "contentType": "text/plain; charset=utf-8",
        "data": base64.b64encode(raw).decode(),
        "hash": base64.b64encode(hashlib.sha1(raw, usedforsecurity=False).digest()).decode(),
    }
