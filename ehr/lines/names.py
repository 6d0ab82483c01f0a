"""What people, places and referred-to resources are called."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import codes
from .line import Lookup

UNNAMED = {
    "Practitioner": gettext_lazy("a clinician"),
    "PractitionerRole": gettext_lazy("a clinician"),
    "Organization": gettext_lazy("an organization"),
    "Patient": gettext_lazy("the patient"),
    "RelatedPerson": gettext_lazy("a relative or friend"),
    "Location": gettext_lazy("a place"),
    "CareTeam": gettext_lazy("a care team"),
    "Device": gettext_lazy("a device"),
}


def person(name: object) -> str:
    """Return a HumanName (or the one in use of a list) as it is said: "Dr. Keeley Yundt"."""
    if isinstance(name, list):
        return person(_in_use(name))
    if not isinstance(name, Mapping):
        return ""
    if name.get("text"):
        return str(name["text"])
    given = " ".join(part for part in name.get("given") or () if part)
    around = [*(name.get("prefix") or ()), given, name.get("family") or "", *(name.get("suffix") or ())]
    return " ".join(part for part in around if part)


def _in_use(names: list) -> Mapping:
    """Return the name to use: official or usual before others, old ones last."""
    rank = {"usual": 0, "official": 1, None: 2, "nickname": 3, "maiden": 5, "old": 6}
    whole = [name for name in names if isinstance(name, Mapping)]
    return min(whole, key=lambda name: (rank.get(name.get("use"), 4), "end" in (name.get("period") or {})), default={})


def of(reference: object, lookup: Lookup | None = None) -> str:
    """Return what a reference points at in words: as the sender named it, as it names itself, or its kind."""
    if isinstance(reference, list):
        return ", ".join(dict.fromkeys(words for item in reference if (words := of(item, lookup))))
    if not isinstance(reference, Mapping):
        return ""
    if reference.get("display"):
        return codes.plain(str(reference["display"]).strip("* "))
    target = found(reference, lookup)
    if target is not None and (words := titled(target)):
        return words
    kind = str(reference.get("type") or str(reference.get("reference") or "").rsplit("/", 2)[0].rsplit("/", 1)[-1])
    return str(UNNAMED.get(kind, ""))


def named(reference: object, lookup: Lookup | None = None) -> str:
    """Return what a reference points at only where it has a name of its own: "a clinician" adds nothing to a line."""
    if isinstance(reference, list):
        return ", ".join(dict.fromkeys(words for item in reference if (words := named(item, lookup))))
    words = of(reference, lookup)
    return "" if words in {str(kind) for kind in UNNAMED.values()} else words


def found(reference: object, lookup: Lookup | None) -> Mapping | None:
    """Return the resource behind a reference where it is at hand."""
    target = reference.get("reference") if isinstance(reference, Mapping) else None
    return lookup(target) if lookup and isinstance(target, str) else None


def titled(resource: Mapping) -> str:
    """Return what a resource calls itself."""
    kind = resource["resourceType"]
    if kind in {"Patient", "Practitioner", "RelatedPerson", "Person"}:
        return person(resource.get("name"))
    if kind == "PractitionerRole":
        return of(resource.get("practitioner")) or codes.concept(resource.get("code"))
    if kind in {"Observation", "DiagnosticReport"}:
        return codes.name_of_test(resource.get("code"))
    if kind == "Device":
        return device(resource)
    name = resource.get("name") or resource.get("title")
    if isinstance(name, str):
        return plain_name(name)
    for element in ("code", "vaccineCode", "medicationCodeableConcept", "description", "type", "category"):
        if words := codes.concept(resource.get(element)):
            return words
    return ""


def plain_name(name: str) -> str:
    """Return a name that was sent in capitals in ordinary letters: "Holyoke Medical Center"."""
    return name.title() if name.isupper() and len(name) > 4 else name


def device(resource: Mapping) -> str:
    """Return what a device is called."""
    for entry in resource.get("deviceName") or ():
        if entry.get("name"):
            return str(entry["name"])
    return codes.concept(resource.get("type"), _("A device"))


def address(value: object) -> str:
    """Return the first address on one line."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, Mapping):
        return ""
    if first.get("text"):
        return str(first["text"])
    parts = [*(first.get("line") or ()), first.get("city"), first.get("state"), first.get("postalCode")]
    return ", ".join(plain_name(str(part)) for part in parts if part)


def joined(*parts: str) -> str:
    """Return the parts that say something, with a dot between them."""
    return " · ".join(dict.fromkeys(part for part in parts if part))
