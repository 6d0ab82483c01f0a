# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""When clinicians can be booked: an institution's schedules, each with its week as a list and its closures."""

from collections import defaultdict
from datetime import date, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments import schedules, zones
from appointments.availability import free
from appointments.models import Absence, Hours, Place, Schedule, VisitType
from appointments.schedules import Weekly
from ehr import clock
from ehr.desk.visiting import Own, filled
from ehr.desk.worklist import Act, Facts, Line, Nothing, Section
from ehr.frame.forms import DayField
from ehr.frame.time_forms import SpanForm, WeekForm, shown, span, spoken, week_as_lines
from providers import queries, team_queries
from providers.rules import NotPossible

MOST_ABSENCES = 20
NEXT_FREE = 3


class RulesForm(forms.Form):
    """What can be booked, how soon and how far ahead."""

    visit_types = forms.ModelMultipleChoiceField(
        label=_("Kinds of visit"),
        queryset=VisitType.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one kind of visit.")},
    )
    notice_minutes = forms.IntegerField(
        label=_("Booked at least so many minutes ahead"), min_value=0, max_value=schedules.LONGEST_NOTICE, initial=120
    )
    horizon_days = forms.IntegerField(
        label=_("Booked at most so many days ahead"), min_value=1, max_value=schedules.LONGEST_HORIZON, initial=90
    )


class NewSchedule(RulesForm):
    """Who can be booked, where and for what."""

    email = forms.EmailField(
        label=_("E-mail address of the clinician"), error_messages={"required": _("Say who can be booked.")}
    )
    place = forms.ModelChoiceField(
        label=_("Place"), queryset=Place.objects.none(), required=False, empty_label=_("By video only")
    )
    field_order = ["email", "place", "visit_types", "notice_minutes", "horizon_days"]

    def __init__(self, *args, institutions, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place"].queryset = Place.objects.filter(institution__in=institutions, closed_at=None)
        self.fields["visit_types"].queryset = VisitType.objects.filter(institution__in=institutions, retired_at=None)


class HoursForm(WeekForm):
    """A week, from a day on."""

    since = DayField(label=_("From this day on"))
    anyway = forms.BooleanField(
        label=_("Also if visits are booked outside these hours: they stay until somebody moves them"), required=False
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields([name for name in self.fields if name not in ("since", "anyway")])


class ClosureForm(SpanForm):
    """When a schedule is closed."""

    anyway = forms.BooleanField(
        label=_("Also if visits are booked in this time: they stay until somebody moves them"), required=False
    )


def change_rules(schedule: Schedule, *, by, visit_types, notice_minutes: int, horizon_days: int) -> None:
    """Change what can be booked, how soon and how far ahead."""
    schedules.change_schedule(
        schedule, by=by, visit_types=list(visit_types), notice_minutes=notice_minutes, horizon_days=horizon_days
    )


def set_hours(schedule: Schedule, *, by, week, since: date, anyway: bool) -> None:
    """Set the hours of a week from a day on."""
    schedules.set_hours(schedule, by=by, week=[Weekly(*one) for one in week], since=since, anyway=anyway)


def close(schedule: Schedule, *, by, anyway: bool, **told) -> None:
    """Close between two hours as clocks at the place show them."""
    starts, ends = span(schedule.time_zone, **told)
    schedules.close(schedule, by=by, starts=starts, ends=ends, anyway=anyway)


def open_extra(schedule: Schedule, *, by, **told) -> None:
    """Open as well between two hours as clocks at the place show them."""
    starts, ends = span(schedule.time_zone, **told)
    schedules.open_extra(schedule, by=by, starts=starts, ends=ends)


def take_back(schedule: Schedule, *, by, which: Absence) -> None:
    """Take back a closure, or hours that were open as well."""
    schedules.end_absence(schedule.absences.get(pk=which.pk), by=by)


CLOSE = Act(
    "close",
    _("Close for this time"),
    close,
    _("Nothing can be booked in this time any more."),
    help=_("For a holiday, or a day on which this clinician is not here."),
    form=ClosureForm,
)
EXTRA = Act(
    "extra",
    _("Open for this time as well"),
    open_extra,
    _("This time can be booked now."),
    help=_("Hours that are not in the week."),
    form=SpanForm,
)
RETIRE = Act(
    "retire",
    _("Use this schedule no longer"),
    schedules.retire_schedule,
    _("This schedule is no longer used."),
    help=_("Nothing can be booked in it any more. Visits that lie ahead are moved or cancelled first."),
    form=Nothing,
    grave=True,
)


@admin.register(Schedule)
class Schedules(Own):
    """The schedules of the institutions that somebody administers."""

    title = _("Schedules")
    lede = _("When clinicians can be booked, where and for what. Hours are those of the clocks at the place.")
    empty = _("No schedule is in this list. Make one for a clinician, then give it hours.")
    views = (("used", _("In use")), ("retired", _("No longer used")))
    new_form = NewSchedule
    new_label = _("Make a schedule")

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("timetable__clinician__user", "place")
        return rows.order_by("timetable__clinician__professional_name", "made_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(retired_at__isnull=view == "used")

    def found(self, rows, words: str):
        return rows.filter(timetable__clinician__professional_name__icontains=words)

    def line(self, row: Schedule) -> Line:
        where = row.place.name if row.place else gettext("by video")
        tag = gettext("no longer used") if row.retired_at else ""
        return Line(row.timetable.clinician.full_name, f"{where}, {row.institution.name}", tag, "plain")

    def facts(self, row: Schedule) -> Facts:
        ahead = ngettext("%(count)d day ahead", "%(count)d days ahead", row.horizon_days) % {"count": row.horizon_days}
        notice = ngettext("%(count)d minute before", "%(count)d minutes before", row.notice_minutes)
        return [
            (_("Where"), row.place.name if row.place else _("by video")),
            (_("Time zone"), row.time_zone),
            (_("Kinds of visit"), ", ".join(one.name for one in row.visit_types.all())),
            (_("Booked at the latest"), notice % {"count": row.notice_minutes}),
            (_("Booked at most"), ahead),
            (_("No longer used"), row.retired_at or _("no")),
        ]

    def sections(self, request: HttpRequest, row: Schedule) -> list[Section]:
        if row.retired_at:
            return []
        absences = [Line(_time_of(one), _kind_of(one)) for one in _absences(row)[:MOST_ABSENCES]]
        return [
            *_weeks(row),
            Section(_("Closed, and open as well"), lines=absences),
            Section(_("Next free"), lines=[Line(one, "") for one in _next_free(row)]),
        ]

    def acts(self, request: HttpRequest, row: Schedule) -> list[Act]:
        if row.retired_at:
            return []
        acts = [_hours_act(row), CLOSE, EXTRA]
        own = _absences(row).exclude(schedule=None)
        if own:
            acts.append(_take_back_act(own))
        return [*acts, _rules_act(row), RETIRE]

    def form_of_new(self, request: HttpRequest):
        return partial(NewSchedule, institutions=queries.administered_by(request.user))

    def make(self, request: HttpRequest, *, email: str, place: Place | None, visit_types, **asked) -> Schedule:
        clinician = team_queries.clinician_by_email(email)
        if clinician is None:
            raise NotPossible(gettext("Nobody with this address has registered as a provider."))
        institution = place.institution if place else visit_types[0].institution
        kinds = list(visit_types)
        return schedules.open_schedule(
            clinician, by=request.user, institution=institution, place=place, visit_types=kinds, **asked
        )


def _today(row: Schedule) -> date:
    return zones.local_day(clock.now(), row.time_zone)


def _weeks(row: Schedule) -> list[Section]:
    """Return the week as it is now, and each later one that is decided, as a list by day."""
    today = _today(row)
    rules = [one for one in row.hours.all() if one.until is None or one.until >= today]
    later = sorted({one.since for one in rules if one.since > today})
    found = []
    for day in [today, *later]:
        title = _("The week") if day == today else gettext("From %(day)s") % {"day": date_format(day, "j F Y")}
        holding = [one for one in rules if one.since <= day and (one.until is None or one.until >= day)]
        found.append(Section(title, facts=_by_day(holding)))
    return found


def _by_day(hours: list[Hours]) -> Facts:
    parts: dict[int, list[str]] = defaultdict(list)
    for one in sorted(hours, key=lambda rule: rule.begins):
        parts[one.weekday].append(shown(one.begins, one.ends))
    return [(WEEKDAYS[number], ", ".join(parts[number]) or _("closed")) for number in range(7)]


def _absences(row: Schedule):
    """Return what closes or opens a schedule from now on; what a clinician's calendar says is theirs to read."""
    rows = Absence.objects.filter(timetable=row.timetable_id, ends__gt=clock.now()).exclude(kind=Absence.Kind.BUSY)
    return (rows.filter(schedule=row) | rows.filter(schedule=None)).order_by("starts", "pk")


def _kind_of(one: Absence) -> str:
    if one.kind == Absence.Kind.EXTRA:
        return gettext("open as well")
    return gettext("closed") if one.schedule_id else gettext("the clinician is away")


def _time_of(one: Absence) -> str:
    zone = one.schedule.time_zone if one.schedule else one.timetable.clinician.user.time_zone
    return spoken(one.starts, one.ends, zone)


def _next_free(row: Schedule) -> list[str]:
    kind, today = row.visit_types.filter(retired_at=None).first(), _today(row)
    if kind is None:
        return []
    last = today + timedelta(days=row.horizon_days)
    found = free([row], kind, first=today, last=last, at=clock.now(), limit=NEXT_FREE)
    local = ZoneInfo(row.time_zone)
    return [f"{date_format(one.starts.astimezone(local), 'l j F Y, H:i')}, {kind.name}" for one in found]


def _hours_act(row: Schedule) -> Act:
    now = [
        (one.weekday, one.begins, one.ends)
        for one in row.hours.all()
        if one.since <= _today(row) and (one.until is None or one.until >= _today(row))
    ]
    lines = week_as_lines(now)

    class Filled(HoursForm):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, initial={**lines, "since": _today(row)}, **kwargs)

    done = _("The hours are set. What is booked stays booked.")
    help = _("A line for each day. To change the hours later, give the day from which on they hold.")
    return Act("hours", _("Set these hours"), set_hours, done, help=help, form=Filled)


def _rules_act(row: Schedule) -> Act:
    class Choosing(RulesForm):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            offered = VisitType.objects.filter(institution=row.institution_id, retired_at=None)
            self.fields["visit_types"].queryset = offered

    form = filled(
        Choosing,
        visit_types=list(row.visit_types.values_list("pk", flat=True)),
        notice_minutes=row.notice_minutes,
        horizon_days=row.horizon_days,
    )
    done = _("Saved. It holds for whoever books from now on.")
    return Act("rules", _("Save what can be booked"), change_rules, done, form=form)


def _take_back_act(absences) -> Act:
    class Which(forms.Form):
        """Which of them."""

        which = forms.ModelChoiceField(label=_("Which time"), queryset=absences, empty_label=_("Choose one"))

        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            self.fields["which"].label_from_instance = lambda one: f"{_time_of(one)}: {_kind_of(one)}"

    done = _("Taken back. The week holds again for this time.")
    return Act("back", _("Take this back"), take_back, done, form=Which)
