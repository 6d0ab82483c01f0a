"""What may become of a visit, written from the words that people are told, not from the table.

A second opinion: `tests/appointments/test_states.py` compares it with `appointments.rules` for every pair of states,
everybody and every moment that makes a difference. It knows no names of the product.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Asked:
    """Somebody who wants to change what a visit is, and the moment."""

    before: str
    who: str
    at: datetime
    starts: datetime
    ends: datetime
    zone: str
    video: bool

    @property
    def staff(self) -> bool:
        return self.who in {"front-desk", "clinician"}

    @property
    def ahead(self) -> bool:
        return self.at < self.starts

    @property
    def on_the_day(self) -> bool:
        first, today, last = (
            moment.astimezone(ZoneInfo(self.zone)).date() for moment in (self.starts, self.at, self.ends)
        )
        return first <= today <= last


def booked(one: Asked) -> bool:
    """A visit is booked before it would begin, by the patient or the desk; so is agreed to what was proposed. From the
    waiting list nobody but the patient comes."""
    who = {"waitlist": {"patient"}, "": {"patient", "front-desk"}, "proposed": {"patient", "front-desk"}}
    return one.who in who.get(one.before, set()) and one.ahead


def proposed(one: Asked) -> bool:
    """Times are proposed by the place, before they begin."""
    return one.before == "" and one.staff and one.ahead


def arrived(one: Asked) -> bool:
    """Somebody arrives for what is booked, on its day. Staff see it; by video the patient is seen to enter."""
    return one.before == "booked" and one.on_the_day and (one.staff or one.video)


def begun(one: Asked) -> bool:
    """A visit begins on its day: staff say so of who arrived, and the clinician of anybody they see."""
    who = {"arrived": one.staff, "booked": one.who == "clinician"}
    return one.on_the_day and who.get(one.before, False)


def fulfilled(one: Asked) -> bool:
    """It took place when somebody had come."""
    return one.before in {"arrived", "in-progress"} and one.staff


def missed(one: Asked) -> bool:
    """Nobody came: staff may say so of a booked visit, from a quarter of an hour after it should have begun."""
    return one.before == "booked" and one.staff and one.at - one.starts >= timedelta(minutes=15)


def cancelled(one: Asked) -> bool:
    """Called off is a proposal by anybody, a booked visit by staff, and by the patient before it begins, and, by staff,
    the visit of who came and went again."""
    who = {"proposed": True, "booked": one.staff or one.ahead, "arrived": one.staff}
    return who.get(one.before, False)


def mistaken(one: Asked) -> bool:
    """Staff may say of any visit there is that it was entered by mistake; of a mistake there is nothing more to say."""
    return one.staff and one.before not in {"", "waitlist", "entered-in-error"}


SAID = {
    "booked": booked,
    "proposed": proposed,
    "arrived": arrived,
    "in-progress": begun,
    "fulfilled": fulfilled,
    "noshow": missed,
    "cancelled": cancelled,
    "entered-in-error": mistaken,
}


def may(after: str, one: Asked) -> bool:
    """Say whether somebody may make a visit this now."""
    return after in SAID and SAID[after](one)
