"""The log as a story: who, where, what and why, in a person's words. Pure: lines in, words out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import apnumber
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.queries import Line
from consent import sentences
from ehr.portals.patient.acts import AUTOMATIC, CAUSED, FOUND, IN_YOUR_NAME, THEIRS, YOURS, YOURS_REFUSED
from ehr.words import Category, Purpose
from providers.roles import Role

EMERGENCIES = frozenset({Purpose.BTG, Purpose.ETREAT})

# Where a name or a time was seen and nothing opened: told once where it happened several times in a row.
PASSING = frozenset({"appointment.read-for", "chart.listed", "patient.named"})
LOOKS = frozenset(
    {
        "chart.opened",
        "chart.opened-elsewhere",
        "entry.opened",
        "attachment.opened",
        "record.opened-for",
        "record.searched",
        "record.exported",
        "health-link.opened",
    }
)
DELEGATE = "delegate"  # the role of somebody who acts for the patient, as the log writes it
# What a member of a team does with what the team was given.
FOR_A_TEAM = LOOKS | {"patient.named", "entry.added", "entry.changed", "entry.removed"}


@dataclass(frozen=True)
class Told:
    """One line of the log as a person reads it. `tag` is a word; `look` says which colour goes with it."""

    event_id: UUID
    number: int | None
    at: datetime
    who: str
    place: str
    words: str
    tag: str
    look: str
    quote: str
    askable: bool
    folded: bool
    passing: bool = False  # nothing was opened
    times: int = 1  # as often as this happened in a row
    clinician: UUID | None = None  # who did it, where that is somebody who can be kept out by name


@dataclass
class OneDay:
    """The lines of one day in the reader's zone: what people did, and apart what the patient or a machine did."""

    on: date
    people: list[Told] = field(default_factory=list)
    folded: list[Told] = field(default_factory=list)

    @property
    def folded_words(self) -> str:
        return ngettext(
            "%(number)s line of your own, or written automatically",
            "%(number)s lines of your own, or written automatically",
            len(self.folded),
        ) % {"number": len(self.folded)}


def tell(
    line: Line,
    *,
    me: UUID,
    allowed_on: Mapping[UUID, datetime] | None = None,
    open_words: Callable[[Line], str] | None = None,
) -> Told:
    """Return a line in words for the patient who is user `me`.

    `allowed_on` says when each grant was made; `open_words` opens the free words that are sealed to the patient.
    """
    if line.actor is None:
        return _erased(line)
    mine = line.actor.id == me
    system = line.actor.kind == "system"
    tag, look = ("", "") if mine else _tag(line, system)
    return Told(
        event_id=line.event_id,
        number=line.number,
        at=line.time,
        who=_("You") if mine else line.actor.name,
        place="" if mine or system else line.actor.place,
        words=_words(line, mine, system, allowed_on or {}),
        tag=tag,
        look=look,
        quote=open_words(line) if open_words and line.sealed and not mine else "",
        askable=not mine and not system,
        folded=mine or system,
        passing=not mine and line.action in PASSING,
        clinician=line.actor.id if not mine and not system and line.actor.role in set(Role) else None,
    )


def _erased(line: Line) -> Told:
    """Return what can still be said of a line whose words were erased by law: that it was there."""
    words = _("The words of this line were erased. That it was here can still be proven.")
    return Told(line.event_id, line.number, line.time, _("Erased"), "", words, _("Erased"), "plain", "", False, True)


def _tag(line: Line, system: bool) -> tuple[str, str]:
    if line.outcome == "refused":
        return _("Refused"), "stop"
    if line.purpose in EMERGENCIES:
        return _("Emergency"), "warn"
    if system:
        return _("Automatic"), "plain"
    if line.actor.role == DELEGATE:
        return _("Acting for you"), ""
    return (_("Allowed by you"), "") if line.grant else ("", "")


def _parts(line: Line) -> str:
    if not line.categories or set(line.categories) >= set(Category):
        return _("whole record")
    return sentences.parts(line.categories)


def _phrase(line: Line, mine: bool, system: bool) -> object | None:
    """Return the phrase for a line, as its actor stands to the reader; None for an act nobody has put into words."""
    if mine and line.outcome == "refused" and line.action in YOURS_REFUSED:
        return YOURS_REFUSED[line.action]
    if (line.action, line.because) in FOUND:
        return FOUND[line.action, line.because]
    if (system or mine) and (line.action, line.because) in CAUSED:
        return CAUSED[line.action, line.because]
    if line.actor.role == DELEGATE and line.because != "parent" and line.action in IN_YOUR_NAME:
        return IN_YOUR_NAME[line.action]
    phrases = YOURS if mine else (AUTOMATIC if system else THEIRS)
    return phrases.get(line.action) or THEIRS.get(line.action)


def _words(line: Line, mine: bool, system: bool, allowed_on: Mapping[UUID, datetime]) -> str:
    phrase = _phrase(line, mine, system)
    if phrase is None:
        return _("Something was noted about your record that this page has no words for. Ask what it was.")
    reader = line.details.get("reader_name") or _("somebody")
    team = line.details.get("team_name", "")
    words = str(phrase) % {"parts": _parts(line), "reader": reader, "team": team or _("a care team")}
    if team and line.action in FOR_A_TEAM:
        words += " " + _("They did so for the care team %(team)s.") % {"team": team}
    program = line.details.get("via", "")
    if program and program != line.actor.name:
        words += " " + _("It was done with %(program)s.") % {"program": program}
    made = allowed_on.get(line.grant) if line.grant and line.action in LOOKS else None
    if made:
        words += " " + _("You allowed this on %(day)s.") % {"day": date_format(timezone.localtime(made), "j F Y")}
    return words


def by_day(told: Iterable[Told]) -> list[OneDay]:
    """Return the lines by day in the reader's zone, in the order they came."""
    days: list[OneDay] = []
    for one in told:
        on = timezone.localtime(one.at).date()
        if not days or days[-1].on != on:
            days.append(OneDay(on))
        lines = days[-1].folded if one.folded else days[-1].people
        if lines and one.passing and _same(lines[-1], one):
            lines[-1] = replace(lines[-1], times=lines[-1].times + 1)
        else:
            lines.append(one)
    return days


def _same(one: Told, other: Told) -> bool:
    return (one.who, one.place, one.words, one.tag) == (other.who, other.place, other.words, other.tag)


@dataclass(frozen=True)
class Looks:
    """How many people looked in a while, how many of them in an emergency, how many tries were refused, and how many
    apps looked that the patient uses."""

    people: int
    emergencies: int
    refused: int
    apps: int = 0


def looks(lines: Iterable[Line], *, me: UUID, since: datetime) -> Looks:
    """Count who else opened the record since a moment."""
    recent = [line for line in lines if line.time >= since and line.actor is not None]
    theirs = [line for line in recent if line.actor.id != me and line.actor.kind != "system"]
    opened = [line for line in theirs if line.action in LOOKS and line.outcome != "refused"]
    return Looks(
        people=len({line.actor.id for line in opened if line.actor.kind != "app"}),
        emergencies=len({line.actor.id for line in opened if line.purpose in EMERGENCIES}),
        refused=sum(line.outcome == "refused" for line in theirs),
        apps=len({line.actor.id for line in opened if line.actor.kind == "app"}),
    )


def answer(counted: Looks, days: int) -> str:
    """Return the answer to "who looked?" in one or two sentences."""
    if not counted.people:
        words = _("Nobody else opened your record in the last %(days)s days.") % {"days": days}
    else:
        words = ngettext(
            "One person opened your record in the last %(days)s days.",
            "%(people)s people opened your record in the last %(days)s days.",
            counted.people,
        ) % {"people": capfirst(apnumber(counted.people)), "days": days}
    if counted.emergencies:
        words += " " + ngettext(
            "One did so in an emergency, without asking you first.",
            "%(number)s did so in an emergency, without asking you first.",
            counted.emergencies,
        ) % {"number": capfirst(apnumber(counted.emergencies))}
    words += _by_apps(counted)
    if counted.refused:
        words += " " + ngettext("One try was refused.", "%(number)s tries were refused.", counted.refused) % {
            "number": capfirst(apnumber(counted.refused))
        }
    return words


def _by_apps(counted: Looks) -> str:
    """Return how many apps did what the sentence before is about, as a sentence after it; nothing for none."""
    if not counted.apps:
        return ""
    number = {"number": capfirst(apnumber(counted.apps))}
    return " " + ngettext("One app that you use did.", "%(number)s apps that you use did.", counted.apps) % number


def week_answer(counted: Looks) -> str:
    """Return the line for the home page."""
    words = _("Nobody else looked at your record this week.")
    if counted.people:
        words = ngettext(
            "One person looked at your record this week.",
            "%(people)s people looked at your record this week.",
            counted.people,
        ) % {"people": capfirst(apnumber(counted.people))}
    return words + _by_apps(counted)


WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
