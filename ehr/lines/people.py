"""Lines about people, places, devices and insurance."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import codes, dates, names, statuses
from .line import Line, Lookup
from .names import joined

SEXES = {
    "female": gettext_lazy("female"),
    "male": gettext_lazy("male"),
    "other": gettext_lazy("other"),
    "unknown": gettext_lazy("sex not said"),
}
CALLED = {"phone": gettext_lazy("phone"), "email": gettext_lazy("e-mail"), "sms": gettext_lazy("text message")}


def patient(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Patient: name, birth, sex, where to find them."""
    born = dates.day(resource.get("birthDate"))
    died = dates.day(resource.get("deceasedDateTime")) or (_("yes") if resource.get("deceasedBoolean") else "")
    spoken = [codes.concept(one.get("language")) for one in resource.get("communication") or ()]
    return Line(
        title=names.person(resource.get("name")) or _("A person who was not named"),
        detail=joined(
            _("born %(date)s") % {"date": born} if born else "",
            str(SEXES.get(str(resource.get("gender")), "")),
            _("died: %(date)s") % {"date": died} if died else "",
            names.address(resource.get("address")),
            telecom(resource),
            _("speaks %(language)s") % {"language": ", ".join(filter(None, spoken))} if any(spoken) else "",
        ),
        kind="person",
        at=dates.sortable(resource.get("birthDate")),
    )


def telecom(resource: Mapping) -> str:
    """Return the first phone number or e-mail address."""
    for one in resource.get("telecom") or ():
        if one.get("value") and one.get("system") in CALLED:
            return f"{CALLED[one['system']]} {one['value']}"
    return ""


def relative(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A RelatedPerson: who, and what they are to the patient."""
    relation = ", ".join(codes.concepts(resource.get("relationship")))
    return Line(
        title=names.person(resource.get("name")) or relation or _("A relative or friend"),
        detail=joined(relation, telecom(resource), names.address(resource.get("address"))),
        date=dates.span(resource.get("period")),
        kind="person",
    )


def practitioner(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Practitioner: name and qualification."""
    learnt = codes.concepts([one.get("code") for one in resource.get("qualification") or ()])
    return Line(
        title=names.person(resource.get("name")) or _("A clinician who was not named"),
        detail=joined(", ".join(learnt), names.address(resource.get("address")), telecom(resource)),
        kind="clinician",
        state="" if resource.get("active", True) else "inactive",
    )


def role(resource: Mapping, lookup: Lookup | None) -> Line:
    """A PractitionerRole: who works where as what."""
    who = names.of(resource.get("practitioner"), lookup)
    return Line(
        title=who[:1].upper() + who[1:] if who else _("A clinician"),
        detail=joined(
            ", ".join(codes.concepts(resource.get("code"))),
            ", ".join(codes.concepts(resource.get("specialty"))),
            names.of(resource.get("organization"), lookup),
        ),
        date=dates.span(resource.get("period")),
        kind="clinician",
    )


def place(resource: Mapping, _lookup: Lookup | None) -> Line:
    """An Organization, Location, HealthcareService or Endpoint: its name, what it is, where it is."""
    name = resource.get("name")
    what = joined(", ".join(codes.concepts(resource.get("type"))), ", ".join(codes.concepts(resource.get("specialty"))))
    return Line(
        title=names.plain_name(str(name)) if name else what or _("A place that was not named"),
        detail=joined(what if name else "", names.address(resource.get("address")), telecom(resource)),
        status=statuses.word(resource.get("status")) if resource.get("status") != "active" else "",
        kind="place",
    )


def endpoint(resource: Mapping, _lookup: Lookup | None) -> Line:
    """An Endpoint: an address that computers use."""
    return Line(
        title=_("Electronic address: %(name)s") % {"name": resource["name"]}
        if resource.get("name")
        else _("An electronic address of a clinic or laboratory"),
        status=statuses.said(resource.get("status")),
        kind="place",
    )


def device(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Device: what, by whom it was made, until when it may be used."""
    expires = dates.day(resource.get("expirationDate"))
    made = dates.day(resource.get("manufactureDate"))
    return Line(
        title=names.device(resource),
        detail=joined(
            codes.concept(resource.get("type")) if resource.get("deviceName") else "",
            str(resource.get("manufacturer") or ""),
            _("serial number %(number)s") % {"number": resource["serialNumber"]}
            if resource.get("serialNumber")
            else "",
            _("use before %(date)s") % {"date": expires} if expires else "",
        ),
        date=made,
        status=statuses.said(resource.get("status")),
        kind="device",
        at=dates.sortable(resource.get("manufactureDate")),
        state=str(resource.get("status", "")),
    )


def coverage(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Coverage: which insurance, until when."""
    plans = [str(one.get("name")) for one in resource.get("class") or () if one.get("name")]
    payer = names.of(resource.get("payor"), lookup)
    return Line(
        title=_("Insurance: %(name)s") % {"name": payer or codes.concept(resource.get("type"), _("not named"))},
        detail=joined(
            ", ".join(plans),
            codes.concept(resource.get("type")) if payer else "",
            _("insured as: %(relation)s") % {"relation": relation.lower()}
            if (relation := codes.concept(resource.get("relationship")))
            else "",
        ),
        date=dates.span(resource.get("period")),
        status=statuses.said(resource.get("status")),
        kind="insurance",
        at=dates.sortable((resource.get("period") or {}).get("start")),
        state=str(resource.get("status", "")),
    )
