"""A whole place closed for a day or a span, in one act: a holiday, a flood.

Its administrators close it: from then on nothing there can be booked in that time. Visits booked before stay until the
desk of the place looked at each, or called off all of them for one reason. Whatever becomes of them, it is the clinic
that did it: nobody pays a fee, and what was paid goes back whole.
"""

import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from appointments import booking, lists, minutes, offering
from appointments.models import Appointment, Closure, Place
from appointments.places import must_administer, note
from appointments.refusals import NotPossible
from appointments.rules import AHEAD
from appointments.schedules import check_time, close_with_place
from appointments.standing import desk_of
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.notices.operations import News

BECAUSE = "place-closed"
TOLD = "clinic.place-closed"


def close_for(place: Place, *, by: User, starts: datetime, ends: datetime) -> Closure:
    """Close a place between two moments. The desk hears of it where visits are booked there. Raises NotPossible."""
    must_administer(by, place.institution)
    check_time(starts, ends)
    with transaction.atomic():
        place = Place.objects.select_for_update().get(pk=place.pk)
        schedules = list(place.schedules.filter(retired_at=None))
        # Whoever books there now is done before it is closed, or finds it closed.
        minutes.lock(*{one.timetable_id for one in schedules})
        made = Closure.objects.create(place=place, starts=starts, ends=ends)
        for one in schedules:
            close_with_place(one, made)
        note("institution.place-closed-for-a-time", place.institution, by=by, place=str(place.pk))
        if visits_in(made).exists():
            desk = desk_of(place.institution)
            notices.tell([News(one, TOLD, f"{TOLD}:{made.pk}:{one.pk}", made.pk, mail=False) for one in desk])
    return made


def take_back(closure: Closure, *, by: User) -> None:
    """Open a place again for what is left of the time, and offer that to those who wait. Twice is once.

    What was called off meanwhile stays so.
    """
    must_administer(by, closure.place.institution)
    with transaction.atomic(), ExitStack() as opening:
        Place.objects.select_for_update().get(pk=closure.place_id)
        timetables = sorted(set(closure.absences.values_list("timetable", flat=True)))
        minutes.lock(*timetables)
        for one in timetables:
            opening.enter_context(offering.opening(one))
        if Closure.objects.filter(pk=closure.pk).delete()[0]:
            note("institution.place-opened-again", closure.place.institution, by=by, place=str(closure.place_id))


def of_place(place: Place, at: datetime) -> QuerySet[Closure]:
    """Return when a place is closed, now or later, soonest first."""
    return Closure.objects.filter(place=place, ends__gt=at)


def at_institutions(institutions: Iterable[uuid.UUID], at: datetime) -> QuerySet[Closure]:
    """Return when places of some institutions are closed from now on, each with how many visits are `booked` in it."""
    inside = Appointment.objects.filter(
        place=OuterRef("place"), status__in=AHEAD, starts__lt=OuterRef("ends"), ends__gt=OuterRef("starts")
    )
    count = inside.order_by().values("place").annotate(count=Count("pk")).values("count")
    rows = Closure.objects.filter(place__institution__in=list(institutions), ends__gt=at)
    return rows.select_related("place__institution").annotate(booked=Coalesce(Subquery(count), 0))


def visits_in(closure: Closure) -> QuerySet[Appointment]:
    """Return the visits that are booked, or proposed, at a place while it is closed, soonest first."""
    rows = Appointment.objects.filter(
        place=closure.place_id, status__in=AHEAD, starts__lt=closure.ends, ends__gt=closure.starts
    )
    return rows.select_related(*lists.FULL).prefetch_related("changes").order_by("starts", "pk")


class CalledOff(NamedTuple):
    """How many visits were called off at once, and how many could not be."""

    done: int
    left: int


def call_all_off(closure: Closure, *, by: User, once: uuid.UUID) -> CalledOff:
    """Call off, at the desk of the place, all that is booked in a closure. Each patient is told once, of however many.

    Each visit is its own transaction: what was moved or called off meanwhile stays as it is. The same press twice, by
    its `once`, tells nobody twice. Raises NotTheirs for whoever is not at that desk.
    """
    done = left = 0
    for visit in visits_in(closure):
        try:
            booking.cancel(visit, by=by, because=BECAUSE, cause=str(once))
            done += 1
        except booking.NotTheirs:
            raise
        except NotPossible:
            left += 1
    return CalledOff(done, left)
