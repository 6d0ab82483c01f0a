"""What may become of a visit: from which state to which, by whom, and when. Pure: facts in, a machine word out.

The table is the whole of the rule. What is not in it does not happen; undoing is beside it, for it only goes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from appointments.models import Status

HOLD = timedelta(minutes=10)
OFFER = timedelta(minutes=30)
GRACE = timedelta(minutes=15)  # from a visit's start until staff may say that nobody came
UNDO = timedelta(hours=24)
PROPOSAL = timedelta(hours=72)  # how long a time that a clinic proposed is kept without an answer
DISPUTE = timedelta(days=30)  # how long a patient may say that they were there

# Whose minutes are gone: every visit that was not called off.
FREED = frozenset({Status.CANCELLED, Status.MISTAKE})
# What still lies ahead, or is under way.
LIVE = frozenset({Status.PROPOSED, Status.BOOKED, Status.ARRIVED, Status.IN_PROGRESS})
AHEAD = frozenset({Status.PROPOSED, Status.BOOKED})


class Who(StrEnum):
    """As what somebody acts on a visit. A clinician is the one whose time it is; the desk is that of the place."""

    PATIENT = "patient"
    DESK = "front-desk"
    CLINICIAN = "clinician"


STAFF = frozenset({Who.DESK, Who.CLINICIAN})
EVERYBODY = frozenset(Who)


class When(StrEnum):
    """The moments at which a change may be made. Days are those of the place."""

    ANY = "any"
    BEFORE_START = "before-start"
    ON_THE_DAY = "on-the-day"
    AFTER_GRACE = "after-grace"


@dataclass(frozen=True, slots=True)
class Facts:
    """A visit as the rule needs it."""

    status: str
    starts: datetime
    ends: datetime
    time_zone: str
    video: bool = False


_P, _D, _C = Who.PATIENT, Who.DESK, Who.CLINICIAN
_STAFF_ON_THE_DAY = {_D: When.ON_THE_DAY, _C: When.ON_THE_DAY}
_STAFF_ANY = {_D: When.ANY, _C: When.ANY}

# (from, to) → who may, and when. "" is a visit that is not there yet.
TABLE: Mapping[tuple[str, str], Mapping[Who, When]] = {
    ("", Status.PROPOSED): {_D: When.BEFORE_START, _C: When.BEFORE_START},
    ("", Status.BOOKED): {_P: When.BEFORE_START, _D: When.BEFORE_START},
    (Status.WAITLIST, Status.BOOKED): {_P: When.BEFORE_START},
    (Status.PROPOSED, Status.BOOKED): {_P: When.BEFORE_START, _D: When.BEFORE_START},
    (Status.PROPOSED, Status.CANCELLED): {_P: When.ANY, **_STAFF_ANY},
    # Once it has begun, not to have come is not to have cancelled.
    (Status.BOOKED, Status.CANCELLED): {_P: When.BEFORE_START, **_STAFF_ANY},
    # Who enters a video visit has arrived; at a place somebody there says so.
    (Status.BOOKED, Status.ARRIVED): {_P: When.ON_THE_DAY, **_STAFF_ON_THE_DAY},
    (Status.BOOKED, Status.IN_PROGRESS): {_C: When.ON_THE_DAY},
    (Status.BOOKED, Status.NO_SHOW): {_D: When.AFTER_GRACE, _C: When.AFTER_GRACE},
    (Status.ARRIVED, Status.IN_PROGRESS): _STAFF_ON_THE_DAY,
    (Status.ARRIVED, Status.FULFILLED): _STAFF_ANY,
    (Status.ARRIVED, Status.CANCELLED): _STAFF_ANY,
    (Status.IN_PROGRESS, Status.FULFILLED): _STAFF_ANY,
    **{
        (before, Status.MISTAKE): _STAFF_ANY
        for before in (
            Status.PROPOSED,
            Status.BOOKED,
            Status.ARRIVED,
            Status.IN_PROGRESS,
            Status.FULFILLED,
            Status.CANCELLED,
            Status.NO_SHOW,
        )
    },
}
# What can be taken back within 24 hours. Agreeing is taken back by cancelling.
UNDOABLE = frozenset(
    {Status.ARRIVED, Status.IN_PROGRESS, Status.FULFILLED, Status.CANCELLED, Status.NO_SHOW, Status.MISTAKE}
)
# Cancellations that are part of something else, which stays.
NEVER_UNDONE = frozenset({"moved", "lapsed"})


def why_not(visit: Facts, *, to: str, who: Who, at: datetime) -> str:
    """Return the machine word of why this change may not be made by this person now; empty where it may.

    The order: the state, the person, the moment.
    """
    allowed = TABLE.get((visit.status, to))
    if allowed is None:
        return "not-from-here"
    if who not in allowed:
        return "not-by-you"
    if to == Status.ARRIVED and who == Who.PATIENT and not visit.video:
        return "not-by-you"
    return _too_soon_or_late(allowed[who], visit, at)


def _too_soon_or_late(when: When, visit: Facts, at: datetime) -> str:
    if when == When.BEFORE_START and at >= visit.starts:
        return "begun"
    if when == When.ON_THE_DAY and not is_on_the_day(visit, at):
        return "not-today"
    if when == When.AFTER_GRACE and at < visit.starts + GRACE:
        return "not-yet-missed"
    return ""


def lapsed_before(at: datetime) -> datetime:
    """Return the moment before which, or at which, was proposed what has lapsed by now."""
    return at - PROPOSAL


def is_lapsed(proposed_at: datetime, at: datetime) -> bool:
    """Tell whether a time that was proposed is kept no longer."""
    return proposed_at <= lapsed_before(at)


def is_on_the_day(visit: Facts, at: datetime) -> bool:
    """Tell whether it is a day, at the place, on which the visit is: one across midnight has two."""
    zone = ZoneInfo(visit.time_zone)
    return visit.starts.astimezone(zone).date() <= at.astimezone(zone).date() <= visit.ends.astimezone(zone).date()


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """A change that somebody wants to take back."""

    after: str
    because: str
    at: datetime
    by_asker: bool  # whether it was made by who asks
    is_latest: bool
    undoes: bool  # whether it is itself the taking back of another
    undone: bool


def why_not_undone(change: ChangeFacts, *, who: Who, at: datetime) -> str:
    """Return the machine word of why a change cannot be taken back by this person now; empty where it can.

    Patients take back what they did themselves; staff what anybody did. A taking back is not taken back again.
    """
    if change.undone:
        return "undone-already"
    if change.undoes or change.after not in UNDOABLE or change.because in NEVER_UNDONE:
        return "not-undone"
    if who not in STAFF and not change.by_asker:
        return "not-by-you"
    if not change.is_latest:
        return "changed-since"
    return "too-late-to-undo" if at >= change.at + UNDO else ""
