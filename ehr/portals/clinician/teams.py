"""My teams: who belongs to them; for a lead, who joins and leaves, and which nurse looks after whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import reach
from consent.models import Assignment
from consent.sharing import teams
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.roles import clinician_only
from ehr.portals.clinician.team_forms import AssignForm, MemberForm
from patients.models import Patient
from providers import team_queries
from providers import teams as care_teams
from providers.models import Team
from providers.queries import standing
from providers.rules import NotPossible
from providers.team_queries import Member

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Mine:
    """One of my teams as the list shows it."""

    team: Team
    members: list[Member]
    leads: bool
    waits: bool  # nobody has handed me its keys yet


@dataclass(frozen=True)
class Assigned:
    """Which nurse looks after whom, and the last minute of it."""

    patient: Patient
    user_id: UUID
    nurse: str
    last: datetime


def _mine(request: HttpRequest, team: Team, at: datetime) -> Mine:
    members = team_queries.roster(team, at)
    me = next((one for one in members if one.user_id == request.user.pk), None)
    leads = team_queries.leads(request.user, team, at)
    return Mine(team, members, leads, waits=me is not None and not me.has_keys)


def _team(request: HttpRequest, team: UUID, at: datetime) -> Team:
    """Return a team that one belongs to now. Raises Http404 for every other."""
    found = team_queries.team_of(request.user, team, at)
    if found is None:
        raise Http404
    return found


@require_GET
@clinician_only
def teams_list(request: HttpRequest) -> HttpResponse:
    """The teams I belong to now."""
    at = clock.now()
    seen = standing(request.user, at)
    mine = [_mine(request, team, at) for team in team_queries.teams_of(request.user, seen, at)]
    return render(request, "clinician/teams.html", {"mine": mine, "standing": seen})


@require_http_methods(["GET", "POST"])
@clinician_only
def team(request: HttpRequest, team: UUID) -> HttpResponse:
    """One team: who belongs to it. Its lead puts somebody on the list here."""
    at = clock.now()
    found = _team(request, team, at)
    people = team_queries.candidates(found, at)
    form = MemberForm(found, people, request.POST if request.method == "POST" else None)
    if form.is_valid():
        chosen = next(one for one in people if str(one.pk) == form.cleaned_data["clinician"])
        try:
            care_teams.add_member(
                found, clinician=chosen, starts_at=form.starts(), ends_at=form.ends(), by=request.user
            )
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("%(name)s is on the list now.") % {"name": chosen.full_name})
            return redirect("clinician:team", found.pk)
    return _show(request, found, at, member_form=form)


@require_POST
@clinician_only
def remove(request: HttpRequest, team: UUID, member: UUID) -> HttpResponse:
    """Take somebody off the list; for oneself, leave."""
    at = clock.now()
    found = _team(request, team, at)
    row = team_queries.place_of(found, member)
    if row is None:
        raise Http404
    try:
        care_teams.remove_member(row, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        told = _("%(name)s no longer belongs to %(team)s. Nothing opens for them through it from now on.")
        messages.success(request, told % {"name": row.clinician.full_name, "team": found.name})
    still = team_queries.team_of(request.user, team, clock.now())
    return redirect("clinician:team", team) if still else redirect("clinician:teams")


@require_POST
@clinician_only
def assign(request: HttpRequest, team: UUID) -> HttpResponse:
    """Let a nurse look after one of the team's patients."""
    at = clock.now()
    found = _team(request, team, at)
    patients = teams.patients_of(found, lead=request.user, at=at)
    form = AssignForm(found, _choices(patients), _nurses(team_queries.members(found, at)), request.POST)
    if form.is_valid():
        patient = next(one for one in patients if str(one.pk) == form.cleaned_data["patient"])
        nurse = accounts.person(form.cleaned_data["nurse"])
        try:
            teams.assign(patient, team=found, nurse=nurse, ends=form.ends(), by=request.user)
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Assigned. It is on the patient’s list."))
            return redirect("clinician:team", found.pk)
    return _show(request, found, at, assign_form=form)


@require_POST
@clinician_only
def end_assignment(request: HttpRequest, team: UUID, member: UUID, patient: UUID) -> HttpResponse:
    """End an assignment now."""
    found = _team(request, team, clock.now())
    row = teams.assignments(found, clock.now()).filter(patient=patient, reader__user=member).first()
    if row is None:
        raise Http404
    try:
        teams.end_assignment(row, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("This assignment has ended."))
    return redirect("clinician:team", found.pk)


def _show(
    request: HttpRequest,
    found: Team,
    at: datetime,
    *,
    member_form: MemberForm | None = None,
    assign_form: AssignForm | None = None,
) -> HttpResponse:
    """Show a team; its patients are named to its lead only, with a line about each on their lists first."""
    mine = _mine(request, found, at)
    patients = teams.patients_of(found, lead=request.user, at=at)
    reach.name(patients, to=request.user, because="team")
    nurses = _nurses(team_queries.members(found, at))
    context = {
        "mine": mine,
        "team": found,
        "me": request.user.pk,
        "patients": patients,
        "nurses": nurses,
        "assignments": _named_here(teams.assignments(found, at), patients),
        "member_form": member_form or MemberForm(found, team_queries.candidates(found, at)),
        "assign_form": assign_form or AssignForm(found, _choices(patients), nurses),
    }
    bound = [form for form in (member_form, assign_form) if form is not None and form.is_bound]
    return render(request, "clinician/team.html", context, status=422 if bound else 200)


def _nurses(members: list[Member]) -> list[Member]:
    return [one for one in members if one.needs_assignment]


def _choices(patients: list[Patient]) -> list[tuple[str, str]]:
    """Return patients as a lead chooses among them: by name, and by birth date where two are called alike."""
    born = _("%(name)s, born %(day)s")
    return [(str(one.pk), born % {"name": one.name, "day": date_format(one.birth_date, "j F Y")}) for one in patients]


def _named_here(assignments: Iterable[Assignment], patients: list[Patient]) -> list[Assigned]:
    """Return the assignments of the patients who are named on this page, and of no others."""
    shown = {one.pk for one in patients}
    return [
        Assigned(one.patient, one.reader.user_id, one.reader.user.clinician.full_name, one.ends - MINUTE)
        for one in assignments
        if one.patient_id in shown
    ]
