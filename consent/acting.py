"""Who may act for somebody else, in which matters and until when. Pure: facts in, a decision out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from uuid import UUID

from consent import rules
from consent.rules import Decision, GrantFacts, ReaderFacts
from ehr.words import Action, Category, Purpose


class Right(StrEnum):
    """What somebody may do for somebody else. The values are stored and signed, so they never change."""

    READ = "read"
    ADD = "add"
    SHARE = "share"
    LOG = "log"
    APPOINTMENTS = "appointments"
    BOOK = "book"  # and move, and call off: with "appointments" only


# The rights that are about parts of the record; the others are about the whole of it.
ABOUT_PARTS = frozenset({Right.READ, Right.ADD, Right.SHARE})
_DOES = {Right.READ: Action.READ, Right.ADD: Action.WRITE}


@dataclass(frozen=True, slots=True)
class DelegationFacts:
    """One delegation as the decision needs it.

    `genuine`: the patient signed it as it stands, or two verifiers did. `of_age` is when the patient comes of age,
    for a parent's; None for everybody else's.
    """

    id: UUID
    rights: frozenset[str]
    categories: frozenset[str]
    starts: datetime
    ends: datetime
    genuine: bool = True
    accepted: bool = True
    ended: bool = False
    of_age: datetime | None = None

    @property
    def over_at(self) -> datetime:
        """When it is over by itself: at its end, and a parent's when the child comes of age, whichever is first."""
        return min(self.ends, self.of_age) if self.of_age else self.ends


def of_age_at(born: date, years: int, zone: tzinfo) -> datetime:
    """Return the first moment, in UTC, of the day on which somebody has lived so many years, where they live.

    Who was born on 29 February has, in a year without that day, when 28 February is over.
    Source: German Civil Code, sections 187 (2) and 188 (2); so too the common law's usual reading.
    """
    try:
        day = born.replace(year=born.year + years)
    except ValueError:
        day = date(born.year + years, 3, 1)
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def why_not(delegation: DelegationFacts | None, *, at: datetime) -> str:
    """Return the machine word of why a delegation does not hold at a moment; empty where it does. Half-open."""
    if delegation is None or not delegation.accepted:
        return "no-delegation"
    if not delegation.genuine:
        return "not-what-was-signed"
    if delegation.ended:
        return "stopped"
    if delegation.of_age is not None and delegation.of_age <= at:
        return "of-age"
    if delegation.over_at <= at:
        return "over"
    return "not-yet" if at < delegation.starts else ""


def decide(
    *,
    active: bool,
    delegation: DelegationFacts | None,
    right: Right,
    at: datetime,
    category: Category | None = None,
    grants: Iterable[GrantFacts] = (),
    blocked: bool = False,
) -> Decision:
    """Decide on one right, for reading, adding and sharing in one part, at one moment.

    The order: the delegate's account; a block, which beats every delegation; the delegation; the right; the part. To
    read and to add there is a grant of the delegate's own besides, for what opens is what a grant hands over: of
    `grants` only those of this kind count, whatever else the same person may see as somebody else.
    """
    if not active:
        return Decision(False, "account-inactive")
    if blocked:
        return Decision(False, "blocked")
    if delegation is None or (because := why_not(delegation, at=at)):
        return Decision(False, because if delegation else "no-delegation")
    if right not in delegation.rights:
        return Decision(False, "not-in-rights")
    if right not in ABOUT_PARTS:
        return Decision(True, "delegation")
    if category not in delegation.categories:
        return Decision(False, "not-in-rights")
    if right not in _DOES:
        return Decision(True, "delegation")
    return rules.decide(
        reader=ReaderFacts(active=True, in_good_standing=True),
        grants=grants,
        category=category,
        action=_DOES[right],
        purpose=Purpose.PATRQT,
        at=at,
    )
