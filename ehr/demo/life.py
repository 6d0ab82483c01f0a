"""What goes on between the demo's people: a care team, one permission that is narrowed, and two questions that wait."""

from datetime import timedelta

from consent.sharing import asking, grants, referrals
from consent.sharing import teams as consent_teams
from ehr import clock
from ehr.demo.cast import YEAR, Player
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers import institutions, teams
from providers.models import Institution, Team

LONG = timedelta(days=180)


def team(name: str, where: Institution, *, lead: Player, others: list[Player], founder: Player, by: Player) -> Team:
    """Return a care team whose members all hold its keys: the founder lists them, the lead hands the keys on."""
    institutions.appoint_administrator(where, user=founder.user, by=by.user)
    founded = teams.found_team(where, name=name, lead=lead.user.clinician, by=founder.user)
    for other in others:
        teams.add_member(founded, clinician=other.user.clinician, by=founder.user)
    teams.tidy(lead.user, keyring=lead.keyring)
    return founded


def share_last_year(record: Patient, player: Player, with_team: Team, *parts: Category) -> None:
    """Let a team see what was recorded in parts of a record since a year ago, and nothing older."""
    now = clock.now()
    grants.give(
        record,
        keyring=player.keyring,
        reader=with_team.reader,
        categories=parts,
        actions=[Action.READ],
        purpose=Purpose.TREAT,
        starts=now,
        ends=now + LONG,
        narrow=grants.Narrow(record_from=(now - YEAR).date()),
    )


def look_after(record: Patient, team_: Team, *, nurse: Player, lead: Player) -> None:
    """Let the team's lead assign a nurse to a patient for a month."""
    consent_teams.assign(record, team=team_, nurse=nurse.user, ends=clock.now() + timedelta(days=30), by=lead.user)


def ask(record: Patient, reader: Player, *parts: Category, days: int, words: str) -> None:
    """Let a clinician ask, so that the patient has something to answer."""
    asking.ask(record, reader=reader.user, keyring=reader.keyring, categories=parts, days=days, words=words)


def refer(record: Patient, referrer: Player, to: Player, *parts: Category, days: int, words: str) -> None:
    """Let a clinician propose a colleague, so that the patient has something to answer."""
    referrals.refer(
        record,
        referrer=referrer.user,
        keyring=referrer.keyring,
        to=to.user,
        categories=parts,
        actions=[Action.READ],
        days=days,
        words=words,
    )
