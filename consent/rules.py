"""Who may see what, when, where and what for. Pure: facts in, a decision out, nothing looked up."""

from collections.abc import Container, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from ehr.words import Action, Category, Purpose

EMERGENCY_PURPOSES = frozenset({Purpose.BTG, Purpose.ETREAT})
_WITHOUT_CLINICAL_TEXT = frozenset({Category.BASIC})


class ReaderFacts(NamedTuple):
    """What is known of the reader at this moment. `because` is the machine word of why standing is lost."""

    active: bool
    in_good_standing: bool
    because: str = ""
    sees_clinical_text: bool = True
    # By role: a researcher is shown nothing that says whom it is about; breaking the glass takes a role for it at each
    # use, for roles are lost within four hours, too; a pharmacist is let in to chosen entries only, a nurse by a team
    # to assigned patients only.
    sees_people: bool = True
    may_break_glass: bool = False
    only_chosen_entries: bool = False
    needs_assignment: bool = False


class EntryFacts(NamedTuple):
    """One entry: its FHIR id, and the day of what it records where that is known."""

    id: str
    recorded: date | None = None


class GrantFacts(NamedTuple):
    """One grant as the decision needs it. `ends` is the earliest of its own end, its report's days and its parent's."""

    id: UUID
    categories: frozenset[str]
    actions: frozenset[str]
    purpose: str
    starts: datetime
    ends: datetime
    ended_at: datetime | None = None
    entries: frozenset[str] = frozenset()
    record_from: date | None = None
    record_until: date | None = None
    places: frozenset[str] = frozenset()
    by_team: bool = False

    @property
    def bundle(self) -> bool:
        """True where it opens a fixed set of entries only."""
        return bool(self.entries) or self.record_until is not None

    @property
    def sample(self) -> EntryFacts:
        """An entry that it names, for asking whether it opens anything at all."""
        return EntryFacts(min(self.entries, default=""), self.record_until or self.record_from)


class EmergencyFacts(NamedTuple):
    """An open emergency of this reader with this patient, in this session."""

    id: UUID
    starts: datetime
    ends: datetime
    ended: bool = False
    opted_out: frozenset[str] = frozenset()


class Law(NamedTuple):
    """What the law of the place lets a patient prevent even in an emergency."""

    blocks_prevail: bool = False
    opt_outs_prevail: bool = False


class Situation(NamedTuple):
    """All that is not about the reader's standing or a grant: where they are, and what the patient has refused."""

    place: str = ""  # ISO country code; empty when unknown
    blocked: bool = False
    restricted: bool = False  # the record is held still: nobody but its patient opens it
    assigned: bool = False
    emergency: EmergencyFacts | None = None
    law: Law = Law()


ORDINARY = Situation()


class Decision(NamedTuple):
    """The answer: `because` is one machine word for the log, `grant` the permission that allows it."""

    allowed: bool
    because: str
    grant: UUID | None = None
    emergency: UUID | None = None


def decide(
    *,
    reader: ReaderFacts,
    grants: Iterable[GrantFacts],
    category: Category,
    action: Action,
    purpose: Purpose,
    at: datetime,
    entry: EntryFacts | None = None,
    situation: Situation = ORDINARY,
) -> Decision:
    """Decide on one category, or one entry in it, for one action, one purpose, at one moment.

    The order is the one of the design: account and credential; role and restriction; an emergency; a block; then a
    grant that covers everything at once. Of several that do, the widest and longest is named. Without an entry the
    question is about the whole part for reading, and about something new for writing.
    """
    refused = _about_reader(reader, category, purpose, situation)
    if refused:
        return Decision(False, refused)
    urgent = _by_emergency(reader, category, action, purpose, at, situation)
    if urgent is not None:
        return urgent
    if situation.blocked:
        return Decision(False, "blocked")
    return _by_grant(reader, list(grants), category, action, purpose, at, entry, situation)


def decide_each(
    *,
    reader: ReaderFacts,
    grants: Iterable[GrantFacts],
    parts: Iterable[Category],
    action: Action,
    purpose: Purpose,
    at: datetime,
    entry: EntryFacts | None = None,
    situation: Situation = ORDINARY,
) -> dict[Category, Decision]:
    """Return for each part what `decide` says of it.

    Three things tell two parts apart: whether the reader's role is shown them, whether the patient bars them in an
    emergency, and which grants name them. Parts that are alike in these, mostly all six, are decided on once. A rule
    that tells parts apart by anything else has to be named here, too.
    """
    known = list(grants)
    told_by: list[Container[str]] = [grant.categories for grant in known]
    if not reader.sees_clinical_text:
        told_by.append(_WITHOUT_CLINICAL_TEXT)
    if situation.emergency is not None:
        told_by.append(situation.emergency.opted_out)
    decisions: dict[Category, Decision] = {}
    alike: dict[tuple[bool, ...], Decision] = {}
    for part in parts:
        like = tuple([part in told for told in told_by])
        decided = alike.get(like)
        if decided is None:
            decided = alike[like] = decide(
                reader=reader,
                grants=known,
                category=part,
                action=action,
                purpose=purpose,
                at=at,
                entry=entry,
                situation=situation,
            )
        decisions[part] = decided
    return decisions


def _about_reader(reader: ReaderFacts, category: str, purpose: str, situation: Situation) -> str:
    if not reader.active:
        return reader.because or "account-inactive"
    if not reader.in_good_standing:
        return reader.because or "no-standing"
    if not reader.sees_people or (not reader.sees_clinical_text and category not in _WITHOUT_CLINICAL_TEXT):
        return "role-without-clinical-text"
    if situation.restricted:
        return "restricted"
    # No default: an access without a purpose is refused.
    return "" if purpose else "no-purpose"


def _by_emergency(
    reader: ReaderFacts, category: str, action: str, purpose: str, at: datetime, situation: Situation
) -> Decision | None:
    """Decide by an open emergency, or return None where there is none that would open this."""
    urgent = situation.emergency
    if urgent is None or purpose not in EMERGENCY_PURPOSES or action != Action.READ:
        return None
    if not reader.may_break_glass:
        return Decision(False, "role-without-emergency")
    if urgent.ended or not urgent.starts <= at < urgent.ends:
        return Decision(False, "emergency-over")
    if situation.blocked and situation.law.blocks_prevail:
        return Decision(False, "blocked")
    if category in urgent.opted_out and situation.law.opt_outs_prevail:
        return Decision(False, "barred-in-emergency")
    return Decision(True, "emergency", emergency=urgent.id)


def _by_grant(
    reader: ReaderFacts,
    known: Sequence[GrantFacts],
    category: str,
    action: str,
    purpose: str,
    at: datetime,
    entry: EntryFacts | None,
    situation: Situation,
) -> Decision:
    covering = [grant for grant in known if _covers(grant, reader, category, action, purpose, entry)]
    live = [grant for grant in covering if _holds(grant, at)]
    reachable = [grant for grant in live if _reaches(grant, reader, situation)]
    if reachable:
        # Mostly there is one, and to measure it takes half as long as to find it.
        best = reachable[0] if len(reachable) == 1 else max(reachable, key=_width)
        return Decision(True, "grant", best.id)
    return Decision(False, _why_not(known, covering, live, at, situation))


def _covers(
    grant: GrantFacts, reader: ReaderFacts, category: str, action: str, purpose: str, entry: EntryFacts | None
) -> bool:
    if category not in grant.categories or action not in grant.actions or grant.purpose != purpose:
        return False
    if reader.only_chosen_entries and not grant.entries:
        return False
    if entry is None:
        return action == Action.WRITE or not grant.bundle
    return names(grant, entry)


def names(grant: GrantFacts, entry: EntryFacts) -> bool:
    """Tell whether a grant names an entry. Where dates are named, an entry without one is outside."""
    if grant.entries and entry.id not in grant.entries:
        return False
    if grant.record_from is None and grant.record_until is None:
        return True
    if entry.recorded is None:
        return False
    after = grant.record_from is None or entry.recorded >= grant.record_from
    return after and (grant.record_until is None or entry.recorded <= grant.record_until)


def _holds(grant: GrantFacts, at: datetime) -> bool:
    """Half-open, as everywhere: from `starts` on, until just before `ends`. Never once its ending is known.

    An ending is not compared with `at`: two machines' clocks may differ by two seconds, and a stop must not.
    """
    return grant.ended_at is None and grant.starts <= at < grant.ends


def _reaches(grant: GrantFacts, reader: ReaderFacts, situation: Situation) -> bool:
    """Tell whether reader and place are where the grant holds. An unknown place is none of those named."""
    return _in_place(grant, situation) and not _unassigned(grant, reader, situation)


def _in_place(grant: GrantFacts, situation: Situation) -> bool:
    return not grant.places or situation.place in grant.places


def _unassigned(grant: GrantFacts, reader: ReaderFacts, situation: Situation) -> bool:
    return grant.by_team and reader.needs_assignment and not situation.assigned


def _width(grant: GrantFacts) -> tuple:
    """Order grants: the one that reaches back furthest, then whole parts before chosen ones, then the longest."""
    return (date.max - (grant.record_from or date.min), not grant.bundle, grant.ends, grant.id.bytes)


def _why_not(
    known: Sequence[GrantFacts],
    covering: Sequence[GrantFacts],
    live: Sequence[GrantFacts],
    at: datetime,
    situation: Situation,
) -> str:
    if any(_in_place(grant, situation) for grant in live):
        return "not-assigned"
    if live:
        return "place" if situation.place else "place-unknown"
    # What it hung from may be over before it begins: such a grant never will.
    if any(grant.ended_at is None and at < grant.starts < grant.ends for grant in covering):
        return "not-yet"
    if any(grant.ended_at is not None for grant in covering):
        return "stopped"
    if covering:
        return "over"
    return "not-in-grant" if known else "no-grant"
