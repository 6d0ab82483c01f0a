"""Who may see what, written down from the words of the design's §4 and of the journeys, not from `consent.rules`.

Everything here is in words: a moment is "just over", an entry "first day". Nothing is compared, nothing computed from
dates; which words mean yes stands in tables typed by hand. Each sentence says when it speaks against an access; an
access against which no sentence speaks is allowed. `tests/consent/worlds.py` turns the words into facts.
"""

from collections.abc import Callable
from typing import NamedTuple

# --- The words ------------------------------------------------------------------------------------
ROLES = (
    "primary-physician",
    "specialist",
    "emergency",
    "nurse",
    "pharmacist",
    "researcher",
    "administrator",
    "front-desk",
    "privacy-officer",
    "credential-verifier",
)
WITHOUT_CLINICAL_TEXT = {"administrator", "front-desk", "privacy-officer", "credential-verifier", "researcher"}
PHYSICIANS = {"primary-physician", "specialist"}

# Half-open: from its first moment on, until just before its end. An ending counts whatever a clock says.
MOMENTS = {
    "during": "holds",
    "to the end of next month": "holds",
    "first moment": "holds",
    "last moment": "holds",
    "long before": "not-yet",
    "just before": "not-yet",
    "just over": "over",
    "long over": "over",
    "over before it began": "over",
    "will be over before it begins": "over",
    "begins and is over at once": "over",
    "stopped just now": "stopped",
    "stopped long ago": "stopped",
    "stopped by a faster clock": "stopped",
    "stopped before it began": "stopped",
    "stopped and over": "stopped",
}
EMERGENCY_HOLDS = {"open", "first moment", "last moment"}
EMERGENCIES = ("none", *sorted(EMERGENCY_HOLDS), "not begun", "just over", "long over", "ended early")

# What a grant opens of a part, and which entries are in it: (those it names or not, the day of what they record).
DAYS = ("before", "first day", "mid", "last day", "after", "undated")
_FROM_FIRST = {"first day", "mid", "last day", "after"}
_TO_LAST = {"before", "first day", "mid", "last day"}
_BETWEEN = {"first day", "mid", "last day"}
_ANY_DAY = set(DAYS)
EXTENTS = {
    "whole": ({True, False}, _ANY_DAY),
    "since": ({True, False}, _FROM_FIRST),
    "since lately": ({True, False}, {"last day", "after"}),
    "until": ({True, False}, _TO_LAST),
    "between": ({True, False}, _BETWEEN),
    "one day": ({True, False}, {"mid"}),
    "chosen": ({True}, _ANY_DAY),
    "chosen between": ({True}, _BETWEEN),
}
NAMES_ENTRIES = {"chosen", "chosen between"}
# A fixed set of entries is a bundle: it opens those, and never the part.
OPENS_THE_PART = {"whole", "since", "since lately"}
# The widest is named: who needs no first day before who does, an earlier one before a later; then whole parts before
# a fixed set; then the longest.
WIDEST_FIRST = (
    ("whole",),
    ("until", "chosen"),
    ("since",),
    ("between", "chosen between"),
    ("one day",),
    ("since lately",),
)
LONGEST_FIRST = ("to the end of next month", "first moment", "during", "last moment")

PLACES = {"here": {"here"}, "abroad": {"abroad"}, "here or abroad": {"here", "abroad"}}
CLINICAL_PURPOSES = ("TREAT", "HPAYMT", "HOPERAT", "HRESCH", "PATRQT")
EMERGENCY_PURPOSES = ("ETREAT", "BTG")
LAWS = ("nothing prevails", "blocks prevail", "opt-outs prevail", "both prevail")
_BLOCKS_PREVAIL = {"blocks prevail", "both prevail"}
_OPT_OUTS_PREVAIL = {"opt-outs prevail", "both prevail"}


class Subject(NamedTuple):
    """One entry: whether it is among those that grants name, and the day of what it records."""

    named: bool
    day: str


class Given(NamedTuple):
    """One grant, in words. `parts` and `actions` are what it names; `via` says to whom it was given."""

    parts: tuple[str, ...] = ("labs",)
    actions: tuple[str, ...] = ("read",)
    purpose: str = "TREAT"
    time: str = "during"
    extent: str = "whole"
    places: str = "everywhere"
    via: str = "person"


class Cell(NamedTuple):
    """One question, with all that matters to it. `subject` is None where it is about a part, or something new."""

    role: str = "primary-physician"
    account: str = "active"
    licence: str = "valid"
    restricted: bool = False
    category: str = "labs"
    action: str = "read"
    purpose: str = "TREAT"
    subject: Subject | None = None
    place: str = "here"
    assigned: bool = False
    blocked: bool = False
    emergency: str = "none"
    opted_out: str = "nothing"
    law: str = "nothing prevails"
    grants: tuple[Given, ...] = (Given(),)


class Answer(NamedTuple):
    """Allowed or not, the log's word for why, and which of the cell's grants is named, counted from 0."""

    allowed: bool
    because: str
    grant: int | None = None
    emergency: bool = False


class Sentence(NamedTuple):
    """Words of the design, the log's word for them, and when they speak against an access."""

    says: str
    because: str
    against: Callable[[Cell], bool]


# --- What is said of one grant --------------------------------------------------------------------
def _outside(given: Given, cell: Cell) -> bool:
    if cell.subject is None:
        return cell.action == "read" and given.extent not in OPENS_THE_PART
    named, days = EXTENTS[given.extent]
    return cell.subject.named not in named or cell.subject.day not in days


GRANT_SENTENCES: tuple[tuple[str, str, Callable[[Given, Cell], bool]], ...] = (
    ("covers the category", "not-in-grant", lambda given, cell: cell.category not in given.parts),
    ("covers the action; writing never implies reading", "not-in-grant", lambda g, cell: cell.action not in g.actions),
    ("covers the purpose", "not-in-grant", lambda given, cell: cell.purpose != given.purpose),
    ("covers the entry, and an undated one only without dates", "not-in-grant", _outside),
    (
        "a pharmacist is let in to single prescriptions",
        "not-in-grant",
        lambda given, cell: cell.role == "pharmacist" and given.extent not in NAMES_ENTRIES,
    ),
    ("not ended", "stopped", lambda given, _cell: MOMENTS[given.time] == "stopped"),
    ("has begun", "not-yet", lambda given, _cell: MOMENTS[given.time] == "not-yet"),
    ("is not over", "over", lambda given, _cell: MOMENTS[given.time] == "over"),
    (
        "unknown is refused when places are named, and said so",
        "place-unknown",
        lambda given, cell: given.places != "everywhere" and cell.place == "unknown",
    ),
    (
        "the place is one of those named",
        "place",
        lambda given, cell: given.places != "everywhere" and cell.place not in PLACES[given.places],
    ),
    (
        "by a team, nurses reach only assigned patients",
        "not-assigned",
        lambda given, cell: given.via == "team" and cell.role == "nurse" and not cell.assigned,
    ),
)
# Of several grants that do not allow, the one that came nearest says why.
NEAREST_FIRST = ("not-assigned", "place-unknown", "place", "not-yet", "stopped", "over", "not-in-grant")


def _against(given: Given, cell: Cell) -> list[str]:
    return [because for _says, because, against in GRANT_SENTENCES if against(given, cell)]


def _allowing(cell: Cell) -> list[int]:
    return [number for number, given in enumerate(cell.grants) if not _against(given, cell)]


def _nearest(cell: Cell) -> str:
    told = {_against(given, cell)[0] for given in cell.grants}
    return next((because for because in NEAREST_FIRST if because in told), "no-grant")


def _widest(cell: Cell, allowing: list[int]) -> int:
    """Take away all but the widest, then all but the longest; of equals the highest id, whatever their order."""
    for extents in WIDEST_FIRST:
        if found := [number for number in allowing if cell.grants[number].extent in extents]:
            allowing = found
            break
    for time in LONGEST_FIRST:
        if found := [number for number in allowing if cell.grants[number].time == time]:
            return found[-1]
    raise AssertionError("a grant allows at a moment that is not listed as one that holds")


# --- What is said of the rest ---------------------------------------------------------------------
def _urgent(cell: Cell) -> bool:
    """An emergency was opened, and this is what it is for: reading, in its name. Then it answers, and no grant."""
    return cell.emergency != "none" and cell.purpose in EMERGENCY_PURPOSES and cell.action == "read"


SENTENCES: tuple[Sentence, ...] = (
    Sentence("account active now", "account-suspended", lambda cell: cell.account == "suspended"),
    Sentence("account active now", "account-inactive", lambda cell: cell.account == "inactive"),
    Sentence("credential valid now", "credential-expired", lambda cell: cell.licence == "expired"),
    Sentence("institution's agreement", "no-standing", lambda cell: cell.licence == "unconfirmed"),
    Sentence("researcher: no identified data", "role-without-clinical-text", lambda cell: cell.role == "researcher"),
    Sentence(
        "administrator and front desk: no clinical text",
        "role-without-clinical-text",
        lambda cell: cell.role in WITHOUT_CLINICAL_TEXT and cell.category != "basic",
    ),
    Sentence("restriction, before break-glass", "restricted", lambda cell: cell.restricted),
    Sentence("an access has a purpose", "no-purpose", lambda cell: cell.purpose == ""),
    Sentence(
        "J4: only emergency personnel and physicians",
        "role-without-emergency",
        lambda cell: _urgent(cell) and cell.role not in PHYSICIANS | {"emergency"},
    ),
    Sentence(
        "four hours, unless ended earlier; a new reason to repeat",
        "emergency-over",
        lambda cell: _urgent(cell) and cell.emergency not in EMERGENCY_HOLDS,
    ),
    Sentence(
        "blocks prevail over break-glass only where the configured law says so",
        "blocked",
        lambda cell: _urgent(cell) and cell.blocked and cell.law in _BLOCKS_PREVAIL,
    ),
    Sentence(
        "so do opt-outs",
        "barred-in-emergency",
        lambda cell: _urgent(cell) and cell.opted_out == cell.category and cell.law in _OPT_OUTS_PREVAIL,
    ),
    Sentence("block by name beats every grant and team", "blocked", lambda cell: not _urgent(cell) and cell.blocked),
)


def reasons(cell: Cell) -> list[str]:
    """Return all that speaks against, in the order of the design; nothing at all where access is allowed."""
    told = [sentence.because for sentence in SENTENCES if sentence.against(cell)]
    if not _urgent(cell) and not _allowing(cell):
        told.append(_nearest(cell))
    return told


def answer(cell: Cell) -> Answer:
    """Return what the words say about one cell."""
    told = reasons(cell)
    if told:
        return Answer(False, told[0])
    if _urgent(cell):
        return Answer(True, "emergency", emergency=True)
    return Answer(True, "grant", _widest(cell, _allowing(cell)))
