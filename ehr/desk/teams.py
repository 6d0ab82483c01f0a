# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Care teams, for the administrators of their institutions: who founds, leads, joins and leaves. No patient is here."""

from datetime import date, datetime, timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.desk.forms import Person
from ehr.desk.worklist import Act, Facts, Line, Nothing, Section, Worklist
from ehr.frame.forms import DayField, NameField
from providers import queries, rules, team_queries, teams
from providers.models import Clinician, Institution, Team
from providers.rules import NotPossible


class NewTeam(forms.Form):
    """A team: where, how patients know it, and who leads it."""

    institution = forms.ModelChoiceField(label=_("Institution"), queryset=queries.institutions_open())
    name = NameField(label=_("Name"), max_length=120, help_text=_("As patients know it, for example Cardiology."))
    email = forms.EmailField(label=_("E-mail address of who leads it"))


class Joining(forms.Form):
    """Who joins, from and until when."""

    email = forms.EmailField(label=_("Their e-mail address"))
    first = DayField(label=_("First day"), required=False, help_text=_("Today, if left empty."))
    last = DayField(label=_("Last day"), required=False, help_text=_("Open, if left empty."))


def _clinician(email: str) -> Clinician:
    found = team_queries.clinician_by_email(email)
    if found is None:
        raise NotPossible(gettext("Nobody with this address has registered as a provider."))
    return found


def _end_of(team: Team, day: date | None) -> datetime | None:
    return rules.end_of_day(day, team.institution.time_zone) if day else None


def add(team: Team, *, by, email: str, first: date | None, last: date | None) -> None:
    """Put somebody on the list, from and until days as the institution counts them."""
    starts = _end_of(team, first - timedelta(days=1)) if first else None
    teams.add_member(team, clinician=_clinician(email), starts_at=starts, ends_at=_end_of(team, last), by=by)


def remove(team: Team, *, by, email: str) -> None:
    """Take somebody off the list."""
    membership = team_queries.place_of(team, _clinician(email).user_id)
    if membership is None:
        raise NotPossible(gettext("They are not on the team's list."))
    teams.remove_member(membership, by=by)


def appoint(team: Team, *, by, email: str) -> None:
    """Let a member lead the team."""
    teams.appoint_lead(team, user=_clinician(email).user, by=by)


def dismiss(team: Team, *, by, email: str) -> None:
    """End somebody's leading."""
    teams.dismiss_lead(team, user=_clinician(email).user, by=by)


ADD = Act(
    "add",
    _("Add this person"),
    add,
    _("They are on the list. The keys reach them as soon as a colleague from the team is signed in."),
    form=Joining,
)
REMOVE = Act(
    "remove",
    _("Remove this person"),
    remove,
    _("They no longer belong to the team. Nothing opens for them through it from now on."),
    form=Person,
    grave=True,
)
APPOINT = Act("appoint", _("Let this person lead it"), appoint, _("They lead it now."), form=Person)
DISMISS = Act("dismiss", _("End this person's leading"), dismiss, _("They lead it no longer."), form=Person)
END = Act(
    "end",
    _("End this team now"),
    teams.end_team,
    _("The team has ended. What patients shared with it opens for nobody any more."),
    help=_("Its keys are gone for good. Patients who want to go on share with another team, or with people by name."),
    form=Nothing,
    grave=True,
)


@admin.register(Team)
class Teams(Worklist):
    """The care teams of the institutions that somebody administers."""

    title = _("Care teams")
    lede = _("What patients share with a team opens for whoever belongs to it then. Remove who leaves on the same day.")
    empty = _("No team is in this list.")
    views = (("now", _("Now")), ("ended", _("Ended")))
    new_form = NewTeam
    new_label = _("Found a team")

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("institution", "reader")
        return rows.filter(institution__in=queries.administered_by(request.user))

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(ended_at__isnull=view == "now").order_by("name", "pk")

    def found(self, rows, words: str):
        return rows.filter(name__icontains=words)

    def line(self, row: Team) -> Line:
        tag, look = (gettext("ended"), "plain") if row.ended_at else ("", "")
        return Line(title=row.name, said=row.institution.name, tag=tag, look=look)

    def facts(self, row: Team) -> Facts:
        return [
            (_("Institution"), row.institution.name),
            (_("Founded"), row.made_at),
            (_("Led by"), ", ".join(one.name for one in team_queries.leads_of(row)) or _("nobody")),
            (_("New keys"), _("made when a member next signs in") if row.keys_due_at else _("none are due")),
            (_("Ended"), row.ended_at or _("no")),
        ]

    def sections(self, request: HttpRequest, row: Team) -> list[Section]:
        at = clock.now()
        roster = team_queries.roster(row, at)
        count = len(roster)
        title = ngettext("%(count)s person on its list", "%(count)s people on its list", count) % {"count": count}
        return [Section(title, lines=[self._member(one) for one in roster])]

    def _member(self, one: team_queries.Member) -> Line:
        states = (
            (one.later, _("comes later"), "plain"),
            (not one.present, _("not let in at present"), "stop"),
            (not one.has_keys, _("waits for the keys"), "warn"),
        )
        tag, look = next(((words, look) for holds, words, look in states if holds), ("", ""))
        return Line(title=one.name, said=one.role_name, tag=tag, look=look)

    def acts(self, request: HttpRequest, row: Team) -> list[Act]:
        return [] if row.ended_at else [ADD, REMOVE, APPOINT, DISMISS, END]

    def may_make(self, request: HttpRequest) -> bool:
        return queries.administered_by(request.user).exists()

    def make(self, request: HttpRequest, *, institution: Institution, name: str, email: str) -> Team:
        return teams.found_team(institution, name=name, lead=_clinician(email), by=request.user)
