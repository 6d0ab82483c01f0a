"""A grant as a patient reads it: a person, a place, what, and until when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils.translation import gettext as _

from consent import sentences
from consent.countries import names as country_names
from consent.models import Ending, Grant
from consent.sharing import teams
from ehr.accounts.models import Reader
from providers.queries import standing
from providers.team_queries import Member, team_line


@dataclass(frozen=True)
class Named:
    """Somebody by user and name."""

    id: UUID
    name: str


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
    who: frozenset[UUID]  # the people themselves, by user: of a team those whom it opens for
    members: tuple[Member, ...] = ()  # who belongs to it now, where it is a team
    assigned: frozenset[UUID] = frozenset()  # which of its nurses look after the patient
    team: bool = False
    app: bool = False
    study: bool = False  # which they joined: nobody there is told who they are
    legal_copy: bool = False  # stays at a place one left, as the law requires

    @property
    def people(self) -> list[Named]:
        """Who reads by it, one by one: of a team everybody who belongs to it now."""
        if self.team:
            return [Named(one.user_id, one.name) for one in self.members]
        return [Named(user, self.name) for user in self.who]

    delegation: UUID | None = None  # by which they act for the patient, where that is why they can see it


def shared(grant: Grant, at: datetime) -> Shared:
    """Return one grant in a person's words, as things stand at a moment."""
    program = {Reader.Kind.APP: _app, Reader.Kind.STUDY: _study}.get(Reader.Kind(grant.reader.kind))
    who = program(grant) if program else _team(grant, at) if grant.reader.user is None else _person(grant, at)
    ending = getattr(grant, "ending", None)
    over_at = ending.at if ending else (grant.ends if grant.ends <= at else None)
    return Shared(
        grant_id=grant.pk,
        reader_id=grant.reader_id,
        parts=sentences.parts(grant.categories),
        sentence=grant.sentence,
        may_write=grant.may_write,
        made_at=grant.made_at,
        starts=grant.starts,
        ends=grant.ends,
        later=grant.starts > at,
        over_at=over_at,
        stopped_by_you=bool(ending and ending.cause == Ending.Cause.PATIENT),
        changed_by_you=bool(ending and ending.cause == Ending.Cause.CHANGED),
        changeable=over_at is None and grant.kind == Grant.Kind.GIVEN and program is None,
        entries=len(grant.entries),
        legal_copy=grant.kind == Grant.Kind.LEGAL_COPY,
        record_from=grant.record_from,
        record_until=grant.record_until,
        places=sentences.listed(country_names()[code] for code in grant.places),
        delegation=grant.delegation_id if grant.kind == Grant.Kind.DELEGATE else None,
        **who,
    )


def let_in(people: Iterable[Shared]) -> int:
    """Return how many people that is: each counts once, and of a team those whom it opens for."""
    return len(frozenset[UUID]().union(*(one.who for one in people if not one.later)))


def _person(grant: Grant, at: datetime) -> dict[str, object]:
    seen = standing(grant.reader.user, at)
    place = seen.place
    name, who = seen.name or grant.reader.name, frozenset({grant.reader.user_id})
    if grant.kind == Grant.Kind.DELEGATE:
        # Who acts for a patient does so as themselves: no licence, no place of work.
        return {"name": grant.reader.user.name, "place": "", "lost_standing": False, "who": who}
    return {"name": name, "place": place, "lost_standing": not seen.ok, "who": who}


def _app(grant: Grant) -> dict[str, object]:
    """Return an app: it is nobody's licence and nobody's place of work, and it counts as no person."""
    told = {"name": grant.reader.name, "place": _("An app that you use"), "lost_standing": False}
    return told | {"who": frozenset(), "app": True}


def _study(grant: Grant) -> dict[str, object]:
    """Return a study: no person reads by it, and it counts as none."""
    told = {"name": grant.reader.name, "place": _("A study that you joined"), "lost_standing": False}
    return told | {"who": frozenset(), "study": True}


def _team(grant: Grant, at: datetime) -> dict[str, object]:
    """Return a team with who belongs to it now. One that is no more, or that is no team, is only a name."""
    line = team_line(grant.reader_id, at)
    if line is None:
        return {"name": grant.reader.name, "place": "", "lost_standing": True, "who": frozenset()}
    assigned = teams.looking_after(grant.patient, line.reader_id, at)
    return {
        "name": line.name,
        "place": line.institution.name,
        "lost_standing": False,
        "members": line.members,
        "assigned": assigned,
        "team": True,
        "who": frozenset(one.user_id for one in line.members if not one.needs_assignment or one.user_id in assigned),
    }
