"""Visits by video: the patient agrees, waits, and is let in; then each side opens the room by a link of its own.

A room's name is random, made when the patient is let in, and sealed to the two who talk. A link is good for one
opening by the side it was made for; whoever needs another one gets it there, and the one before is dead. Nothing
opens but from shortly before a visit to shortly after it, while the visit is to be.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments import booking, video
from appointments.booking.changing import locked, told
from appointments.models import Appointment, Room, RoomLink, Status
from appointments.refusals import NotPossible
from appointments.rules import Who
from appointments.standing import Actor, acting
from audit import log
from consent import words
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.crypto.digests import joined
from ehr.notices import told_links

BEFORE = timedelta(minutes=15)  # from then on until the start there is a waiting room
AFTER = timedelta(minutes=30)  # how long after its end a visit may still go on
HERE = timedelta(seconds=60)  # who had the page open within this is there
NAME_BYTES = 32
KIND = "video-room"

Side = RoomLink.Side
_SIDES = {Who.PATIENT: Side.PATIENT, Who.CLINICIAN: Side.CLINICIAN}
_TO_BE = frozenset({Status.BOOKED, Status.ARRIVED, Status.IN_PROGRESS})


class Stage(StrEnum):
    """How far a visit by video is, as one of its two sides sees it."""

    NONE = "none"  # no service is set up
    OVER = "over"  # cancelled, moved, done, or its time has passed
    ASKED = "asked"  # the patient has not agreed
    EARLY = "early"
    READY = "ready"  # agreed, and the waiting room is open: the patient is not in it
    WAITING = "waiting"  # the patient is in it
    LET_IN = "let-in"  # this side has a link that was not opened
    OPENED = "opened"  # this side's link was opened


_STOPS = {
    Stage.NONE: gettext_lazy("This server has no service for video. Call the place about this visit."),
    Stage.OVER: gettext_lazy("This visit is over, or is not to be. Its room is closed, and its links are dead."),
    Stage.ASKED: gettext_lazy("The patient has not agreed to talk by video yet. Only they can."),
    Stage.EARLY: gettext_lazy("It is too early. The waiting room opens 15 minutes before the visit."),
    Stage.READY: gettext_lazy("Nobody is in the waiting room yet."),
    Stage.WAITING: gettext_lazy("There is no room yet: whose time it is lets the patient in."),
}


@dataclass(frozen=True)
class Seen:
    """A visit by video as one side's page shows it. `secret` is that side's link while it is good."""

    stage: Stage
    host: str
    opens: datetime
    closes: datetime
    at: datetime
    agreed: bool
    came_at: datetime | None  # when the patient entered the waiting room
    other_seen_at: datetime | None  # when the other side last had this page open
    other_here: bool
    other_opened_at: datetime | None
    late: int  # whole minutes since the visit should have begun
    secret: str


# --- Looking ---------------------------------------------------------------------------------------
def has_one(visit: Appointment) -> bool:
    """Tell whether a visit is by video."""
    return video.is_video(visit.visit_type)


def opens(visit: Appointment) -> datetime:
    """Return when a visit's waiting room opens: shortly before it, but on its own day, on which one may arrive."""
    midnight = visit.starts.astimezone(ZoneInfo(visit.time_zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(visit.starts - BEFORE, midnight)


def is_to_be(visit: Appointment, at: datetime) -> bool:
    """Tell whether a visit is by video and ahead, or under way: for a way to its waiting page."""
    return has_one(visit) and visit.status in _TO_BE and at < visit.ends + AFTER


def seen(appointment: Appointment, *, by: User) -> Seen:
    """Return how a visit by video stands for one side, and note that this side is there while its room may be open.

    Raises NotTheirs for strangers, NotPossible for the desk.
    """
    side = _side(acting(by, patient=appointment.patient, schedule=appointment.schedule))
    at = clock.now()
    room = Room.objects.filter(pk=appointment.pk).first()
    if room is not None and _is_open(appointment, at):
        Room.objects.filter(pk=room.pk).update(**{f"{side}_seen_at": at})
    return _seen(appointment, room, side, at)


def _seen(visit: Appointment, room: Room | None, side: str, at: datetime) -> Seen:
    links = {one.side: one for one in room.links.filter(ended_at=None)} if room else {}
    mine, theirs = links.get(side), links.get(_other(side))
    stage = _stage(visit, room, mine, at)
    other_seen = getattr(room, f"{_other(side)}_seen_at", None)
    came = visit.changes.filter(after=Status.ARRIVED).order_by("-number").values_list("at", flat=True).first()
    service = video.provider()
    return Seen(
        stage=stage,
        host=service.host if service else "",
        opens=opens(visit),
        closes=visit.ends + AFTER,
        at=at,
        agreed=_agreed(room),
        came_at=came if visit.status in {Status.ARRIVED, Status.IN_PROGRESS} else None,
        other_seen_at=other_seen,
        other_here=other_seen is not None and at - other_seen <= HERE,
        other_opened_at=theirs.opened_at if theirs else None,
        late=max(0, (at - visit.starts) // timedelta(minutes=1)),
        secret=token(mine) if mine and stage == Stage.LET_IN else "",
    )


def _stage(visit: Appointment, room: Room | None, mine: RoomLink | None, at: datetime) -> Stage:
    """Return how far it is. The order: the service, the visit, the patient's word, the moment, who is there."""
    if video.provider() is None:
        return Stage.NONE
    if visit.status not in _TO_BE or at >= visit.ends + AFTER:
        return Stage.OVER
    if room is None or not _agreed(room):
        return Stage.ASKED
    if at < opens(visit):
        return Stage.EARLY
    if visit.status == Status.BOOKED:
        return Stage.READY
    if not room.name or mine is None:
        return Stage.WAITING
    return Stage.OPENED if mine.opened_at else Stage.LET_IN


def _is_open(visit: Appointment, at: datetime) -> bool:
    return visit.status in _TO_BE and opens(visit) <= at < visit.ends + AFTER


def _agreed(room: Room | None) -> bool:
    """Tell whether the patient agreed to the service that is set up now: another one is asked about anew."""
    service = video.provider()
    return bool(room and room.agreed_at and service and room.agreed_to == service.host)


def _other(side: str) -> str:
    return Side.CLINICIAN if side == Side.PATIENT else Side.PATIENT


def _side(actor: Actor) -> str:
    if actor.who not in _SIDES:
        raise NotPossible(_("A visit by video is between the patient and whose time it is."), because="not-by-you")
    return _SIDES[actor.who]


# --- The patient's word ----------------------------------------------------------------------------
def agree(appointment: Appointment, *, by: User) -> Room:
    """Agree, as the patient, to talk by video on the service that is set up. Twice is once.

    Raises NotPossible, also for staff: nobody agrees for a patient; NotTheirs.
    """
    actor = _patient(appointment, by)
    with transaction.atomic():
        visit = _held(appointment)
        room, at = _room(visit), clock.now()
        _stop_at(_stage(visit, room, None, at), Stage.NONE, Stage.OVER)
        if _agreed(room):
            return room
        service = video.provider()
        room.agreed_at, room.agreed_to = at, service.host if service else ""
        room.save(update_fields=["agreed_at", "agreed_to"])
        told(visit, "video.agreed", by=actor)
    return room


def take_back(appointment: Appointment, *, by: User) -> None:
    """Agree no longer: there is no room, and links are dead. The visit stays booked. Twice is once."""
    actor = _patient(appointment, by)
    with transaction.atomic():
        visit = _held(appointment)
        room = _room(visit)
        if room.agreed_at is None:
            return
        _close(room, clock.now())
        room.agreed_at, room.agreed_to = None, ""
        room.save(update_fields=["agreed_at", "agreed_to"])
        told(visit, "video.taken-back", by=actor)


def _patient(appointment: Appointment, by: User) -> Actor:
    actor = acting(by, patient=appointment.patient, schedule=appointment.schedule)
    if actor.who != Who.PATIENT:
        raise NotPossible(_("Only the patient can say this."), because="not-by-you")
    return actor


# --- Waiting, and being let in ---------------------------------------------------------------------
def come(appointment: Appointment, *, by: User) -> None:
    """Enter the waiting room, as the patient, once one has agreed. Twice is once. Raises NotPossible, NotTheirs."""
    _patient(appointment, by)
    with transaction.atomic():
        visit = _held(appointment)
        room, at = _room(visit), clock.now()
        stage = _stage(visit, room, None, at)
        _stop_at(stage, Stage.NONE, Stage.OVER, Stage.ASKED, Stage.EARLY)
        Room.objects.filter(pk=room.pk).update(patient_seen_at=at)
        if stage == Stage.READY:
            booking.arrive(visit, by=by)


def let_in(appointment: Appointment, *, by: User, anew: bool = False) -> None:
    """Let in who waits, as whose time it is: a room is made, and a link for each side. Twice is once.

    `anew` leaves a room for another one: all links to the one before are dead. Raises NotPossible, NotTheirs.
    """
    actor = acting(by, patient=appointment.patient, schedule=appointment.schedule)
    if actor.who != Who.CLINICIAN:
        raise NotPossible(_("Only whose time it is lets the patient in."), because="not-by-you")
    with transaction.atomic():
        visit = _held(appointment)
        room, at = _room(visit), clock.now()
        stage = _stage(visit, room, None, at)
        _stop_at(stage, Stage.NONE, Stage.OVER, Stage.ASKED, Stage.EARLY, Stage.READY)
        if room.name and not anew:
            return
        _close(room, at)
        room.name, room.let_in_at = _sealed_name(visit), at
        room.save(update_fields=["name", "let_in_at"])
        RoomLink.objects.bulk_create(RoomLink(room=room, side=side, made_at=at) for side in Side)
        told(visit, "video.let-in", by=actor)
        if visit.status == Status.ARRIVED:
            booking.begin(visit, by=by)


def _sealed_name(visit: Appointment) -> dict[str, str]:
    """Return a new random name for a room, sealed to the two who talk; nobody else, and no table, can read it."""
    people = [visit.patient.user, visit.timetable.clinician.user]
    seals = words.seal_to(people, secrets.token_urlsafe(NAME_BYTES), info=_about(visit))
    if len(seals) < len(people):
        raise NotPossible(
            _("One of you has no keys that a room could be sealed to. Both sign in, then try again."), because="no-keys"
        )
    return {reader: base64.b64encode(seal).decode() for reader, seal in seals.items()}


def _about(visit: Appointment) -> bytes:
    return joined(b"video-room/v1", visit.pk.bytes)


def _close(room: Room, at: datetime) -> None:
    """Forget how a room is called, and end its links."""
    room.links.filter(ended_at=None).update(ended_at=at)
    if room.name:
        room.name = {}
        room.save(update_fields=["name"])


# --- Links -----------------------------------------------------------------------------------------
def token(link: RoomLink) -> str:
    """Return a link's secret. It is made from the deployment's key: a copy of the table makes none."""
    return told_links.token(KIND, link.pk)


def open_link(appointment: Appointment, secret: str, *, by: User, keyring: OpenKeyring | None) -> str:
    """Use one's link, this once, and return the room's address at the service. It is shown, and kept nowhere.

    Raises NotPossible, with a line on the patient's list where the link was used, is dead or another side's; NotTheirs.
    """
    actor = acting(by, patient=appointment.patient, schedule=appointment.schedule)
    side = _side(actor)
    try:
        with transaction.atomic():
            return _open(_held(appointment), secret, side, actor, keyring)
    except NotPossible as problem:
        log.record(
            "video.refused",
            actor=actor.party,
            subject=appointment.patient_id,
            outcome="refused",
            because=problem.because,
        )
        raise


def _open(visit: Appointment, secret: str, side: str, actor: Actor, keyring: OpenKeyring | None) -> str:
    room, at = _room(visit), clock.now()
    link = room.links.filter(side=side, ended_at=None).first()
    stage = _stage(visit, room, link, at)
    _stop_at(stage, *_STOPS)
    if link is None or not hmac.compare_digest(token(link).encode(), secret.encode()):
        raise NotPossible(_("This link is dead: another one took its place. Use the newest one."), because="dead")
    if stage == Stage.OPENED:
        raise NotPossible(_("This link was used already. Have a new one made, and use that."), because="used")
    seals = {reader: base64.b64decode(seal) for reader, seal in room.name.items()}
    name, service = words.read(seals, keyring, info=_about(visit)), video.provider()
    if name is None or service is None:
        raise NotPossible(
            _("Your keys do not open this room. Whose time it is can take another room, for the keys you have now."),
            because="other-keys",
        )
    link.opened_at = at
    link.save(update_fields=["opened_at"])
    told(visit, "video.opened", by=actor)
    return service.address(name)


def renew_link(appointment: Appointment, *, by: User) -> None:
    """Have another link made for one's own side, while the visit lasts: the one before is dead from now on."""
    actor = acting(by, patient=appointment.patient, schedule=appointment.schedule)
    side = _side(actor)
    with transaction.atomic():
        visit = _held(appointment)
        room, at = _room(visit), clock.now()
        link = room.links.filter(side=side, ended_at=None).first()
        stage = _stage(visit, room, link, at)
        _stop_at(stage, *_STOPS)
        if stage == Stage.LET_IN:  # it was not used yet: there is nothing to renew
            return
        room.links.filter(side=side, ended_at=None).update(ended_at=at)
        RoomLink.objects.create(room=room, side=side, made_at=at)
        told(visit, "video.link-renewed", by=actor)


# --- What all of them do ---------------------------------------------------------------------------
def _held(appointment: Appointment) -> Appointment:
    """Hold the rows, and return the visit as it is now. Raises NotPossible for one that is not by video."""
    visit = locked(appointment)
    if not video.is_video(visit.visit_type):
        raise NotPossible(_("This visit is not by video."), because="no-video")
    return visit


def _room(visit: Appointment) -> Room:
    return Room.objects.get_or_create(appointment=visit)[0]


def _stop_at(stage: Stage, *stops: Stage) -> None:
    if stage in stops:
        raise NotPossible(_STOPS[stage], because=stage)


def forget_what_is_over() -> int:
    """Forget how rooms are called whose visit is over or not to be, and end their links; return how many."""
    at, count = clock.now(), 0
    over = ~Q(appointment__status__in=_TO_BE) | Q(appointment__ends__lte=at - AFTER)
    for room in Room.objects.filter(over).exclude(name={}).select_related("appointment"):
        with transaction.atomic():
            visit = locked(room.appointment)
            if not _is_open(visit, at):
                _close(Room.objects.get(pk=room.pk), at)
                count += 1
    return count
