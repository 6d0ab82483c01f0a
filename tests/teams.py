"""The care team that tests introduce: Cardiology of Harbour Medical Centre, which Dr Lee leads."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from guardian.shortcuts import assign_perm

from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.models import KeyVersion, User
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from providers import teams
from providers.models import Institution, Team, TeamMembership
from providers.roles import Role
from tests import people
from tests.people import Person


@dataclass
class Ward:
    """A team with its lead, a colleague, and who administers the institution."""

    place: Institution
    ida: User
    lee: Person
    omar: Person
    team: Team
    joined: dict[object, TeamMembership] = field(default_factory=dict)

    def add(self, person: Person, *, by: User | None = None, ends: datetime | None = None, **more) -> TeamMembership:
        """Put somebody on the list; the lead's next visit hands them the keys."""
        clinician = person.user.clinician
        self.joined[person.user.pk] = teams.add_member(
            self.team, clinician=clinician, ends_at=ends, by=by or self.lee.user, **more
        )
        return self.joined[person.user.pk]

    def remove(self, person: Person, *, by: User | None = None) -> None:
        teams.remove_member(self.joined[person.user.pk], by=by or self.lee.user)

    def visit(self, person: Person) -> int:
        """Let somebody come in with their keys open."""
        return teams.tidy(person.user, keyring=person.keyring)


def administrator(name: str, place: Institution) -> User:
    """Return somebody who administers an institution."""
    user = people.account(name).user
    assign_perm("administer_institution", user, place)
    return user


def at_the_desk(user: User) -> User:
    """Return who administers an institution with the desk role that shows them its worklists."""
    desk.give_role(user, role=DeskRole.INSTITUTION, by=None, reason="test")
    return User.objects.get(pk=user.pk)


def ward(name: str = "Cardiology", place: Institution | None = None) -> Ward:
    """Make the team: Dr Lee leads it, Dr Haddad belongs to it and has its keys."""
    place = place or people.institution()
    ida, lee = administrator("Ida Berg", place), people.clinician("Mei Lee", place=place)
    omar = people.clinician("Omar Haddad", place=place)
    made = Ward(place, ida, lee, omar, teams.found_team(place, name=name, lead=lee.user.clinician, by=ida))
    made.joined[lee.user.pk] = TeamMembership.objects.get(team=made.team)
    made.add(omar)
    made.visit(lee)
    return made


def nurse(name: str = "Nora Quinn", place: Institution | None = None) -> Person:
    return people.clinician(name, role=Role.NURSE, place=place)


def opens(team: Team, person: Person) -> bool:
    """Tell whether somebody's keys open the team's."""
    return keyrings.open_shared(team.pk, keyring=person.keyring) is not None


def key_number(team: Team) -> int:
    return KeyVersion.objects.filter(reader=team.pk).latest("number").number


def later(**ahead) -> datetime:
    """Return a moment so far ahead."""
    return clock.now() + timedelta(**ahead)
