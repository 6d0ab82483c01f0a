"""The International Patient Summary of a record: one document that a clinician who never met the person can use.

Made of what was opened and nothing else: what the caller may not see is to it as if it were not there. The same
entries at the same moment make the same bytes. Source: HL7 IPS 2.0.0; FHIR R4 documents.html.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ehr.lines import chart as charts
from ehr.lines import names
from ehr.lines.chart import Item
from ehr.r4 import references, text
from ehr.rights import people, sections
from patients.models import Patient

PROFILES = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
VERSION = "2.0.0"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
# What comes along because an entry refers to it; anything else that is referred to is named in words.
ALONG = frozenset({"Device", "Goal", "Medication", "Organization", "Practitioner", "PractitionerRole", "Specimen"})
_OWN_IDS = uuid.UUID("5f0a9d2e-94b5-5c51-9d3c-0a6f3b8f6c11")  # what this program makes up is named under it
_UNKNOWN = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


class Entry(Protocol):
    """An opened entry; `resource` is {} where its key did not fit."""

    @property
    def logical_id(self) -> uuid.UUID: ...

    @property
    def resource(self) -> Mapping: ...


class Opened(Protocol):
    """A chart, as the door hands it out."""

    @property
    def patient(self) -> Patient: ...

    @property
    def entries(self) -> Sequence[Entry]: ...


def summary(record: Opened, at: datetime) -> bytes:
    """Return the document Bundle of an opened chart (or of an opened record, whose entries are `rows`) in UTF-8 JSON.

    Its words are in the language in force. Decimals are as they were written. It validates as FHIR R4.
    """
    return text.dumps(document(record, at))


def document(record: Opened, at: datetime) -> dict:
    """Return the same as `summary` does, as the JSON object it is."""
    made = _Document(record)
    body = made.all_sections()
    stamp = at.astimezone(UTC).isoformat(timespec="seconds")
    device = _device()
    composition = {
        "resourceType": "Composition",
        "id": "",
        "meta": {"profile": [f"{PROFILES}Composition-uv-ips|{VERSION}"]},
        "language": get_language() or "en",
        "status": "final",
        "type": _coded(sections.LOINC, "60591-5", "Patient summary Document"),
        "subject": {"reference": made.own},
        "date": stamp,
        "author": [{"reference": f"urn:uuid:{device['id']}", "display": "Chartseal"}],
        "title": _("International Patient Summary"),
        "confidentiality": "R" if made.sensitive else "N",
        "section": body,
    }
    entries = [made.person, *made.taken.values(), device]
    digest = sha256(text.dumps([composition, entries])).hexdigest()
    composition["id"] = str(uuid.uuid5(_OWN_IDS, digest))
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid5(_OWN_IDS, f"bundle {digest}")),
        "meta": {"profile": [f"{PROFILES}Bundle-uv-ips|{VERSION}"]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid5(_OWN_IDS, f'one {digest}')}"},
        "type": "document",
        "timestamp": stamp,
        "entry": [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in [composition, *entries]],
    }


def chosen(record: Opened) -> list[tuple[sections.Section, list[Item]]]:
    """Return the sections of a summary with the lines of each, for a page. Those that may be left out are, if empty."""
    chart = charts.build(_entries(record))
    found = [(section, list(section.chosen(chart))) for section in sections.SECTIONS]
    return [(section, items) for section, items in found if items or section.nothing]


def _entries(record: Opened) -> list[Entry]:
    """Return what there is to choose from, in an order of its own: neither deleted nor shut."""
    rows = record.rows if hasattr(record, "rows") else record.entries
    alive = [row for row in rows if set(row.resource) - {"resourceType", "id", "meta"}]
    return sorted(alive, key=lambda row: str(row.logical_id))


@dataclass
class _Document:
    """One document in the making: what is in it already, and what else may come along."""

    record: Opened
    taken: dict[str, dict] = field(default_factory=dict)  # by address, in the order they were needed
    sensitive: bool = False

    def __post_init__(self) -> None:
        entries = _entries(self.record)
        self.choice = chosen(self.record)
        self.listed = {item.entry.logical_id for _section, items in self.choice for item in items}
        self.at_hand: dict[str, list[Entry]] = {}
        for entry in entries:
            for name in dict.fromkeys(_names(entry)):
                self.at_hand.setdefault(name, []).append(entry)
        self.sender = ""  # whose entry is being put in
        own = [entry for entry in entries if entry.resource["resourceType"] == "Patient"]
        self.own = f"urn:uuid:{self.record.patient.pk}"
        self.own_names = {name for entry in own[:1] for name in _names(entry)} | {f"Patient/{self.record.patient.pk}"}
        self.person = self._inside(people.patient(self.record.patient, own[0].resource if own else {}))

    def all_sections(self) -> list[dict]:
        return [self._section(section, items) for section, items in self.choice]

    def _section(self, section: sections.Section, items: Sequence[Item]) -> dict:
        made: dict = {
            "title": str(section.title),
            "code": _coded(sections.LOINC, section.code, section.display),
            "text": {"status": "generated", "div": sections.said(section, items)},
        }
        if items:
            made["entry"] = [{"reference": self._take_listed(item.entry)} for item in items]
        else:
            made["emptyReason"] = _coded(sections.EMPTY, "unavailable", "Unavailable")
        return made

    def _take_listed(self, entry: Entry) -> str:
        """Return the address of an entry that a section lists. IPS lists the use of a device, not the device."""
        address = self._take(entry)
        return self._take_use(entry, address) if entry.resource["resourceType"] == "Device" else address

    def _take_use(self, entry: Entry, device: str) -> str:
        use = str(uuid.uuid5(_OWN_IDS, f"use of {entry.logical_id}"))
        status = "active" if entry.resource.get("status", "active") == "active" else "completed"
        self.taken[f"urn:uuid:{use}"] = {
            "resourceType": "DeviceUseStatement",
            "id": use,
            "status": status,
            "subject": {"reference": self.own},
            "_timingDateTime": _UNKNOWN,
            "device": {"reference": device},
        }
        return f"urn:uuid:{use}"

    def _take(self, entry: Entry) -> str:
        """Return the address of an entry in the document, putting it in, with what it refers to, at the first time."""
        address = f"urn:uuid:{entry.logical_id}"
        if address not in self.taken:
            self.taken[address] = {}  # before what it refers to, which may refer back
            resource = _fitted({**entry.resource, "id": str(entry.logical_id)})
            self.sensitive = self.sensitive or _is_sensitive(resource)
            before, self.sender = self.sender, _sender(entry)
            self.taken[address] = self._inside(resource)
            self.sender = before
        return address

    def _inside(self, value: Mapping) -> dict:
        """Return a resource whose references lead to what is in the document; other things are named in words."""
        return {name: self._part(one) for name, one in value.items()}

    def _part(self, value: object) -> object:
        if isinstance(value, list):
            return [self._part(one) for one in value]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("reference"), str) and not value["reference"].startswith("#"):
            return self._reference(value)
        return self._inside(value)

    def _reference(self, value: dict) -> dict:
        name = "/".join(value["reference"].partition("/_history/")[0].split("/")[-2:])
        if name in self.own_names:
            return {**value, "reference": self.own}
        entry = self._find(name)
        if entry is not None and (entry.resource["resourceType"] in ALONG or entry.logical_id in self.listed):
            return {**value, "reference": self._take(entry)}
        rest = {part: one for part, one in value.items() if part != "reference"}
        words = names.of(value, self._look_up)
        return rest if "display" in rest or "identifier" in rest else {**rest, "display": words or _("Not included")}

    def _look_up(self, name: str) -> Mapping | None:
        entry = self._find("/".join(name.split("/")[-2:]))
        return entry.resource if entry is not None else None

    def _find(self, name: str) -> Entry | None:
        """Return what the sender of an entry means by a name. Two senders may each have a Practitioner/1."""
        found = self.at_hand.get(name, [])
        theirs = [entry for entry in found if _sender(entry) == self.sender]
        return theirs[0] if theirs else found[0] if len(found) == 1 else None


def _names(entry: Entry) -> Iterator[str]:
    """Yield what others may call an entry: its sender's name and this server's."""
    yield f"{entry.resource['resourceType']}/{entry.logical_id}"
    yield references.name_of(entry.resource)


def _sender(entry: Entry) -> str:
    return str(getattr(entry, "author_name", ""))


def _is_sensitive(resource: Mapping) -> bool:
    codes = {one.get("code") for one in (resource.get("meta") or {}).get("security") or ()}
    return bool(codes & {"R", "V"})


def _fitted(resource: dict) -> dict:
    """Return a resource with "not known" where IPS requires an element that its sender left out."""
    kind = resource["resourceType"]
    if kind in {"Observation", "MedicationStatement"} and not any(name.startswith("effective") for name in resource):
        resource["_effectiveDateTime"] = _UNKNOWN
    if kind == "Observation" and not resource.get("performer"):
        resource["performer"] = [_UNKNOWN]
    return resource


def _coded(system: str, code: str, display: str) -> dict:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _device() -> dict:
    """Return who put the document together: this program, and no clinician."""
    return {
        "resourceType": "Device",
        "id": str(uuid.uuid5(_OWN_IDS, "Chartseal")),
        "deviceName": [{"name": "Chartseal", "type": "manufacturer-name"}],
    }
