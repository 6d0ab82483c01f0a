"""Questions about a line: a patient does not recognise it, an officer answers within ten days.

Words arrive sealed; here are only who wrote, when, and how far the case has come. Each step is a
line of the patient's own log.
"""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import log, queries
from audit.log import Party
from audit.models import Case, CaseMessage, Event
from ehr import clock

ANSWER_WITHIN = timedelta(days=10)


class NotPossible(Exception):
    """The case does not allow this step now. The message says why, for the log's readers and tests."""


@transaction.atomic
def open_case(*, subject: UUID, event_id: UUID, words: bytes | Mapping[str, bytes], by: Party) -> Case:
    """Open a case about one line of the subject's log; while it is not closed, the same line opens no other.

    `words` are sealed: one seal, or one for each of those who may read them, by a name of the caller's.
    Raises NotPossible when the line is not the subject's.
    """
    event = Event.objects.filter(id=event_id, subject=subject).first()
    if event is None:
        raise NotPossible("This line is not part of the patient's log.")
    now = clock.now()
    case, new = Case.objects.exclude(state=Case.State.CLOSED).get_or_create(
        event=event, defaults={"subject": subject, "opened_at": now, "due_at": now + ANSWER_WITHIN}
    )
    _say(case, words, by, now)
    if new:
        _log(case, "case.opened", by)
    return case


@transaction.atomic
def answer(case: Case, words: bytes | Mapping[str, bytes], by: Party) -> Case:
    """Answer an open case. Raises NotPossible for a closed one, and for an officer whose own act is in question."""
    case = Case.objects.select_for_update().get(pk=case.pk)
    _may_handle(case, by)
    now = clock.now()
    _say(case, words, by, now)
    case.state, case.answered_at = Case.State.ANSWERED, now
    case.save(update_fields=["state", "answered_at"])
    _log(case, "case.answered", by)
    return case


@transaction.atomic
def close(case: Case, by: Party) -> Case:
    """Close an answered case. Raises NotPossible before it was answered."""
    case = Case.objects.select_for_update().get(pk=case.pk)
    _may_handle(case, by)
    if case.state != Case.State.ANSWERED:
        raise NotPossible("A case is answered before it is closed.")
    case.state, case.closed_at = Case.State.CLOSED, clock.now()
    case.save(update_fields=["state", "closed_at"])
    _log(case, "case.closed", by)
    return case


@transaction.atomic
def assign(case: Case, *, to: Party, by: Party) -> Case:
    """Give a case to one officer to look after; whoever had it has it no more. Raises NotPossible as `answer` does."""
    case = Case.objects.select_for_update().get(pk=case.pk)
    _may_handle(case, by)
    _may_handle(case, to)
    if case.assigned_to != to.id:
        case.assigned_to, case.assigned_name = to.id, to.name
        case.save(update_fields=["assigned_to", "assigned_name"])
        _log(case, "case.assigned", by)
    return case


def waiting() -> QuerySet[Case]:
    """Return the cases that nobody has answered, the most urgent first."""
    return Case.objects.filter(state=Case.State.OPEN).order_by("due_at")


def overdue(at: datetime) -> QuerySet[Case]:
    """Return the cases whose ten days have passed unanswered."""
    return waiting().filter(due_at__lt=at)


def of_subject(subject: UUID) -> QuerySet[Case]:
    """Return a patient's own cases, newest first."""
    return Case.objects.filter(subject=subject).prefetch_related("messages").order_by("-opened_at")


def messages(case: Case) -> list[tuple[Party, datetime, dict[str, bytes]]]:
    """Return who wrote, when, and the seals by name, in the order written."""
    return [
        (queries.party(each.by), each.at, {name: base64.b64decode(seal) for name, seal in each.sealed.items()})
        for each in case.messages.all()
    ]


def _may_handle(case: Case, by: Party) -> None:
    if case.state == Case.State.CLOSED:
        raise NotPossible("This case is closed. If something new came up, the patient opens another.")
    line = queries.find(case.event_id)
    if line and line.actor and line.actor.id == by.id:
        raise NotPossible("Nobody answers a case about what they did themselves. Ask another officer.")


def _say(case: Case, words: bytes | Mapping[str, bytes], by: Party, at: datetime) -> None:
    seals = words if isinstance(words, Mapping) else {"words": words}
    texts = {name: base64.b64encode(seal).decode() for name, seal in seals.items()}
    party = {**asdict(by), "id": str(by.id) if by.id else None}
    CaseMessage.objects.create(case=case, by=party, at=at, sealed=texts)


def _log(case: Case, action: str, by: Party) -> None:
    details = {"case": case.id, "about": case.event_id}
    log.append(action, actor=by, subject=case.subject, outcome="done", details=details)
