"""Lines about medicines: what, how to take it, from when, whether it is still taken."""

from collections.abc import Mapping
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ehr.r4 import search

from . import codes, dates, names, statuses, units, values
from .line import Line, Lookup
from .names import joined

STOPPED = frozenset({"completed", "stopped", "cancelled", "entered-in-error", "not-taken", "not-done", "declined"})


def name_of(resource: Mapping, lookup: Lookup | None) -> str:
    """Return what the medicine is called, from its code, its contained Medication or the one referred to."""
    if words := codes.medicine_name(resource.get("medicationCodeableConcept")):
        return words
    reference = resource.get("medicationReference") or {}
    target = str(reference.get("reference") or "")
    for inner in resource.get("contained") or ():
        if target == f"#{inner.get('id')}":
            return codes.medicine_name(inner.get("code"), _("A medicine that was not named"))
    there = names.found(reference, lookup)
    words = codes.medicine_name(there.get("code")) if there is not None else ""
    return (
        words
        or codes.medicine_name({"text": str(reference.get("display") or "")})
        or _("A medicine that was not named")
    )


def request(resource: Mapping, lookup: Lookup | None) -> Line:
    """A MedicationRequest: a prescription, or an order that something is not to be given."""
    why = codes.concepts(resource.get("reasonCode")) or [names.of(resource.get("reasonReference"), lookup)]
    by = names.named(resource.get("requester"), lookup)
    forbidden = resource.get("doNotPerform") is True
    told = _medicine(
        resource,
        lookup,
        how=resource.get("dosageInstruction"),
        when=resource.get("authoredOn"),
        more=joined(
            _("for %(reason)s") % {"reason": ", ".join(why)} if any(why) else "",
            (_("ordered by %(name)s") if forbidden else _("prescribed by %(name)s")) % {"name": by} if by else "",
        ),
    )
    if not forbidden:
        return told
    title = _("Not to be given: %(name)s") % {"name": told.title}
    return replace(told, title=title, status=statuses.said(resource.get("status"), told.status), forbidden=True)


def in_force(resource: Mapping) -> bool:
    """Tell whether a resource is a prescription for which a pharmacist may hand something out."""
    wanted = resource.get("resourceType") == "MedicationRequest" and resource.get("doNotPerform") is not True
    return wanted and resource.get("status") == "active"


def statement(resource: Mapping, lookup: Lookup | None) -> Line:
    """A MedicationStatement: what somebody says is taken."""
    return _medicine(resource, lookup, how=resource.get("dosage"), when=search.when(resource)[0])


def dispense(resource: Mapping, lookup: Lookup | None) -> Line:
    """A MedicationDispense: what a pharmacy handed out."""
    amount = values.quantity(resource.get("quantity") or {}, exactly=True)
    handed = " ".join(part for part in (amount.text, amount.unit) if part)
    supply = values.quantity(resource.get("daysSupply") or {}, exactly=True)
    told = _medicine(
        resource,
        lookup,
        how=resource.get("dosageInstruction"),
        when=search.when(resource)[0],
        more=joined(
            _("handed out: %(amount)s") % {"amount": handed} if handed else _("handed out by a pharmacy"),
            _("enough for %(days)s days") % {"days": supply.text} if supply.text else "",
        ),
    )
    # That it is done says that it was handed out, not that it is no longer taken.
    done = resource.get("status") == "completed"
    return replace(told, kind="dispensing", status=_("Handed out") if done else told.status)


def administration(resource: Mapping, lookup: Lookup | None) -> Line:
    """A MedicationAdministration: what was given, or was not."""
    dosage = resource.get("dosage") or {}
    when = resource.get("effectiveDateTime") or (resource.get("effectivePeriod") or {}).get("start")
    more = "" if resource.get("status") == "not-done" else _("given")
    return _medicine(resource, lookup, how=[dosage] if dosage else None, when=when, more=more)


def medication(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Medication on its own: what a medicine is."""
    name = codes.medicine_name(resource.get("code"), _("A medicine that was not named"))
    form = codes.concept(resource.get("form"))
    return Line(title=name, detail=form, code_text=name, status=statuses.word(resource.get("status")), kind="product")


def _medicine(resource: Mapping, lookup: Lookup | None, *, how: object, when: object, more: str = "") -> Line:
    status = str(resource.get("status", ""))
    name = name_of(resource, lookup)
    return Line(
        title=name,
        detail=joined(directions(how), more),
        date=dates.day(when),
        status=_("Taken now")
        if status == "active"
        else _("Finished")
        if status == "completed"
        else statuses.said(status),
        code_text=name,
        kind="medicine",
        at=dates.sortable(when),
        state="error" if status == "entered-in-error" else "stopped" if status in STOPPED else status,
    )


def directions(dosages: object) -> str:
    """Return how to take it: "1 tablet, twice a day, as needed"."""
    told = [_dosage(one) for one in dosages or () if isinstance(one, Mapping)] if isinstance(dosages, list) else []
    return "; ".join(dict.fromkeys(words for words in told if words))


def _dosage(dosage: Mapping) -> str:
    if dosage.get("patientInstruction") or dosage.get("text"):
        return str(dosage.get("patientInstruction") or dosage.get("text"))
    needed = dosage.get("asNeededBoolean") or codes.concept(dosage.get("asNeededCodeableConcept"))
    parts = [
        _dose(dosage),
        _rhythm(dosage.get("timing") or {}),
        codes.concept(dosage.get("route")).lower(),
        _("when needed") if needed else "",
        ", ".join(codes.concepts(dosage.get("additionalInstruction"))),
    ]
    return ", ".join(part for part in parts if part)


def _dose(dosage: Mapping) -> str:
    for one in [*(dosage.get("doseAndRate") or ()), dosage]:
        found = values.quantity(one.get("doseQuantity") or one.get("dose") or {}, exactly=True)
        found = found if found.text else values.span(one.get("doseRange") or {}, exactly=True)
        if found.text:
            return f"{found.text} {found.unit}" if found.unit else _("%(amount)s each time") % {"amount": found.text}
    return ""


def _rhythm(timing: Mapping) -> str:
    """Return how often: "twice a day", "every 8 hours"."""
    repeat = timing.get("repeat") or {}
    times, length, unit = repeat.get("frequency"), repeat.get("period"), repeat.get("periodUnit")
    if not unit or not length:
        return codes.concept(timing.get("code"))
    if times in (None, 1) and length != 1:
        return _("every %(length)s %(unit)s") % {"length": values.exact(length), "unit": units.period(unit, True)}
    if length == 1:
        often = ngettext("once a %(unit)s", "%(times)s times a %(unit)s", int(times or 1))
        return often % {"times": times, "unit": units.period(unit, False)}
    return _("%(times)s times every %(length)s %(unit)s") % {
        "times": times,
        "length": values.exact(length),
        "unit": units.period(unit, True),
    }
