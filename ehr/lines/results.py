"""Lines about what was measured and seen: observations, reports, images, samples."""

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ehr.r4 import search

from . import codes, dates, names, statuses, values
from .line import Line, Lookup
from .names import joined
from .values import Found

# Source: v3-ObservationInterpretation. What is normal says nothing.
INTERPRETED = {
    "H": gettext_lazy("High"),
    "HU": gettext_lazy("High"),
    "HH": gettext_lazy("Critically high"),
    "L": gettext_lazy("Low"),
    "LU": gettext_lazy("Low"),
    "LL": gettext_lazy("Critically low"),
    "A": gettext_lazy("Abnormal"),
    "AA": gettext_lazy("Critically abnormal"),
    "POS": gettext_lazy("Positive"),
    "DET": gettext_lazy("Detected"),
    "R": gettext_lazy("Resistant"),
    "E": gettext_lazy("Equivocal"),
    "IND": gettext_lazy("Indeterminate"),
    "B": gettext_lazy("Better"),
    "W": gettext_lazy("Worse"),
}
BLOOD_PRESSURE = ("8480-6", "8462-4")
KINDS = {"vital-signs": "vital", "vital-sign": "vital", "social-history": "social", "survey": "answers"}
MOST_NAMED = 6


def observation(resource: Mapping, lookup: Lookup | None) -> Line:
    """An Observation: the test, what was found, what was found beside it, what is usual, how it differs."""
    found, beside = _found(resource)
    start, _end = search.when(resource)
    name = codes.name_of_test(resource.get("code"), _("A result that was not named"))
    others = [one for one in resource.get("performer") or () if one.get("reference") != _subject(resource)]
    return Line(
        title=name,
        detail=joined(
            beside,
            _members(resource, lookup),
            *(" ".join(str(one.get("text", "")).split()) for one in resource.get("note") or ()),
            ", ".join(codes.concepts(resource.get("bodySite"))),
            codes.concept(resource.get("method")),
            names.named(others, lookup),
        ),
        date=dates.moment(start) if "T" in start and _several_a_day(resource) else dates.day(start),
        status=statuses.word(resource.get("status")),
        code_text=codes.concept(resource.get("code")),
        value=found.text,
        unit=found.unit,
        range_text=usual(resource),
        abnormal_word=abnormal(resource, found),
        kind=_kind(resource),
        at=dates.sortable(start),
        state="error" if resource.get("status") == "entered-in-error" else str(resource.get("status", "")),
        beside=beside,
    )


def _subject(resource: Mapping) -> object:
    return (resource.get("subject") or {}).get("reference", "")


def _several_a_day(resource: Mapping) -> bool:
    """True for what is measured more than once a day, so that the time of day matters."""
    return codes.has(resource.get("category"), "vital-signs", "vital-sign")


def _kind(resource: Mapping) -> str:
    for code, kind in KINDS.items():
        if codes.has(resource.get("category"), code):
            return kind
    return "result"


def _found(resource: Mapping) -> tuple[Found, str]:
    """Return an observation's value and its components in words; the components alone where it has no own value.

    Where there is neither, the value says why not.
    """
    found = values.value_of(resource)
    parts = _components(resource["component"]) if resource.get("component") else Found()
    if found.text:
        return found, f"{parts.text} {parts.unit}".strip()
    return (parts if parts.text else Found(values.absent(resource))), ""


def _components(components: list) -> Found:
    """Return the parts in one text; blood pressure the way everybody writes it, 120/80, in mmHg without decimals."""
    pairs = [(part, _part(part)) for part in components if isinstance(part, Mapping)]
    pressure = [next((f for part, f in pairs if codes.has(part.get("code"), code)), Found()) for code in BLOOD_PRESSURE]
    numbers = [one.number for one in pressure if one.number is not None]
    if len(pairs) == len(numbers) == len(BLOOD_PRESSURE) and pressure[0].unit == pressure[1].unit:
        whole = pressure[0].unit == "mmHg"
        return Found("/".join(values.number(round(one) if whole else one) for one in numbers), pressure[0].unit)
    told = [
        _("%(name)s %(value)s")
        % {
            "name": codes.name_of_test(part.get("code"), _("a part that was not named")),
            "value": f"{found.text} {found.unit}".strip(),
        }
        for part, found in pairs
        if found.text
    ]
    return Found(", ".join(told))


def _part(component: Mapping) -> Found:
    found = values.value_of(component)
    return found if found.text else Found(values.absent(component).lower())


def _members(resource: Mapping, lookup: Lookup | None) -> str:
    """Return what a panel is made of."""
    members = resource.get("hasMember") or ()
    called = [words for one in members if (words := names.of(one, lookup))]
    return named(called, len(members))


def named(called: list[str], count: int) -> str:
    """Return "Sodium, Potassium and 4 more", or how many there are where none has a name."""
    if not count:
        return ""
    called = list(dict.fromkeys(called))
    if not called:
        return ngettext("%(count)s result", "%(count)s results", count) % {"count": count}
    rest = len(called) - MOST_NAMED
    text = ", ".join(called[:MOST_NAMED])
    return _("%(names)s and %(rest)s more") % {"names": text, "rest": rest} if rest > 0 else text


# --- What is usual -----------------------------------------------------------------------------------
def usual(resource: Mapping) -> str:
    """Return the reference range in words: "usual: 70–99"; the unit only where it is another than the value's."""
    unit = values.value_of(resource).unit
    told = [text for one in resource.get("referenceRange") or () if (text := _range_text(one, unit))]
    return _("usual: %(ranges)s") % {"ranges": "; ".join(dict.fromkeys(told))} if told else ""


def _range_text(one: Mapping, unit: str) -> str:
    span = values.span(one)
    text = f"{span.text} {span.unit}".strip() if span.unit != unit else span.text
    for_whom = ", ".join(codes.concepts(one.get("appliesTo")))
    text = text or " ".join(str(one.get("text") or "").split())
    return f"{text} ({for_whom})" if text and for_whom else text


def limits(resource: Mapping) -> tuple[Decimal | None, Decimal | None]:
    """Return the numbers between which a value is usual, in the value's unit; None where that was not said."""
    unit = values.value_of(resource).unit
    for one in resource.get("referenceRange") or ():
        plain = not one.get("appliesTo") and not one.get("age") and _is_normal(one)
        ends = [values.quantity(one.get(end) or {}) for end in ("low", "high")]
        low, high = (end.number for end in ends)
        backwards = low is not None and high is not None and low > high
        if plain and not backwards and all(end.unit in ("", unit) for end in ends):
            return low, high
    return None, None


def _is_normal(one: Mapping) -> bool:
    return "type" not in one or codes.has(one["type"], "normal", "recommended")


def abnormal(resource: Mapping, found: Found) -> str:
    """Return "High", "Low", … as the laboratory said; where it said nothing, by its own reference range."""
    for concept in resource.get("interpretation") or ():
        for coding in concept.get("coding") or ():
            if coding.get("code") in INTERPRETED:
                return str(INTERPRETED[coding["code"]])
    if resource.get("interpretation") or found.number is None:
        return ""
    low, high = limits(resource)
    if low is not None and found.number < low:
        return str(INTERPRETED["L"])
    return str(INTERPRETED["H"]) if high is not None and found.number > high else ""


# --- Reports, images, samples ------------------------------------------------------------------------
def report(resource: Mapping, lookup: Lookup | None) -> Line:
    """A DiagnosticReport: which, and what it found or holds."""
    start, _end = search.when(resource)
    listed = resource.get("result") or ()
    called = [words for one in listed if (words := names.of(one, lookup))]
    name = codes.name_of_test(resource.get("code"), _("A report that was not named"))
    return Line(
        title=_("Report: %(name)s") % {"name": name},
        detail=joined(
            " ".join(str(resource.get("conclusion") or "").split()),
            ", ".join(codes.concepts(resource.get("conclusionCode"))),
            named(called, len(listed)),
            names.named(resource.get("performer"), lookup),
        ),
        date=dates.day(start),
        status=statuses.word(resource.get("status")),
        code_text=name,
        kind="report",
        at=dates.sortable(start),
        state=str(resource.get("status", "")),
    )


def imaging(resource: Mapping, _lookup: Lookup | None) -> Line:
    """An ImagingStudy: which kind of picture, of what."""
    series = resource.get("series") or ()
    kinds = codes.concepts([one.get("modality") for one in series]) or codes.concepts(resource.get("modality"))
    sites = codes.concepts([one.get("bodySite") for one in series])
    said = str(resource.get("description") or "")
    pictures = int(resource.get("numberOfInstances") or 0)
    title = said or (
        _("%(kind)s of %(site)s") % {"kind": kinds[0], "site": sites[0].lower()} if kinds and sites else ""
    )
    return Line(
        title=title or (kinds[0] if kinds else _("Pictures")),
        detail=ngettext("%(count)s picture", "%(count)s pictures", pictures) % {"count": pictures} if pictures else "",
        date=dates.day(resource.get("started")),
        status=statuses.word(resource.get("status")),
        code_text=", ".join(kinds),
        kind="image",
        at=dates.sortable(resource.get("started")),
        state=str(resource.get("status", "")),
    )


def media(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Media: a picture, film or recording."""
    content = resource.get("content") or {}
    when = resource.get("createdDateTime") or resource.get("issued") or content.get("creation")
    kind = codes.concept(resource.get("type"), _("Picture"))
    title = (
        str(content.get("title") or "")
        or codes.concept(resource.get("modality"))
        or codes.concept(resource.get("view"))
    )
    return Line(
        title=f"{kind}: {title}" if title else kind,
        detail=joined(
            codes.concept(resource.get("bodySite")),
            ", ".join(codes.concepts(resource.get("reasonCode"))),
            names.named(resource.get("operator"), lookup),
        ),
        date=dates.day(when),
        status=statuses.word(resource.get("status")),
        kind="image",
        at=dates.sortable(when),
        state=str(resource.get("status", "")),
    )


def specimen(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Specimen: a sample of what, taken when and where from."""
    collection = resource.get("collection") or {}
    when = collection.get("collectedDateTime") or (collection.get("collectedPeriod") or {}).get("start")
    name = codes.concept(resource.get("type"))
    state = ", ".join(codes.concepts(resource.get("condition")))
    return Line(
        title=_("Sample: %(kind)s") % {"kind": name.lower()} if name else _("A sample"),
        detail=joined(
            _("from %(site)s") % {"site": site.lower()} if (site := codes.concept(collection.get("bodySite"))) else "",
            state,
        ),
        date=dates.day(when or resource.get("receivedTime")),
        status=statuses.word(resource.get("status")),
        code_text=name,
        kind="sample",
        at=dates.sortable(when or resource.get("receivedTime")),
        state=str(resource.get("status", "")),
    )


def sequence(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A MolecularSequence: that genetic material was read, never the letters."""
    kind = {"dna": _("DNA"), "rna": _("RNA"), "aa": _("protein")}.get(str(resource.get("type")), "")
    return Line(title=joined(_("Genetic sequence"), kind), kind="result")
