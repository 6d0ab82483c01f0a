"""Lines about documents, bills, questionnaires and where a record comes from; and about whatever has no line yet."""

import re
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ehr.r4 import search

from . import codes, dates, names, statuses, values
from .line import Line, Lookup
from .names import joined

FILES = {
    "application/pdf": gettext_lazy("PDF"),
    "text/plain": gettext_lazy("text"),
    "text/html": gettext_lazy("web page"),
    "application/xml": gettext_lazy("structured document"),
    "text/xml": gettext_lazy("structured document"),
    "application/hl7-v3+xml": gettext_lazy("structured document"),
}
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def document(resource: Mapping, lookup: Lookup | None) -> Line:
    """A DocumentReference, DocumentManifest or Composition: which paper, by whom, of which kind."""
    attachments = [one.get("attachment") or {} for one in resource.get("content") or () if isinstance(one, Mapping)]
    kinds = [str(FILES[one["contentType"]]) for one in attachments if one.get("contentType") in FILES]
    kind = codes.concept(resource.get("type")) or codes.concept(resource.get("category"))
    given = (
        resource.get("title")
        or resource.get("description")
        or next((a["title"] for a in attachments if "title" in a), "")
    )
    when = (
        resource.get("date")
        or resource.get("created")
        or next((a["creation"] for a in attachments if "creation" in a), "")
    )
    return Line(
        title=str(given) or kind or _("Document"),
        detail=joined(
            kind if given and kind.casefold() != str(given).casefold() else "",
            names.named(resource.get("author"), lookup),
            names.named(resource.get("custodian"), lookup),
            ", ".join(dict.fromkeys(kinds)),
        ),
        date=dates.day(when),
        status=statuses.word(resource.get("docStatus")) or statuses.word(resource.get("status")),
        code_text=kind,
        kind="note",
        at=dates.sortable(when),
        state=str(resource.get("status", "")),
    )


def bill(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Claim or ExplanationOfBenefit: for what, how much, from whom."""
    services = [codes.concept(one.get("productOrService")) for one in resource.get("item") or ()]
    services = list(dict.fromkeys(words for words in services if words))
    total = resource.get("total")
    amounts = [total] if isinstance(total, Mapping) else [one.get("amount") or {} for one in total or ()][:1]
    paid = (resource.get("payment") or {}).get("amount") or {}
    when = (resource.get("billablePeriod") or {}).get("start") or resource.get("created")
    settled = resource["resourceType"] == "ExplanationOfBenefit"
    name = _("What the insurance paid") if settled else _("Bill to the insurance")
    return Line(
        title=joined(name, services[0] if services else ""),
        detail=joined(
            ", ".join(services[1:5]),
            _("paid: %(amount)s") % {"amount": money(paid)} if money(paid) else "",
            names.named(resource.get("provider"), lookup),
        ),
        date=dates.day(when),
        status=statuses.word(resource.get("status")) if resource.get("status") != "active" else "",
        code_text=codes.concept(resource.get("type")),
        value=next((text for one in amounts if (text := money(one))), ""),
        kind="bill",
        at=dates.sortable(when),
        state=str(resource.get("status", "")),
    )


def money(amount: Mapping) -> str:
    """Return "255.00 USD"."""
    found = values.in_words("Decimal", amount.get("value"))
    if found.number is None:
        return ""
    return f"{found.number:.2f} {amount.get('currency', '')}".strip()


def questionnaire(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Questionnaire: its title and how much it asks."""
    count = len(resource.get("item") or ())
    return Line(
        title=_("Questionnaire: %(title)s") % {"title": resource["title"]}
        if resource.get("title")
        else _("Questionnaire"),
        detail=ngettext("%(count)s question", "%(count)s questions", count) % {"count": count} if count else "",
        date=dates.day(resource.get("date")),
        kind="answers",
        at=dates.sortable(resource.get("date")),
    )


def answers(resource: Mapping, lookup: Lookup | None) -> Line:
    """A QuestionnaireResponse: the questions and what was answered."""
    told = list(_answers(resource.get("item") or ()))
    by = names.of(resource.get("source") or resource.get("author"), lookup)
    form = (resource.get("_questionnaire") or {}).get("extension") or ()
    title = next((str(one["valueString"]) for one in form if "valueString" in one), "")
    return Line(
        title=_("Answers: %(title)s") % {"title": title} if title else _("Answers to a questionnaire"),
        detail=joined(*told[:12], _("answered by %(name)s") % {"name": by} if by else ""),
        date=dates.day(resource.get("authored")),
        status=statuses.word(resource.get("status")),
        kind="answers",
        at=dates.sortable(resource.get("authored")),
        state=str(resource.get("status", "")),
    )


def _answers(items: object):
    """Yield "question: answer" of a form, groups opened."""
    for item in items if isinstance(items, list) else ():
        told = [found.text for one in item.get("answer") or () if (found := values.value_of(one)).text]
        question = " ".join(str(item.get("text") or "").split()).rstrip(":")
        if told:
            yield f"{question}: {', '.join(told)}" if question else ", ".join(told)
        yield from _answers(item.get("item"))


def provenance(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Provenance: who entered something, and when."""
    people = [
        names.of(one.get("who"), lookup) or names.of(one.get("onBehalfOf"), lookup)
        for one in resource.get("agent") or ()
    ]
    when = resource.get("recorded") or resource.get("occurredDateTime")
    who = ", ".join(dict.fromkeys(person for person in people if person))
    return Line(
        title=_("Where this comes from: %(names)s") % {"names": who} if who else _("Where an entry comes from"),
        detail=codes.concept(resource.get("activity")),
        date=dates.moment(when),
        kind="origin",
        at=dates.sortable(when),
    )


def bundle(resource: Mapping, _lookup: Lookup | None) -> Line:
    """A Bundle: how much it holds."""
    count = len(resource.get("entry") or ())
    return Line(
        title=_("A collection of entries"),
        detail=ngettext("%(count)s entry", "%(count)s entries", count) % {"count": count},
        date=dates.day(resource.get("timestamp")),
        kind="other",
    )


def anything(resource: Mapping, lookup: Lookup | None) -> Line:
    """Whatever has no line of its own: its kind in words, and what it calls itself."""
    kind = _WORDS.sub(" ", str(resource.get("resourceType") or _("Entry"))).capitalize()
    name = names.titled(resource) if resource.get("resourceType") else ""
    name = name or codes.concept(resource.get("reasonCode")) or str(resource.get("description") or "")[:200]
    start, _end = search.when(resource) if resource.get("resourceType") else ("", "")
    found = values.value_of(resource)
    return Line(
        title=f"{kind}: {name}" if name and name.casefold() != kind.casefold() else kind,
        detail=names.named(resource.get("performer") or resource.get("author"), lookup),
        date=dates.day(start),
        status=statuses.word(resource.get("status")),
        code_text=name,
        value=found.text,
        unit=found.unit,
        at=dates.sortable(start),
        state=str(resource.get("status", "")) if isinstance(resource.get("status"), str) else "",
    )
