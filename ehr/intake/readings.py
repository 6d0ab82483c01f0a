"""What a device may say: Observations of a few kinds, with a number and a time, and nothing in free words. Pure.

Codes are LOINC's for vital signs, activity, sleep, glucose and weight.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ehr.r4 import bundles, text
from patients.models import Patient

from .models import Device
from .refusals import Refused

LOINC = "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL_SIGNS = {
    "8867-4", "40443-4", "9279-1", "8310-5", "8302-2", "29463-7", "39156-5", "8480-6", "8462-4", "85354-9", "59408-5",
    "2708-6", "80404-7", "41982-0",
}  # fmt: skip
ACTIVITY = {"55423-8", "41950-7", "41981-2", "55411-3", "93832-4", "41953-1", "62337-1"}
LABORATORY = {"2339-0", "15074-8", "2345-7", "14745-4", "41653-7", "99504-3", "97507-8"}  # glucose, also under the skin
CODES = VITAL_SIGNS | ACTIVITY | LABORATORY
ALLOWED = frozenset(
    {
        "resourceType",
        "id",
        "identifier",
        "status",
        "category",
        "code",
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "valueQuantity",
        "valueInteger",
        "component",
    }
)
IN_COMPONENT = frozenset({"code", "valueQuantity", "valueInteger"})
STATES = frozenset({"final", "preliminary", "corrected", "amended", "entered-in-error"})
MOST = 500
AHEAD = timedelta(minutes=10)


def parsed(content: bytes) -> list[dict]:
    """Return the Observations sent: one, a JSON list, or a Bundle's. Raises Refused and `bundles.Unreadable`."""
    try:
        value = text.loads(content)
    except ValueError:
        raise Refused("What was sent is not readable as JSON.") from None
    found: list
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        found = [entry.resource for entry in bundles.document("The bundle", value).entries]
    else:
        found = value if isinstance(value, list) else [value]
    if not 0 < len(found) <= MOST:
        raise Refused(f"Send between one and {MOST} readings at once.")
    if not all(isinstance(one, dict) and one.get("resourceType") == "Observation" for one in found):
        raise Refused("A device sends Observations, and nothing else.")
    return found


def wrong_with(sent: list[dict], now: datetime) -> list[str]:
    """Return what a device may not say, at most ten reasons, by place and rule."""
    found = [f"Reading {number}: {words}" for number, one in enumerate(sent, 1) for words in _wrong(one, now)]
    return found[:10]


def _wrong(one: Mapping, now: datetime) -> list[str]:
    found = [f"Observation.{name} is not for a device to say." for name in sorted(one.keys() - ALLOWED)]
    if one.get("status") not in STATES:
        found.append(f"Observation.status must be one of: {', '.join(sorted(STATES))}.")
    if not codes_of(one) & CODES:
        found.append("Observation.code must be one of the kinds that devices may send; docs/feeds.md lists them.")
    for part in one.get("component") or ():
        if not isinstance(part, dict) or part.keys() - IN_COMPONENT or not codes_of(part) & CODES:
            found.append("Observation.component holds something that is not for a device to say.")
            break
    if not {"effectiveDateTime", "effectivePeriod", "effectiveInstant"} & one.keys():
        found.append("Observation.effective[x] is missing: a reading has a time.")
    elif _is_ahead(one, now):
        found.append("Observation.effective[x] is in the future. Set the device's clock.")
    return found


def codes_of(one: Mapping) -> set[str]:
    """Return the LOINC codes of a reading or one of its parts."""
    code = one.get("code")
    listed = code.get("coding") if isinstance(code, dict) else None
    return {
        str(each.get("code"))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and each.get("system") == LOINC
    }


def _is_ahead(one: Mapping, now: datetime) -> bool:
    lasted = one.get("effectivePeriod")
    ended = lasted.get("end") or lasted.get("start") if isinstance(lasted, dict) else None
    said = one.get("effectiveDateTime") or one.get("effectiveInstant") or ended
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        return False  # what is no time at all, the checks of FHIR find
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) > now + AHEAD


def marked(one: Mapping, device: Device, patient: Patient) -> dict:
    """Return a reading as its device's and its patient's: with an id that it keeps when it is sent again."""
    category = one.get("category") or [{"coding": [{"system": CATEGORY, "code": _category(codes_of(one))}]}]
    return {
        **one,
        "id": _name(one),
        "category": category,
        "subject": {"reference": f"Patient/{patient.pk}"},
        "device": {"reference": f"Device/{device.pk}"},
    }


def _category(codes: set[str]) -> str:
    return "vital-signs" if codes & VITAL_SIGNS else "activity" if codes & ACTIVITY else "laboratory"


def _name(one: Mapping) -> str:
    """Return what names a reading: the identifier or id it came with, or what was read and when."""
    said = {"identifier": one["identifier"]} if one.get("identifier") else {"id": one["id"]} if one.get("id") else None
    when = {name: one[name] for name in sorted(one) if name.startswith("effective")}
    named = said or {"code": one.get("code"), "when": when}
    return hashlib.sha256(text.dumps(named)).hexdigest()[:40]


def described(device: Device, patient: Patient) -> dict:
    """Return the device itself, as an entry of its patient's record."""
    return {
        "resourceType": "Device",
        "id": str(device.pk),
        "status": "active",
        "deviceName": [{"name": device.name, "type": "user-friendly-name"}],
        "patient": {"reference": f"Patient/{patient.pk}"},
    }


def provenance(device: Device, targets: list[str], *, at: datetime) -> dict:
    """Return where readings come from: this device."""
    name = hashlib.sha256("|".join([str(device.pk), *sorted(targets)]).encode()).hexdigest()[:40]
    return {
        "resourceType": "Provenance",
        "id": name,
        "target": [{"reference": target} for target in targets],
        "recorded": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "agent": [{"who": {"reference": f"Device/{device.pk}", "display": device.name}}],
    }
