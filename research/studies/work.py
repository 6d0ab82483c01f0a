"""A worker's turn at what a researcher asked for: taken by one, watched, and taken over where it fell silent.

What is asked for is a row (`research.models.work.Work`). Each piece of work may be begun any number of times and in two
workers at once; only the one whose attempt stands in the row puts anything down.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from consent.escrow import KeyholderAway, NotReleased
from ehr import clock
from ehr.accounts.models import User
from providers.rules import NotPossible
from research import queries
from research.models import Run, Study
from research.models.work import Work
from research.studies.proposing import log_study

W = TypeVar("W", bound=Work)
State = Work.State
UNDER_WAY = (State.ASKED, State.RUNNING)
# A worker that was not seen for this long is taken for dead; after three of them the work stops.
SILENT = timedelta(minutes=10)
MOST_ATTEMPTS = 3


class Given(Exception):
    """Somebody cancelled, or another worker took over: nothing of this one counts."""


def due(kind: type[Work]) -> list[uuid.UUID]:
    """Return what waits for a worker, that first which waits longest."""
    silent = Q(state=State.RUNNING, seen_at__lte=clock.now() - SILENT)
    rows = kind._default_manager.filter(Q(state=State.ASKED) | silent)
    return list(rows.order_by("asked_at").values_list("pk", flat=True))


def carry(kind: type[W], pk: uuid.UUID, act: Callable[[W], None]) -> str:
    """Do one piece of work and return the state it is in then; "" for one that is another's, or over."""
    row = taken(kind, pk)
    if row is None:
        return ""
    try:
        act(row)
    except Given:
        pass
    except KeyholderAway:
        mine(row).update(state=State.ASKED, attempt=None, attempts=row.attempts - 1)
    except NotReleased as problem:
        stop(
            row,
            _("The study’s keys stay where they are: %(because)s. Ask the committee.") % {"because": problem.because},
        )
    except NotPossible as problem:
        stop(row, str(problem))
    row.refresh_from_db()
    return row.state


def taken(kind: type[W], pk: uuid.UUID) -> W | None:
    """Return a piece of work as this worker's own; None where another is at it, or it is over."""
    with transaction.atomic():
        rows = kind._default_manager.select_for_update(of=("self",))
        rows = rows.select_related("study__reader", "study__institution", "asked_by")
        row = rows.filter(pk=pk, state__in=UNDER_WAY).first()
        now = clock.now()
        if row is None or (row.state == State.RUNNING and row.seen_at and row.seen_at > now - SILENT):
            return None
        if row.attempts >= MOST_ATTEMPTS:
            row.state, row.ended_at = State.STOPPED, now
            row.because = _("It was begun three times and never came to an end. Tell the operator.")
            row.save(update_fields=["state", "ended_at", "because"])
            return None
        row.state, row.attempt, row.seen_at = State.RUNNING, uuid.uuid4(), now
        row.attempts += 1
        row.save(update_fields=["state", "attempt", "seen_at", "attempts"])
    return row


def mine(row: W) -> QuerySet[W]:
    """Return the row while it is this worker's."""
    rows = type(row)._default_manager.filter(pk=row.pk, state=State.RUNNING, attempt=row.attempt)
    return rows.select_related("study__reader", "study__institution", "asked_by") if row.attempt else rows.none()


def watch(row: Work, **more: str) -> Callable[[int, int], None]:
    """Return what writes down how far it is, with `more` columns of its kind. It raises Given once the work is not this
    worker's any more."""

    def told(done: int, total: int) -> None:
        if not mine(row).update(done=done, total=total, seen_at=clock.now(), **more):
            raise Given

    return told


def stop(row: Work, words: str) -> None:
    """Note why it does not come about, in words that hold nothing of a record."""
    mine(row).update(state=State.STOPPED, because=words[:500], ended_at=clock.now())


def cancel(row: W, *, by: User, what: str) -> W:
    """Stop work that is under way, as its study's researcher; what was opened for it is gone with the worker's next
    look. Twice is once. `what` is what the log calls it."""
    with transaction.atomic():
        held = type(row)._default_manager.select_for_update(of=("self",)).select_related("study").get(pk=row.pk)
        require_own(held.study, by)
        if held.state in UNDER_WAY:
            held.state, held.ended_at = State.CANCELLED, clock.now()
            held.save(update_fields=["state", "ended_at"])
            log_study(f"study.{what}-cancelled", held.study, by, **{what: str(held.pk)})
    return held


def run_of(study: Study, *, figures: bool = False) -> Run:
    """Return the approved run by which a study's worker may read now. Raises NotPossible where there is none.

    A study for figures of a population reads for these alone, and no other study for them.
    """
    if study.is_for_figures != figures:
        raise NotPossible(
            _("This study makes figures of everybody together, and nothing else. Propose another one for this.")
            if study.is_for_figures
            else _("This study was not approved for figures of a population. Propose one that is for them.")
        )
    run = queries.run_at(study, clock.now()) if study.is_open else None
    if run is None:
        raise NotPossible(_("Nobody lets this study read at the moment. Ask the committee to let it run."))
    return run


def require_own(study: Study, by: User) -> None:
    """Raise NotPossible for everybody but a study's own researcher, and for one whose papers are not in order."""
    researcher = queries.researcher_of(by)
    if researcher is None or study.researcher_id != researcher.pk:
        raise NotPossible(_("Only who proposed a study asks in it. Ask them, or propose one of your own."))
    if not queries.footing(researcher).ok:
        raise NotPossible(_("Your licence or the data-use agreement is missing. Your own page says what to do."))
