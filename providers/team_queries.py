"""Reads about teams: who belongs to one now, who leads it, what waits for its members, and how patients find it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import ngettext

from ehr import clock
from ehr.accounts.models import MemberSeal, Reader, User
from providers.models import ROLE_NAMES, Clinician, Institution, Team, TeamMembership, TeamUserPermission
from providers.queries import Standing, standing, standings
from providers.roles import needs_assignment

LEAD = "lead_team"


@dataclass(frozen=True)
class Member:
    """Somebody on a team's list. `present` says that they may be let in through it now: by date and by standing."""

    membership_id: int
    user_id: UUID
    name: str
    role: str
    role_name: str
    starts_at: datetime
    ends_at: datetime | None
    present: bool
    later: bool
    leads: bool
    has_keys: bool
    needs_assignment: bool

    @property
    def last(self) -> datetime | None:
        """The last minute that counts: of a last day 23:59."""
        return self.ends_at and self.ends_at - timedelta(minutes=1)


class TeamLine(NamedTuple):
    """One team as a patient finds it: who belongs to it now, by name."""

    reader_id: UUID
    name: str
    institution: Institution
    members: tuple[Member, ...]

    @property
    def people(self) -> int:
        return len(self.members)

    @property
    def role_name(self) -> str:
        """What stands where a person's role would: that it is a team, and of how many."""
        told = ngettext("care team of %(people)s person", "care team of %(people)s people", self.people)
        return told % {"people": self.people}


# --- Who belongs to a team -----------------------------------------------------------------------
def memberships_now(user: User, seen: Standing, at: datetime) -> QuerySet[TeamMembership]:
    """Return somebody's memberships that count at a moment: by their dates, in teams that go on, at institutions
    where the person is in good standing for clinical work. Every decision asks this anew.
    """
    return TeamMembership.objects.at(at).filter(clinician__user=user, team__institution__in=seen.clinical_at)


def acting_as(user: User, seen: Standing, at: datetime) -> QuerySet:
    """Return the ids of the readers as whom somebody may be let in now: themselves, and each team they belong to."""
    own = Reader.objects.filter(user=user).order_by().values_list("pk")
    if not seen.clinical_at:
        return own
    return own.union(memberships_now(user, seen, at).order_by().values_list("team"), all=True)


def teams_of(user: User, seen: Standing, at: datetime) -> list[Team]:
    """Return the teams somebody belongs to now, by name."""
    rows = Team.objects.filter(pk__in=memberships_now(user, seen, at).values("team"))
    return list(rows.select_related("institution", "reader").order_by("name", "pk"))


def team_of(user: User, team_id: UUID, at: datetime) -> Team | None:
    """Return a team that somebody belongs to now; None for every other."""
    return next((team for team in teams_of(user, standing(user, at), at) if team.pk == team_id), None)


def is_member(user: User, team: Team, at: datetime) -> bool:
    """Tell whether somebody may be let in through a team now."""
    return memberships_now(user, standing(user, at), at).filter(team=team).exists()


def roster(team: Team, at: datetime) -> list[Member]:
    """Return everybody on a team's list whose time is not over, those who come later last."""
    return rosters([team], at)[team.pk]


def rosters(teams: Collection[Team], at: datetime) -> dict[UUID, list[Member]]:
    """Return the same for several teams, by team, in four queries."""
    known = {team.pk: team for team in teams}
    rows = TeamMembership.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), team__in=known, ended_at=None)
    rows = list(rows.select_related("clinician__user").order_by("clinician__professional_name", "pk"))
    seen = standings({row.clinician.user_id for row in rows}, at)
    led = TeamUserPermission.objects.filter(content_object__in=known, permission__codename=LEAD)
    leads = set(led.values_list("content_object", "user"))
    holders = set(MemberSeal.objects.filter(reader__in=known).values_list("reader", "member__reader__user"))
    found: dict[UUID, list[Member]] = {team: [] for team in known}
    for row in rows:
        here = (row.team_id, row.clinician.user_id)
        standing_there = seen[row.clinician.user_id]
        one = _member(row, known[row.team_id], standing_there, at, leads=here in leads, has_keys=here in holders)
        found[row.team_id].append(one)
    return {team: sorted(listed, key=lambda one: one.later) for team, listed in found.items()}


def _member(row: TeamMembership, team: Team, seen: Standing, at: datetime, *, leads: bool, has_keys: bool) -> Member:
    later = row.starts_at > at
    return Member(
        membership_id=row.pk,
        user_id=row.clinician.user_id,
        name=row.clinician.full_name,
        role=seen.role,
        role_name=str(ROLE_NAMES.get(seen.role, "")),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        present=not later and team.ended_at is None and team.institution_id in seen.clinical_at,
        later=later,
        leads=leads,
        has_keys=has_keys,
        needs_assignment=needs_assignment(seen.roles),
    )


def members(team: Team, at: datetime) -> list[Member]:
    """Return who may be let in through a team now, by name."""
    return _present(roster(team, at))


def _present(listed: Iterable[Member]) -> list[Member]:
    return [one for one in listed if one.present]


def candidates(team: Team, at: datetime) -> list[Clinician]:
    """Return who could be added to a team now, by name: clinical people of its institution who are not on its list."""
    there = Clinician.objects.filter(memberships__institution=team.institution_id, memberships__ended_at__isnull=True)
    listed = TeamMembership.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=at), team=team, ended_at__isnull=True
    )
    rows = list(there.exclude(pk__in=listed.values("clinician")).distinct().order_by("professional_name", "pk"))
    seen = standings([one.user_id for one in rows], at)
    return [one for one in rows if team.institution_id in seen[one.user_id].clinical_at]


def place_of(team: Team, user_id: UUID) -> TeamMembership | None:
    """Return somebody's place on a team's list that is not over, or None."""
    rows = TeamMembership.objects.filter(team=team, clinician__user=user_id, ended_at__isnull=True)
    return rows.select_related("team__institution", "clinician__user").first()


def clinician_by_email(email: str) -> Clinician | None:
    """Return the registered clinician with a proven e-mail address, or None."""
    people = User.objects.by_email(email).filter(email_verified_at__isnull=False)
    return Clinician.objects.filter(user__in=people).select_related("user").first()


# --- Who leads, who administers ------------------------------------------------------------------
def leads_of(team: Team) -> QuerySet[User]:
    """Return who leads a team."""
    held = TeamUserPermission.objects.filter(content_object=team, permission__codename=LEAD)
    return User.objects.filter(pk__in=held.values("user")).order_by("name", "pk")


def leads(user: User, team: Team, at: datetime) -> bool:
    """Tell whether somebody leads a team now. A lead who does not belong to it any more, or lost standing, does not."""
    return leads_of(team).filter(pk=user.pk).exists() and is_member(user, team, at)


def to_tell(reader: Reader) -> list[User]:
    """Return who hears about what is shared with a reader: the person, or those who lead the team."""
    if reader.user is not None:
        return [reader.user]
    return list(leads_of(reader.team)) if reader.kind == Reader.Kind.TEAM else []


# --- What waits for a member in session ----------------------------------------------------------
def unfinished(user: User, at: datetime) -> QuerySet[Team]:
    """Return the teams whose keys somebody holds and where something waits for a member who does: keys to be made
    anew, somebody who has none yet, or somebody whose copy is closed for keys that they have renewed.
    """
    held = MemberSeal.objects.filter(reader=OuterRef("pk"))
    sealed = MemberSeal.objects.filter(reader=OuterRef("team"), member__reader__user=OuterRef("clinician__user"))
    without = TeamMembership.objects.at(at).filter(~Exists(sealed), team=OuterRef("pk"))
    renewed = held.exclude(member=F("member__reader__keyring__version"))
    return Team.objects.filter(
        Q(keys_due_at__isnull=False) | Exists(without) | Exists(renewed),
        pk__in=MemberSeal.objects.filter(member__reader__user=user).values("reader"),
        ended_at__isnull=True,
    )


def left_with_keys(at: datetime) -> QuerySet[MemberSeal]:
    """Return the copies of teams' keys of people whose dates there are over."""
    row = TeamMembership.objects.at(at).filter(
        team=OuterRef("reader"), clinician__user=OuterRef("member__reader__user")
    )
    return MemberSeal.objects.filter(~Exists(row), reader__team__isnull=False)


# --- How patients find a team --------------------------------------------------------------------
def directory(words: str = "", *, limit: int = 20) -> list[TeamLine]:
    """Return teams that a patient may choose now, by name: words of a team's or an institution's name."""
    rows = Team.objects.filter(ended_at__isnull=True).select_related("institution", "reader")
    for word in words.split():
        rows = rows.filter(Q(name__icontains=word) | Q(institution__name__icontains=word))
    return _lines(rows.order_by("name", "pk")[:limit], clock.now())


def _lines(teams: Iterable[Team], at: datetime) -> list[TeamLine]:
    """Return the teams in which somebody may be let in now, each with those."""
    teams = list(teams)
    listed = rosters(teams, at)
    lines = [TeamLine(one.pk, one.name, one.institution, tuple(_present(listed[one.pk]))) for one in teams]
    return [line for line in lines if line.members]


def team_line(reader_id: UUID, at: datetime | None = None) -> TeamLine | None:
    """Return one team as patients find it, or None when nobody should choose it now."""
    rows = Team.objects.filter(pk=reader_id, ended_at__isnull=True).select_related("institution", "reader")
    return next(iter(_lines(rows, at or clock.now())), None)
