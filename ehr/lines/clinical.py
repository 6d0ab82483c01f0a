"""Lines about what a person has, had, or had done: allergies, problems, visits, procedures, vaccinations."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.r4 import search

from . import codes, dates, names, statuses, values
from .line import Line, Lookup
from .names import joined

VISITS = {
    "AMB": gettext_lazy("Visit"),
    "IMP": gettext_lazy("Hospital stay"),
    "ACUTE": gettext_lazy("Hospital stay"),
    "NONAC": gettext_lazy("Hospital stay"),
    "EMER": gettext_lazy("Emergency visit"),
    "HH": gettext_lazy("Home visit"),
    "VR": gettext_lazy("Video or phone visit"),
    "OBSENC": gettext_lazy("Stay for observation"),
    "SS": gettext_lazy("Short stay"),
    "PRENC": gettext_lazy("Visit before admission"),
}
ALLERGIES = {
    "food": gettext_lazy("food"),
    "medication": gettext_lazy("medicine"),
    "environment": gettext_lazy("surroundings"),
    "biologic": gettext_lazy("biological product"),
}
NO_ALLERGY_CODES = ("716186003", "1631000175102", "409137002", "428607008", "429625007", "no-known-allergies")


def allergy(resource: Mapping, _lookup: Lookup | None) -> Line:
    """An AllergyIntolerance: to what, what happens, how dangerous."""
    clinical = statuses.coded(resource.get("clinicalStatus")) or "active"
    doubt = statuses.word(statuses.coded(resource.get("verificationStatus")))
    name = codes.concept(resource.get("code"), _("An allergy that was not named"))
    reactions = [words for one in resource.get("reaction") or () for words in codes.concepts(one.get("manifestation"))]
    risk = _("can be dangerous") if resource.get("criticality") == "high" else ""
    groups = ", ".join(str(ALLERGIES[one]) for one in resource.get("category") or () if one in ALLERGIES)
    started = resource.get("onsetDateTime") or resource.get("recordedDate")
    return Line(
        title=name,
        detail=joined(
            _("reaction: %(reactions)s") % {"reactions": ", ".join(dict.fromkeys(reactions))} if reactions else "",
            risk,
            groups,
        ),
        date=dates.day(started),
        status=doubt or statuses.said(clinical),
        code_text=name,
        kind="allergy",
        at=dates.sortable(started),
        state="error" if doubt == statuses.word("entered-in-error") else clinical,
    )


def no_known_allergies(resource: Mapping) -> bool:
    """True where an AllergyIntolerance says that there is none, and nothing unknown may change its meaning."""
    return codes.has(resource.get("code"), *NO_ALLERGY_CODES) and not resource.get("modifierExtension")


def condition(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Condition: what, since when, until when."""
    clinical = statuses.coded(resource.get("clinicalStatus")) or "active"
    verification = statuses.coded(resource.get("verificationStatus"))
    started = resource.get("onsetDateTime") or (resource.get("onsetPeriod") or {}).get("start")
    ended = resource.get("abatementDateTime") or (resource.get("abatementPeriod") or {}).get("end")
    told = values.value_of(resource, "onset").text if not started else ""
    name = codes.concept(resource.get("code"), _("A condition that was not named"))
    since = started or resource.get("recordedDate")
    return Line(
        title=name,
        detail=joined(
            _("until %(end)s") % {"end": dates.day(ended)} if dates.day(ended) else "",
            _("began: %(onset)s") % {"onset": told} if told else "",
            codes.concept(resource.get("severity")),
            ", ".join(codes.concepts(resource.get("bodySite"))),
            _("noted by %(name)s") % {"name": who} if (who := names.named(resource.get("recorder"), lookup)) else "",
        ),
        date=dates.day(since),
        status=statuses.word(verification) or statuses.said(clinical),
        code_text=name,
        kind="problem",
        at=dates.sortable(since),
        state="error" if verification in {"entered-in-error", "refuted"} else clinical,
    )


def encounter(resource: Mapping, lookup: Lookup | None) -> Line:
    """An Encounter: what kind of visit, why, where, with whom."""
    kind = str(VISITS.get(str((resource.get("class") or {}).get("code")), _("Visit")))
    period = resource.get("period") or {}
    stay = dates.span(period) if (resource.get("class") or {}).get("code") == "IMP" else dates.day(period.get("start"))
    people = [names.named(one.get("individual"), lookup) for one in resource.get("participant") or ()]
    why = codes.concepts(resource.get("reasonCode")) or [names.of(resource.get("reasonReference"), lookup)]
    about = codes.concept(resource.get("type"))
    return Line(
        title=_visit(kind, about),
        detail=joined(
            _("for %(reason)s") % {"reason": ", ".join(why)} if any(why) else "",
            names.named(resource.get("serviceProvider"), lookup),
            ", ".join(dict.fromkeys(person for person in people if person)),
            codes.concept((resource.get("hospitalization") or {}).get("dischargeDisposition")),
        ),
        date=stay or dates.day(period.get("end")),
        status=statuses.word(resource.get("status")),
        code_text=about,
        kind="visit",
        at=dates.sortable(period.get("start") or period.get("end")),
        state=str(resource.get("status", "")),
    )


def _visit(kind: str, about: str) -> str:
    """Return "Visit for check up", "Hospital stay: normal delivery"; the kind alone where nothing more was said."""
    if not about or about.casefold() in {"unknown", kind.casefold()}:
        return kind
    if about.startswith("Encounter for "):
        return f"{kind} {about.removeprefix('Encounter ')}"
    small = about.lower() if about[1:] == about[1:].lower() and " " in about else about
    return f"{kind}: {small}"


def procedure(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Procedure: what was done, why, by whom."""
    start, _end = search.when(resource)
    people = [names.named(one.get("actor"), lookup) for one in resource.get("performer") or ()]
    why = codes.concepts(resource.get("reasonCode")) or [names.of(resource.get("reasonReference"), lookup)]
    name = codes.concept(resource.get("code"), _("A procedure that was not named"))
    return Line(
        title=name,
        detail=joined(
            _("for %(reason)s") % {"reason": ", ".join(why)} if any(why) else "",
            ", ".join(codes.concepts(resource.get("bodySite"))),
            codes.concept(resource.get("outcome")),
            ", ".join(dict.fromkeys(person for person in people if person)),
        ),
        date=dates.day(start),
        status=statuses.word(resource.get("status")),
        code_text=name,
        kind="procedure",
        at=dates.sortable(start),
        state=str(resource.get("status", "")),
    )


def immunization(resource: Mapping, lookup: Lookup | None) -> Line:
    """An Immunization: against what, which dose, where."""
    when = resource.get("occurrenceDateTime")
    name = codes.concept(resource.get("vaccineCode"), _("A vaccine that was not named"))
    doses = [values.value_of(one, "doseNumber").text for one in resource.get("protocolApplied") or ()]
    return Line(
        title=_("Vaccine: %(name)s") % {"name": name},
        detail=joined(
            _("dose %(number)s") % {"number": doses[0]} if any(doses) else "",
            codes.concept(resource.get("site")),
            names.named(resource.get("location"), lookup),
            codes.concept(resource.get("statusReason")),
        ),
        date=dates.day(when) or str(resource.get("occurrenceString") or ""),
        status=statuses.word(resource.get("status")),
        code_text=name,
        kind="vaccination",
        at=dates.sortable(when),
        state=str(resource.get("status", "")),
    )


def family(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A FamilyMemberHistory: who, which illnesses, at what age."""
    relation = codes.concept(resource.get("relationship"), _("A relative"))
    illnesses = [_illness(one) for one in resource.get("condition") or ()]
    return Line(
        title=_("%(relative)s: %(illnesses)s") % {"relative": relation, "illnesses": ", ".join(illnesses)}
        if illnesses
        else relation,
        detail=_("has died") if resource.get("deceasedBoolean") else "",
        date=dates.day(resource.get("date")),
        status=statuses.word(resource.get("status")),
        code_text=relation,
        kind="family",
        at=dates.sortable(resource.get("date")),
        state=str(resource.get("status", "")),
    )


def _illness(one: Mapping) -> str:
    name = codes.concept(one.get("code"), _("an illness that was not named"))
    age = values.value_of(one, "onset")
    return _("%(name)s at %(age)s") % {"name": name, "age": f"{age.text} {age.unit}".strip()} if age.text else name
