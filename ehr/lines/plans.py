"""Lines about what is meant to happen: plans, goals, teams, referrals, appointments, tasks."""

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.r4 import search

from . import codes, dates, names, statuses, values
from .line import Line, Lookup
from .names import joined
from .results import named

NOT_DONE = gettext_lazy("Not to be done: %(name)s")


def care_plan(resource: Mapping, lookup: Lookup | None) -> Line:
    """A CarePlan: which, and what belongs to it."""
    details = [one.get("detail") or {} for one in resource.get("activity") or ()]
    forbidden = [_step(one) or _("something that was not named") for one in details if one.get("doNotPerform") is True]
    steps = [words for one in details if one.get("doNotPerform") is not True and (words := _step(one))]
    about = names.of(resource.get("addresses"), lookup)
    kinds = [one for one in codes.concepts(resource.get("category")) if one.casefold() != "assess-plan"]
    title = str(resource.get("title") or "") or (kinds[0] if kinds else "") or _("Care plan")
    return Line(
        title=title,
        detail=joined(
            _("for %(reason)s") % {"reason": about} if about else "",
            NOT_DONE % {"name": ", ".join(dict.fromkeys(forbidden))} if forbidden else "",
            named(steps, len(steps)),
            " ".join(str(resource.get("description") or "").split()),
        ),
        date=dates.span(resource.get("period")) or dates.day(resource.get("created")),
        status=statuses.said(resource.get("status"), _("Finished")),
        code_text=title,
        kind="plan",
        at=dates.sortable(search.when(resource)[0]),
        state=str(resource.get("status", "")),
    )


def _step(detail: Mapping) -> str:
    return codes.concept(detail.get("code")) or str(detail.get("description") or "")


def goal(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Goal: what is aimed at, by when, how far along."""
    name = codes.concept(resource.get("description"), _("A goal that was not named"))
    due = [dates.day(one.get("dueDate")) for one in resource.get("target") or () if one.get("dueDate")]
    aims = [_target(one) for one in resource.get("target") or ()]
    about = names.of(resource.get("addresses"), lookup)
    state = statuses.coded(resource.get("achievementStatus")) or resource.get("lifecycleStatus")
    return Line(
        title=_("Goal: %(goal)s") % {"goal": name},
        detail=joined(
            ", ".join(aim for aim in aims if aim),
            _("by %(date)s") % {"date": due[0]} if due else "",
            _("for %(reason)s") % {"reason": about} if about else "",
        ),
        date=dates.day(resource.get("startDate")),
        status=statuses.said(state),
        code_text=name,
        kind="goal",
        at=dates.sortable(resource.get("startDate")),
        state=str(resource.get("lifecycleStatus", "")),
    )


def _target(target: Mapping) -> str:
    found = values.value_of(target, "detail")
    measure = codes.name_of_test(target.get("measure"))
    return f"{measure} {found.text} {found.unit}".strip() if found.text else measure


def care_team(resource: Mapping, lookup: Lookup | None) -> Line:
    """A CareTeam: who belongs to it."""
    members = [_member(one, lookup) for one in resource.get("participant") or ()]
    title = str(resource.get("name") or "") or _("Care team")
    return Line(
        title=title,
        detail=", ".join(dict.fromkeys(member for member in members if member)),
        date=dates.span(resource.get("period")),
        status=statuses.said(resource.get("status")),
        kind="team",
        at=dates.sortable((resource.get("period") or {}).get("start")),
        state=str(resource.get("status", "")),
    )


def _member(one: Mapping, lookup: Lookup | None) -> str:
    who, role = names.of(one.get("member"), lookup), codes.concept(one.get("role"))
    return f"{who} ({role.lower()})" if who and role else who or role


def service_request(resource: Mapping, lookup: Lookup | None) -> Line:
    """A ServiceRequest (and its kin): what was asked for or is not to be done, by whom, why."""
    name = codes.concept(resource.get("code")) or codes.concept(resource.get("codeCodeableConcept"))
    name = name or codes.concept(resource.get("orderDetail")) or _("A service that was not named")
    why = codes.concepts(resource.get("reasonCode")) or [names.of(resource.get("reasonReference"), lookup)]
    by = names.named(resource.get("requester"), lookup)
    when = resource.get("occurrenceDateTime") or (resource.get("occurrencePeriod") or {}).get("start")
    forbidden = resource.get("doNotPerform") is True
    return Line(
        title=(NOT_DONE if forbidden else _("Asked for: %(name)s")) % {"name": name},
        detail=joined(
            _("for %(reason)s") % {"reason": ", ".join(why)} if any(why) else "",
            _("by %(name)s") % {"name": by} if by else "",
            _("planned for %(date)s") % {"date": dates.day(when)} if when else "",
            names.named(resource.get("performer"), lookup),
        ),
        date=dates.day(resource.get("authoredOn")) or dates.day(when),
        status=statuses.said(resource.get("status"), _("Done")),
        code_text=name,
        kind="request",
        at=dates.sortable(resource.get("authoredOn") or when),
        state=str(resource.get("status", "")),
        forbidden=forbidden,
    )


def appointment(resource: Mapping, lookup: Lookup | None) -> Line:
    """An Appointment: when, what for, with whom."""
    what = codes.concept(resource.get("appointmentType")) or codes.concept(resource.get("serviceType"))
    people = [names.of(one.get("actor"), lookup) for one in resource.get("participant") or ()]
    return Line(
        title=joined(_("Appointment"), what),
        detail=joined(str(resource.get("description") or ""), ", ".join(person for person in people if person)),
        date=dates.moment(resource.get("start")),
        status=statuses.word(resource.get("status")),
        kind="appointment",
        at=dates.sortable(resource.get("start")),
        state=str(resource.get("status", "")),
    )


def task(resource: Mapping, lookup: Lookup | None) -> Line:
    """A Task: what is to be done, and by whom."""
    what = str(resource.get("description") or "") or codes.concept(resource.get("code")) or _("Something to do")
    return Line(
        title=what,
        detail=names.named(resource.get("owner"), lookup),
        date=dates.day(resource.get("authoredOn")),
        status=statuses.said(resource.get("status"), _("Done")),
        kind="task",
        at=dates.sortable(resource.get("authoredOn")),
        state=str(resource.get("status", "")),
    )
