"""Visits: what can be booked and when, keeping a time, booking, moving and calling off, for the patient themself."""

from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from appointments import booking, lists, zones
from appointments.booking.reasons import MOST_WORDS
from appointments.models import Appointment, Hold, Schedule, VisitType
from consent.models import Referral
from ehr import clock
from ehr.api import answers, fields, visit_answers
from ehr.api.answers import Anything
from ehr.api.guards import patient_only, unlocked

MOST_DAYS = 31
FARTHEST = timedelta(days=3 * 366)
# Why a patient calls a visit off: those of booking's codes that are theirs.
REASONS = ("not-said", "cannot-come", "another-time", "not-needed", "elsewhere")
_ONCE = OpenApiParameter(
    fields.ONCE, UUID, OpenApiParameter.HEADER, description="The same act sent twice is done once."
)


class Searching(serializers.Serializer):
    """Words of a name, an institution, a place or a kind of visit."""

    words = serializers.CharField(required=False, allow_blank=True, default="", max_length=100)
    institution = serializers.UUIDField(required=False, allow_null=True, default=None)


class Days(serializers.Serializer):
    """From which day of the place on, and how many days."""

    first = serializers.DateField(required=False)
    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, required=False, default=7)

    def validate_first(self, told: date) -> date:
        if told > clock.now().date() + FARTHEST:
            raise serializers.ValidationError(_("Nothing can be booked that far ahead. Name an earlier day."))
        return told


class Holding(serializers.Serializer):
    """Which free time to keep. `appointment` is a visit of one's own that is to be moved there."""

    starts = serializers.DateTimeField()
    appointment = serializers.UUIDField(required=False, allow_null=True, default=None)

    def validate_starts(self, told: datetime) -> datetime:
        if not clock.now() < told < clock.now() + FARTHEST:
            raise serializers.ValidationError(_("Choose one of the times that are free."))
        return told


class Booking(serializers.Serializer):
    """What is booked: a time that one keeps. `words` say why one comes; they are sealed into the record."""

    hold = serializers.UUIDField()
    self_pay = serializers.BooleanField(required=False, default=False)
    referral = serializers.UUIDField(required=False, allow_null=True, default=None)
    words = serializers.CharField(required=False, allow_blank=True, default="", max_length=MOST_WORDS)


class Moving(serializers.Serializer):
    """Where to: a time that was kept for this visit."""

    hold = serializers.UUIDField()


class Cancelling(serializers.Serializer):
    """Why, as one of our codes. No reason is needed."""

    because = serializers.ChoiceField(choices=REASONS, required=False, default=REASONS[0])


class Listing(serializers.Serializer):
    """Which visits: those ahead, soonest first, or those that were, the latest first."""

    when = serializers.ChoiceField(choices=("ahead", "past"), required=False, default="ahead")
    start = serializers.IntegerField(min_value=0, max_value=100_000, required=False, default=0)
    count = serializers.IntegerField(min_value=1, max_value=100, required=False, default=50)


# --- What can be booked ----------------------------------------------------------------------------
@extend_schema(operation_id="schedules_list", parameters=[Searching], responses=Anything, tags=["visits"])
@api_view(["GET"])
@patient_only
def schedules(request: Request) -> Response:
    """List who can be booked now, where, for which kinds of visit, at which price and policy; at most 50."""
    asked = Searching(data=request.query_params)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    found = lists.bookable(told["words"], clock.now(), institution=told["institution"])
    return Response(answers.listed([visit_answers.bookable(one) for one in found]))


@extend_schema(parameters=[Days], responses=Anything, tags=["visits"])
@api_view(["GET"])
@patient_only
def times(request: Request, schedule: UUID, kind: UUID) -> Response:
    """List the free times of some days, 31 at most, on the clocks of the place.

    Where these days hold nothing, the next that do are told. `after` is the day to ask for next, or null.
    """
    where, what = _bookable(schedule, kind)
    asked = Days(data=request.query_params)
    asked.is_valid(raise_exception=True)
    told, at = asked.validated_data, clock.now()
    first = told.get("first") or zones.local_day(at, where.time_zone)
    days, after = lists.free_days(where, what, first=first, at=at, days=told["days"])
    found = [visit_answers.slot(slot) | {"day": one.on.isoformat()} for one in days for slot in one.slots]
    return Response(answers.listed(found, time_zone=where.time_zone, after=after and after.isoformat()))


def _bookable(schedule: UUID, kind: UUID) -> tuple[Schedule, VisitType]:
    found = lists.one_bookable(schedule, kind, clock.now())
    if found is None:
        raise Http404
    return found


# --- Keeping a time --------------------------------------------------------------------------------
@extend_schema(request=Holding, parameters=[_ONCE], responses={201: Anything}, tags=["visits"])
@api_view(["POST"])
@patient_only
def keep(request: Request, schedule: UUID, kind: UUID) -> Response:
    """Keep a free time for ten minutes, to book it or to move a visit there. A fourth gives up the oldest.

    The answer says what the visit would cost and until when it could be cancelled for nothing. Where the time is gone,
    `instead` of the refusal holds the next ones that are free.
    """
    where, what = _bookable(schedule, kind)
    asked = Holding(data=request.data)
    asked.is_valid(raise_exception=True)
    told = asked.validated_data
    besides = _own(request, told["appointment"]) if told["appointment"] else None
    once = _once(request)
    if lists.one_of(request.patient, once):
        raise booking.NotPossible(
            _("What was kept under this key is booked already. Send another key to keep another time."),
            because="booked-already",
        )
    kept = booking.hold(where, what, told["starts"], by=request.user, once=once, besides=besides)
    return Response(visit_answers.hold(kept), status=status.HTTP_201_CREATED)


def _once(request: Request) -> UUID:
    """Return what the act is known by: one of its own, where the header names none."""
    return fields.once(request) or uuid4()


@extend_schema(methods=["GET"], responses=Anything, tags=["visits"])
@extend_schema(methods=["DELETE"], responses={204: None}, tags=["visits"])
@api_view(["GET", "DELETE"])
@patient_only
def hold(request: Request, hold: UUID) -> Response:
    """What one keeps, and until when; or let go of it."""
    kept = _own_hold(request, hold)
    if request.method == "DELETE":
        booking.release(kept, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
    return Response(visit_answers.hold(kept))


def _own_hold(request: Request, hold: UUID) -> Hold:
    found = lists.hold_of(request.user, hold)
    if found is None:
        raise Http404
    return found


# --- Booking ---------------------------------------------------------------------------------------
@extend_schema(methods=["GET"], operation_id="appointments_list", parameters=[Listing], responses=Anything,
               tags=["visits"])  # fmt: skip
@extend_schema(methods=["POST"], request=Booking, responses={201: Anything}, tags=["visits"])
@api_view(["GET", "POST"])
@patient_only
def appointments(request: Request) -> Response:
    """List one's own visits; or book the time that one keeps. A hold is booked once, however often it is sent.

    Saying why one comes needs unlocked keys: the words are sealed with them. Everything else does not.
    """
    if request.method == "POST":
        return _book(request)
    asked = Listing(data=request.query_params)
    asked.is_valid(raise_exception=True)
    told, at = asked.validated_data, clock.now()
    found = (lists.upcoming if told["when"] == "ahead" else lists.past)(request.patient, at)
    shown = found[told["start"] : told["start"] + told["count"]]
    return Response({"total": found.count(), "items": [visit_answers.appointment(one, at) for one in shown]})


def _book(request: Request) -> Response:
    asked = Booking(data=request.data)
    asked.is_valid(raise_exception=True)
    words = asked.validated_data["words"].strip()
    made = (_book_with_words if words else _booked)(request, asked.validated_data)
    return _told(request, made.pk, status.HTTP_201_CREATED)


@unlocked
def _book_with_words(request: Request, told: dict) -> Appointment:
    made = _booked(request, told)
    # Sent again after only half was done, the words are still to be sealed; sent again after all was, they are there.
    return made if made.reason else booking.add_reason(made, told["words"], keyring=request.keyring)


def _booked(request: Request, told: dict) -> Appointment:
    # The hold is looked for first: what has just become a visit is then found as one.
    kept = lists.hold_of(request.user, told["hold"])
    if made := lists.one_of(request.patient, told["hold"]):
        return made
    if kept is None:
        raise Http404
    return booking.book(
        kept,
        patient=request.patient,
        by=request.user,
        once=kept.pk,
        self_pay=told["self_pay"],
        referral=_referral(request, kept, told["referral"]),
    )


def _referral(request: Request, kept: Hold, named: UUID | None) -> Referral | None:
    if named is None:
        return None
    for one in lists.referrals_to(request.patient, kept.schedule):
        if one.pk == named:
            return one
    raise serializers.ValidationError({"referral": [_("There is no such referral of yours to this clinician.")]})


# --- One visit -------------------------------------------------------------------------------------
@extend_schema(responses=Anything, tags=["visits"])
@api_view(["GET"])
@patient_only
def appointment(request: Request, appointment: UUID) -> Response:
    """One visit: with whom, when, how it stands, its price, and what cancelling would cost now."""
    return _told(request, appointment)


@extend_schema(request=Moving, responses={201: Anything}, tags=["visits"])
@api_view(["POST"])
@patient_only
def move(request: Request, appointment: UUID) -> Response:
    """Put a visit at a time that one keeps, with no moment of neither. Sent twice it moves once."""
    old = _own(request, appointment)
    asked = Moving(data=request.data)
    asked.is_valid(raise_exception=True)
    named = asked.validated_data["hold"]
    kept = lists.hold_of(request.user, named)
    made = lists.one_of(request.patient, named)
    if made is None or made.moved_from_id != old.pk:
        if kept is None:
            raise Http404
        made = booking.move(old, kept, by=request.user, once=kept.pk)
    return _told(request, made.pk, status.HTTP_201_CREATED)


@extend_schema(request=Cancelling, responses=Anything, tags=["visits"])
@api_view(["POST"])
@patient_only
def cancel(request: Request, appointment: UUID) -> Response:
    """Call a visit off, by the policy it was booked by. Calling it off twice changes nothing."""
    asked = Cancelling(data=request.data)
    asked.is_valid(raise_exception=True)
    booking.cancel(_own(request, appointment), by=request.user, because=asked.validated_data["because"])
    return _told(request, appointment)


@extend_schema(request=None, responses=Anything, tags=["visits"])
@api_view(["POST"])
@patient_only
def accept(request: Request, appointment: UUID) -> Response:
    """Agree to a time that was proposed, within the 72 hours that it is kept. To say no, call it off."""
    booking.accept(_own(request, appointment), by=request.user)
    return _told(request, appointment)


def _own(request: Request, appointment: UUID) -> Appointment:
    found = lists.one_of(request.patient, appointment)
    if found is None:
        raise Http404
    return found


def _told(request: Request, appointment: UUID, code: int = status.HTTP_200_OK) -> Response:
    """Return a visit as it is now, whatever was just done with it."""
    return Response(visit_answers.appointment(_own(request, appointment), clock.now()), status=code)
