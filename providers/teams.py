"""Care teams: founded by an institution, led by somebody in it, joined and left by date; and who holds their keys.

A team's keyring is sealed to its members and to nobody else. Joining waits for a member in session, who hands it on;
leaving deletes a copy without any key, and the next member in session makes new keys. Whether somebody may be let in
through a team is decided at each use (`team_queries.memberships_now`); no job has a part in that.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from guardian.shortcuts import assign_perm, remove_perm

from audit import log
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Keyring, KeyVersion, MemberSeal, Reader, User
from providers import queries, team_queries
from providers.models import Clinician, Institution, Team, TeamMembership
from providers.roles import needs_assignment
from providers.rules import NotPossible

logger = logging.getLogger(__name__)


# --- Founding, leading, ending -------------------------------------------------------------------
def found_team(institution: Institution, *, name: str, lead: Clinician, by: User) -> Team:
    """Found a team of an institution with its lead as the first member, and return it.

    Its keys are made here and sealed to the lead alone: whoever founds it keeps nothing. Raises NotPossible for
    whoever does not administer the institution, and for a lead who may not belong to a team there.
    """
    _check_administrator(institution, by)
    at, name = clock.now(), " ".join(name.split())
    if not name:
        raise NotPossible(_("Give the team the name that patients know it by."))
    _check_somebody_else(lead.user, by)
    _check_may_belong(institution, lead, at)
    _check_may_lead(lead.user, at)
    try:
        with transaction.atomic():
            reader = Reader.objects.create(kind=Reader.Kind.TEAM, name=name)
            team = Team.objects.create(reader=reader, institution=institution, name=name, made_by=by)
            _log("team.founded", team, by=by)
            _put_on_list(team, lead, starts_at=at, ends_at=None, by=by)
            keyrings.make_shared(reader, [_present_key(lead.user)], by=queries.party(by))
            _make_lead(team, lead.user, by=by)
    except IntegrityError as twice:
        raise NotPossible(_("This institution has a team of that name. Choose another name.")) from twice
    return team


def appoint_lead(team: Team, *, user: User, by: User) -> None:
    """Let a member lead a team: change who belongs to it, and assign its nurses. Logged as a change of privilege."""
    _check_administrator(team.institution, by)
    at = clock.now()
    _check_somebody_else(user, by)
    if not team_queries.is_member(user, team, at):
        raise NotPossible(_("Only somebody who belongs to the team leads it. Add them first."))
    _check_may_lead(user, at)
    with transaction.atomic():
        _make_lead(_locked(team), user, by=by)


def dismiss_lead(team: Team, *, user: User, by: User) -> None:
    """End somebody's leading of a team; they stay a member. Logged as a change of privilege."""
    _check_administrator(team.institution, by)
    if not team_queries.leads_of(team).filter(pk=user.pk).exists():
        raise NotPossible(_("This person does not lead the team."))
    with transaction.atomic():
        _unmake_lead(_locked(team), user, by=by)


def end_team(team: Team, *, by: User) -> None:
    """End a team now: what patients share with it opens for nobody any more, and its keys are gone for good."""
    _check_administrator(team.institution, by)
    with transaction.atomic():
        team = _locked(team)
        if team.ended_at is not None:
            raise NotPossible(_("This team has ended already."))
        _close(team, by=by, because="ended")


def end_teams_of(institution: Institution, *, by: User) -> int:
    """End all teams of an institution that leaves; return how many. Call it in the transaction in which it leaves."""
    teams = Team.objects.select_for_update(of=("self",)).filter(institution=institution, ended_at__isnull=True)
    return sum(_close(team, by=by, because="institution-left") for team in teams.select_related("reader"))


# --- Coming and going ----------------------------------------------------------------------------
def add_member(
    team: Team, *, clinician: Clinician, starts_at: datetime | None = None, ends_at: datetime | None = None, by: User
) -> TeamMembership:
    """Put somebody on a team's list, from a moment on and perhaps until one.

    The team's keys follow by themselves once a member who holds them is in session. Raises NotPossible for whoever
    neither leads the team nor administers its institution, and for somebody who may not belong to a team there.
    """
    at = clock.now()
    _check_may_change(team, by, at)
    _check_somebody_else(clinician.user, by)
    starts_at = max(starts_at or at, at)
    if ends_at is not None and ends_at <= starts_at:
        raise NotPossible(_("Choose a last day that is not before the first."))
    _check_may_belong(team.institution, clinician, at)
    with transaction.atomic():
        team = _locked(team)
        if team.ended_at is not None:
            raise NotPossible(_("This team has ended, so nobody can join it."))
        for row in TeamMembership.objects.filter(team=team, clinician=clinician, ended_at__isnull=True):
            if row.ends_at is None or row.ends_at > at:
                raise NotPossible(_("They are on the team's list already. To change the dates, remove them first."))
            _take_off_list(row, by=None, because="date")
        return _put_on_list(team, clinician, starts_at=starts_at, ends_at=ends_at, by=by)


def remove_member(membership: TeamMembership, *, by: User) -> None:
    """Take somebody off a team's list now: with this commit nothing opens for them through it.

    Leads, administrators and the person themselves may. Raises NotPossible for others, and for what is over.
    """
    at, leaver = clock.now(), membership.clinician.user
    if by.pk != leaver.pk:
        _check_may_change(membership.team, by, at)
    with transaction.atomic():
        _locked(membership.team)
        membership = _open_rows().filter(pk=membership.pk).first()
        if membership is None:
            raise NotPossible(_("They have left the team already."))
        _take_off_list(membership, by=by, because="left" if by.pk == leaver.pk else "removed")
        _take_keys(membership.team, leaver, by=by)


def leave_teams(clinician: Clinician, institution: Institution, *, by: User) -> int:
    """Take somebody off the lists of all teams of an institution where they no longer work; return how many.

    Call it in the transaction in which they leave.
    """
    rows = _open_rows().filter(clinician=clinician, team__institution=institution).order_by("team")
    for membership in rows:
        _locked(membership.team)
        _take_off_list(membership, by=by, because="left-institution")
        _take_keys(membership.team, clinician.user, by=by)
    return len(rows)


def let_go(user: User, *, by: User | None = None) -> int:
    """Take the keys of teams from somebody who lost the standing to be let in there; return of how many teams.

    They stay on the lists: where their standing comes back, a colleague in session hands them the keys again.
    """
    at = clock.now()
    seen = queries.standing(user, at)
    with transaction.atomic():
        held = Team.objects.filter(pk__in=MemberSeal.objects.filter(member__reader__user=user).values("reader"))
        kept = team_queries.memberships_now(user, seen, at).values("team")
        lost = held.exclude(pk__in=kept).select_related("reader", "institution")
        return sum(_take_keys(_locked(team), user, by=by) for team in lost.order_by("pk"))


def end_what_is_over() -> int:
    """Take the keys from people whose dates in a team are over; return how many. They were refused from that moment.

    May run twice.
    """
    at, count = clock.now(), 0
    for seal in team_queries.left_with_keys(at).select_related("reader__team", "member__reader__user").order_by("pk"):
        with transaction.atomic():
            team = _locked(seal.reader.team)
            leaver = seal.member.reader.user
            over = _open_rows().filter(team=team, clinician__user=leaver, ends_at__lte=at)
            for membership in over:
                _take_off_list(membership, by=None, because="date")
            count += _take_keys(team, leaver, by=None)
    return count


# --- What members in session do for their teams --------------------------------------------------
def tidy(user: User, *, keyring: OpenKeyring | None) -> int:
    """Do what waited for a member's keys: hand a team's keys on to who joined, make new ones after somebody left.

    Return how many teams were put in order. Runs whenever a member comes in with an unlocked keyring, and may run
    twice. What cannot be done now waits for the next member.
    """
    at = clock.now()
    if keyring is None or not (waiting := list(team_queries.unfinished(user, at))):
        return 0
    mine = {team.pk for team in team_queries.teams_of(user, queries.standing(user, at), at)}
    return sum(_attempt(team, user, keyring) for team in waiting if team.pk in mine)


def _attempt(team: Team, user: User, keyring: OpenKeyring) -> bool:
    try:
        with transaction.atomic():
            return _put_in_order(_locked(team), user, keyring, clock.now())
    except (keyrings.CannotOpen, keyrings.NotOnTheLog, ValueError) as problem:
        # Somebody exchanged a row, or was quicker. Who is let in does not depend on it.
        logger.error("The keys of team %s wait: %s", team.pk, type(problem).__name__)
        return False


def _put_in_order(team: Team, user: User, keyring: OpenKeyring, at: datetime) -> bool:
    opened = keyrings.open_shared(team.pk, keyring=keyring)
    present = _keys_of_present(team, at)
    if opened is None or team.ended_at is not None or not present:
        return False
    sealed = set(MemberSeal.objects.filter(reader=team.pk).values_list("member", flat=True))
    renewed = MemberSeal.objects.filter(reader=team.pk).exclude(
        member__in=Keyring.objects.filter(reader__kind=Reader.Kind.PERSON).values("version")
    )
    if team.keys_due_at is not None or renewed.exists():
        keyrings.turn_shared(opened, present, by=queries.party(user))
        Team.objects.filter(pk=team.pk).update(keys_due_at=None)
        return True
    joined = [version for version in present if version.pk not in sealed]
    for version in joined:
        keyrings.share(opened, version, by=queries.party(user))
    return bool(joined)


def _keys_of_present(team: Team, at: datetime) -> list[KeyVersion]:
    """Return the newest keys, as far as the log agrees with them, of everybody who may be let in through a team now."""
    people = [member.user_id for member in team_queries.members(team, at)]
    stored = Keyring.objects.filter(reader__user__in=people).select_related("version").order_by("pk")
    return [
        one.version for one in stored if one.version.reader_id == one.reader_id and accounts.is_present(one.version)
    ]


def _present_key(user: User) -> KeyVersion:
    stored = accounts.keyring_of(user)
    if stored is None or stored.version.reader_id != stored.reader_id or not accounts.is_present(stored.version):
        raise NotPossible(_("This person has no keys yet. They get them when they sign in for the first time."))
    return stored.version


# --- Rows and lines ------------------------------------------------------------------------------
def _open_rows():
    rows = TeamMembership.objects.filter(ended_at__isnull=True)
    return rows.select_related("team__reader", "team__institution", "clinician__user")


def _locked(team: Team) -> Team:
    """Return a team's row, held until the transaction ends: coming, going and handing on keys wait for each other."""
    rows = Team.objects.select_for_update(of=("self",)).select_related("reader", "institution")
    return rows.get(pk=team.pk)


def _put_on_list(team: Team, clinician: Clinician, *, starts_at, ends_at, by: User) -> TeamMembership:
    membership = TeamMembership.objects.create(
        team=team, clinician=clinician, starts_at=starts_at, ends_at=ends_at, added_by=by
    )
    dates = {"starts": starts_at.isoformat(), "ends": ends_at.isoformat() if ends_at else ""}
    _log("team.member-added", team, by=by, user=str(clinician.user_id), **dates)
    return membership


def _take_off_list(membership: TeamMembership, *, by: User | None, because: str) -> None:
    membership.ended_at, membership.ended_by = clock.now(), by
    membership.save(update_fields=["ended_at", "ended_by"])
    team, leaver = membership.team, membership.clinician.user
    _log("team.member-removed", team, by=by, because=because, user=str(leaver.pk))
    if team_queries.leads_of(team).filter(pk=leaver.pk).exists():
        _unmake_lead(team, leaver, by=by)


def _take_keys(team: Team, leaver: User, *, by: User | None) -> bool:
    """Delete somebody's copy of a team's keys. Where it was the last one they are gone for good, and so is the team."""
    if not keyrings.unshare(team.reader, leaver.reader, by=_party(by)):
        return False
    if team.ended_at is not None:
        return True
    if MemberSeal.objects.filter(reader=team.pk).exists():
        Team.objects.filter(pk=team.pk).update(keys_due_at=clock.now())
    else:
        _close(team, by=by, because="nobody-left")
    return True


def _close(team: Team, *, by: User | None, because: str) -> bool:
    team.ended_at = clock.now()
    team.save(update_fields=["ended_at"])
    _log("team.ended", team, by=by, because=because)
    for membership in _open_rows().filter(team=team):
        _take_off_list(membership, by=by, because="team-ended")
    for holder in Reader.objects.filter(key_versions__in=MemberSeal.objects.filter(reader=team.pk).values("member")):
        keyrings.unshare(team.reader, holder, by=_party(by))
    return True


def _make_lead(team: Team, user: User, *, by: User) -> None:
    assign_perm(team_queries.LEAD, user, team)
    _log("privilege.given", team, by=by, user=str(user.pk), privilege="lead-team")


def _unmake_lead(team: Team, user: User, *, by: User | None) -> None:
    remove_perm(team_queries.LEAD, user, team)
    _log("privilege.taken", team, by=by, user=str(user.pk), privilege="lead-team")


def _party(by: User | None) -> log.Party:
    return queries.party(by) if by else log.SYSTEM


def _log(action: str, team: Team, *, by: User | None, because: str = "", **details: object):
    told = {"team": str(team.pk), "team_name": team.name, "institution": str(team.institution_id), **details}
    return log.append(action, actor=_party(by), subject=None, outcome="done", because=because, details=told)


# --- Who may -------------------------------------------------------------------------------------
def _check_administrator(institution: Institution, by: User) -> None:
    if not by.is_active or not queries.administered_by(by).filter(pk=institution.pk).exists():
        raise NotPossible(
            _("Only the institution's administrators found and end its teams, and choose who leads them.")
        )


def _check_somebody_else(user: User, by: User) -> None:
    if user.pk == by.pk:
        raise NotPossible(_("Nobody lets themselves in. Another administrator, or the team's lead, can."))


def _check_may_change(team: Team, by: User, at: datetime) -> None:
    checks: tuple[Callable[[], bool], ...] = (
        lambda: team_queries.leads(by, team, at),
        lambda: by.is_active and queries.administered_by(by).filter(pk=team.institution_id).exists(),
    )
    if not any(check() for check in checks):
        raise NotPossible(_("Only the team's lead and the institution's administrators change who belongs to it."))


def _check_may_belong(institution: Institution, clinician: Clinician, at: datetime) -> None:
    """Refuse whoever may not be let in to clinical text there: a team's keys open it."""
    if institution.pk not in queries.standing(clinician.user, at).clinical_at:
        raise NotPossible(
            _("They are not in good standing for clinical work at this institution, so they cannot belong to a team.")
        )
    _present_key(clinician.user)


def _check_may_lead(user: User, at: datetime) -> None:
    if needs_assignment(queries.standing(user, at).roles):
        raise NotPossible(_("A lead sees who all the team's patients are, so a nurse cannot be the lead."))
