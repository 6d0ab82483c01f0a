"""Who may see what, when, and what for. Pure: facts in, a decision out, nothing looked up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ehr.words import Action, Category, Purpose


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """What is known of the reader at this moment. `because` is the machine word of why standing is lost."""

    active: bool
    in_good_standing: bool
    because: str = ""
    sees_clinical_text: bool = True


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """One grant as the decision needs it."""

    id: UUID
    categories: frozenset[str]
    actions: frozenset[str]
    purpose: str
    starts: datetime
    ends: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: `because` is one machine word for the log, `grant` the permission that allows it."""

    allowed: bool
    because: str
    grant: UUID | None = None


def decide(
    *,
    reader: ReaderFacts,
    grants: Iterable[GrantFacts],
    category: Category,
    action: Action,
    purpose: Purpose,
    at: datetime,
) -> Decision:
    """Decide on one category, one action, one purpose, at one moment.

    The order is the one of the design: account and credential, role, then a grant that covers everything
    at once. Of several that do, the one that lasts longest is named.
    """
    if not reader.active:
        return Decision(False, reader.because or "account-inactive")
    if not reader.in_good_standing:
        return Decision(False, reader.because or "no-standing")
    if not reader.sees_clinical_text and category is not Category.BASIC:
        return Decision(False, "role-without-clinical-text")
    # No default: an access without a purpose is refused.
    if not purpose:
        return Decision(False, "no-purpose")
    known = list(grants)
    covering = [grant for grant in known if _covers(grant, category, action, purpose)]
    live = [grant for grant in covering if _holds(grant, at)]
    if live:
        best = max(live, key=lambda grant: (grant.ends, grant.id.bytes))
        return Decision(True, "grant", best.id)
    return Decision(False, _why_not(known, covering, at))


def _covers(grant: GrantFacts, category: str, action: str, purpose: str) -> bool:
    return category in grant.categories and action in grant.actions and grant.purpose == purpose


def _holds(grant: GrantFacts, at: datetime) -> bool:
    """Half-open, as everywhere: from `starts` on, until just before `ends`. Never once its ending is known.

    An ending is not compared with `at`: two machines' clocks may differ by two seconds, and a stop must not.
    """
    return grant.ended_at is None and grant.starts <= at < grant.ends


def _why_not(known: Sequence[GrantFacts], covering: Sequence[GrantFacts], at: datetime) -> str:
    if any(grant.starts > at and grant.ended_at is None for grant in covering):
        return "not-yet"
    if any(grant.ended_at is not None for grant in covering):
        return "stopped"
    if any(grant.ends <= at for grant in covering):
        return "over"
    return "not-in-grant" if known else "no-grant"
