"""A grant as a patient reads it: a person, a place, what, and until when."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from consent import sentences
from consent.countries import names as country_names
from consent.models import Ending, Grant
from providers.queries import standing


@dataclass(frozen=True)
class Shared:
    """One person who may, will or could see parts of the record."""

    grant_id: UUID
    reader_id: UUID
    name: str
    place: str
    parts: str
    sentence: str
    may_write: bool
    made_at: datetime
    starts: datetime
    ends: datetime
    later: bool
    lost_standing: bool
    over_at: datetime | None
    stopped_by_you: bool
    changed_by_you: bool
    changeable: bool  # still holds or will, and is one the patient gave by themselves
    entries: int  # how many were chosen one by one; 0 for whole parts
    record_from: date | None
    record_until: date | None
    places: str


def shared(grant: Grant, at: datetime) -> Shared:
    """Return one grant in a person's words, as things stand at a moment."""
    seen = standing(grant.reader.user, at)
    ending = getattr(grant, "ending", None)
    over_at = ending.at if ending else (grant.ends if grant.ends <= at else None)
    return Shared(
        grant_id=grant.pk,
        reader_id=grant.reader_id,
        name=seen.name or grant.reader.name,
        place=seen.institution.name if seen.institution else "",
        parts=sentences.parts(grant.categories),
        sentence=grant.sentence,
        may_write=grant.may_write,
        made_at=grant.made_at,
        starts=grant.starts,
        ends=grant.ends,
        later=grant.starts > at,
        lost_standing=not seen.ok,
        over_at=over_at,
        stopped_by_you=bool(ending and ending.cause == Ending.Cause.PATIENT),
        changed_by_you=bool(ending and ending.cause == Ending.Cause.CHANGED),
        changeable=over_at is None and grant.kind == Grant.Kind.GIVEN,
        entries=len(grant.entries),
        record_from=grant.record_from,
        record_until=grant.record_until,
        places=sentences.listed(country_names()[code] for code in grant.places),
    )
