"""Delivers parcels: each at least once, by any number of workers, later and later where it fails."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction

from ehr import clock
from ehr.outbox.models import Parcel

logger = logging.getLogger(__name__)
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=6)
# About five days of trying, so that a weekend's outage loses nothing.
MOST_ATTEMPTS = 30
# How long a worker may take over one parcel before another takes it for dead.
CLAIM = timedelta(minutes=5)

P = TypeVar("P", bound=Parcel)


class GivenUp(Exception):
    """Raised by what sends, for a parcel that must not leave any more. It is kept, and never tried again."""


class NotYet(Exception):
    """Raised by what sends, for a parcel that may not leave before a moment. It waits until then; no try is counted."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"not before {until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


def deliver(model: type[P], send: Callable[[P], None], *, limit: int = 50) -> int:
    """Send what is due, oldest first; return how many arrived.

    A parcel is claimed and committed before it is sent, and marked after: a worker that dies in between leaves it to
    be sent again after five minutes, so `send` must be idempotent by `parcel.key`. What raises is tried again after
    5 s, 10 s, 20 s … at most 6 h, and given up after 30 attempts; NotYet only says when, and GivenUp that it is over.
    """
    return sum(_deliver(model, parcel_id, send) for parcel_id in _due(model, limit))


def _due(model: type[P], limit: int) -> list[UUID]:
    rows = model._default_manager.filter(delivered_at=None, gave_up_at=None, due_at__lte=clock.now())
    return list(rows.order_by("due_at", "created_at").values_list("pk", flat=True)[:limit])


def _deliver(model: type[P], parcel_id: UUID, send: Callable[[P], None]) -> bool:
    parcel = _claim(model, parcel_id)
    if parcel is None:
        return False
    try:
        send(parcel)
    except NotYet as early:
        model._default_manager.filter(pk=parcel.pk).update(due_at=early.until, attempts=parcel.attempts - 1)
        return False
    except GivenUp as over:
        rows = model._default_manager.filter(pk=parcel.pk)
        rows.update(gave_up_at=clock.now(), last_problem=type(over).__name__)
        return False
    except Exception as problem:  # noqa: BLE001 -- one parcel that cannot be sent must not hold up the others
        _put_off(model, parcel, problem)
        return False
    model._default_manager.filter(pk=parcel.pk).update(delivered_at=clock.now(), last_problem="")
    return True


def _claim(model: type[P], parcel_id: UUID) -> P | None:
    """Return the parcel, now this worker's for five minutes; None when another has it."""
    now = clock.now()
    with transaction.atomic():
        rows = model._default_manager.filter(pk=parcel_id, delivered_at=None, gave_up_at=None, due_at__lte=now)
        parcel = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
        if parcel is None:
            return None
        parcel.attempts += 1
        parcel.due_at = now + CLAIM
        parcel.save(update_fields=["attempts", "due_at"])
        return parcel


def _put_off(model: type[P], parcel: P, problem: Exception) -> None:
    """Try again later, or give up. Only the problem's class is kept: a message may quote what was sent."""
    now = clock.now()
    wait = min(FIRST_WAIT * 2 ** min(parcel.attempts - 1, 20), LONGEST_WAIT)
    gave_up = parcel.attempts >= MOST_ATTEMPTS
    model._default_manager.filter(pk=parcel.pk).update(
        due_at=now + wait, gave_up_at=now if gave_up else None, last_problem=type(problem).__name__
    )
    log = logger.error if gave_up else logger.warning
    log(
        "Parcel %s (%s) was not delivered, attempt %d: %s",
        parcel.pk,
        parcel.kind,
        parcel.attempts,
        type(problem).__name__,
    )
