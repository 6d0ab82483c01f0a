# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""How an institution's time is used: charts with a table beside each, for its administrators, and as a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments import reports, zones
from appointments.models import Appointment
from appointments.reports import Ahead, Period, Report, Share
from ehr import clock
from ehr.desk.worklist import Worklist
from ehr.frame.forms import DayField
from ehr.lines import bars, trend
from providers import queries
from providers.models import Institution

WEEKS = 12
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class PeriodForm(forms.Form):
    """Of which institution, from when to when."""

    institution = forms.ModelChoiceField(label=_("Institution"), queryset=Institution.objects.none(), empty_label=None)
    first = DayField(label=_("From"))
    last = DayField(label=_("Until"))

    def __init__(self, *args, institutions, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = institutions

    def clean(self):
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first and last and last < first:
            self.add_error("last", _("Choose a last day that is not before the first."))
        elif first and last and (last - first).days >= reports.LONGEST_DAYS:
            self.add_error("last", _("Choose a year at most."))


@dataclass(frozen=True)
class Chart:
    """A heading, a sentence, a picture, and the same as a table."""

    title: str
    said: str
    picture: SafeString | str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def lines(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The rows of the table: what each is about, and its cells with the head above them."""
        return [(row[0], list(zip(self.heads[1:], row[1:], strict=True))) for row in self.rows]


@admin.register(Appointment)
class VisitReports(Worklist):
    """One page. No visit and no patient is on it; only who administers an institution sees that institution's."""

    title = _("How time is used")

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        may = request.user.has_perm("appointments.view_schedule")
        return may and queries.administered_by(request.user).exists()

    def pages(self, prefix: str) -> list[URLPattern]:
        """Return the addresses of the page and of its file."""
        view = self.admin_site.admin_view
        return [
            path("reports/visits/", view(self.list_page), name="appointments_appointment_changelist"),
            path("reports/visits.csv", view(self.file), name="appointments_appointment_file"),
        ]

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Show the charts of a period: of the last twelve whole weeks, unless another one is asked for."""
        form, found, institution = self._asked(request)
        context = {
            "worklist": self,
            "form": form,
            "institution": institution,
            "report": found,
            "charts": charts(found) if found else [],
            "file": f"{self.address('file')}?{_query(form)}" if found else "",
        }
        return render(request, "desk/visit_reports.html", context, status=422 if form.errors else 200)

    def file(self, request: HttpRequest) -> HttpResponse:
        """Return the same figures as CSV. Raises Http404 where no period is asked for that can be told."""
        _form, found, _institution = self._asked(request)
        if found is None:
            raise Http404
        response = HttpResponse(written(found), content_type="text/csv; charset=utf-8")
        name = f"visits-{found.period.first.isoformat()}-{found.period.last.isoformat()}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _asked(self, request: HttpRequest) -> tuple[PeriodForm, Report | None, Institution | None]:
        if not self.has_view_permission(request):
            raise Http404
        own = queries.administered_by(request.user).order_by("name")
        told = {**_usual(own[0]), **request.GET.dict()}
        form = PeriodForm(told, institutions=own)
        if not form.is_valid():
            if "institution" in form.errors:
                raise Http404
            return form, None, None
        asked = form.cleaned_data
        return form, reports.report(asked["institution"], Period(asked["first"], asked["last"])), asked["institution"]


def _usual(institution: Institution) -> dict[str, str]:
    """Return what is asked where nothing is: the last twelve whole weeks, of one's first institution."""
    last = reports.monday_of(zones.local_day(clock.now(), institution.time_zone)) - timedelta(days=1)
    first = last - timedelta(weeks=WEEKS) + timedelta(days=1)
    return {"institution": str(institution.pk), "first": first.isoformat(), "last": last.isoformat()}


def _query(form: PeriodForm) -> str:
    asked = form.cleaned_data
    return f"institution={asked['institution'].pk}&first={asked['first'].isoformat()}&last={asked['last'].isoformat()}"


# --- Charts ----------------------------------------------------------------------------------------
def charts(found: Report) -> list[Chart]:
    """Return all charts of a report."""
    return [
        _weekly(found),
        _used(found.by_clinician, gettext("Booked time by clinician")),
        _used(found.by_place, gettext("Booked time by place")),
        _lead(found),
        _missed(found.missed_by_place, gettext("Visits to which nobody came, by place"), _missed_in_all(found)),
        _missed(found.missed_by_kind, gettext("Visits to which nobody came, by kind of visit")),
        _waiting(found),
    ]


def hours(minutes: int) -> str:
    """Return minutes as people say them: 12 h 30 min."""
    return gettext("%(hours)d h %(minutes)02d min") % {"hours": minutes // 60, "minutes": minutes % 60}


def _percent(one: Share) -> str:
    return gettext("none offered") if one.percent is None else f"{one.percent} %"


def _when(day: date) -> str:
    return date_format(day, "j M Y")


def _weekly(found: Report) -> Chart:
    points = [
        trend.Point(one.monday, Decimal(one.used.percent), str(one.used.percent), _when(one.monday))
        for one in found.weeks
        if one.used.percent is not None
    ]
    title = gettext("Booked of offered time, week by week")
    rows = [(_when(one.monday), hours(one.used.part), hours(one.used.whole), _percent(one.used)) for one in found.weeks]
    heads = (gettext("Week from"), gettext("Booked"), gettext("Offered"), gettext("Share"))
    said = gettext("%(booked)s of %(offered)s that could be booked: %(share)s.") % {
        "booked": hours(found.used.part), "offered": hours(found.used.whole), "share": _percent(found.used),
    }  # fmt: skip
    said += " " + gettext(
        "Offered are the hours of the schedules, less closures and what is busy elsewhere. Minutes kept free around"
        " visits are among them, and nobody can book those."
    )
    return Chart(title, said, trend.svg(points, name=title, unit="%"), heads, rows)


def _used(shares: Sequence[Share], title: str) -> Chart:
    drawn = [bars.Bar(one.name, one.share or 0.0, _percent(one)) for one in shares]
    described = "; ".join(f"{one.name}: {_percent(one)}" for one in shares)
    rows = [(one.name, hours(one.part), hours(one.whole), _percent(one)) for one in shares]
    heads = (gettext("Who or where"), gettext("Booked"), gettext("Offered"), gettext("Share"))
    picture = bars.svg(drawn, title=title, description=described, whole=1.0)
    return Chart(title, "" if shares else gettext("Nothing was offered or booked."), picture, heads, rows)


def days(number: float) -> str:
    """Return so many days as people say it; half days happen in the middle of an even number of visits."""
    words = f"{number:g}"
    return ngettext("%(days)s day", "%(days)s days", 1 if number == 1 else 2) % {"days": words}


def of_visits(number: int) -> str:
    return ngettext("of %(count)d visit", "of %(count)d visits", number) % {"count": number}


def _lead(found: Report) -> Chart:
    title = gettext("Days from booking to visit, by kind of visit")
    said = gettext("Nobody had a visit.")
    if (all_of := found.ahead) is not None:
        said = gettext("Half of them waited %(median)s or less, nine tenths %(most)s or less, %(of)s.") % {
            "median": days(all_of.median),
            "most": days(all_of.ninetieth),
            "of": of_visits(all_of.visits),
        }
        said += " " + gettext("A visit that was moved counts from when its last time was chosen.")
    drawn = [bars.Bar(one.name, one.median, _of_ahead(one), one.visits < reports.FEW) for one in found.ahead_by_kind]
    described = "; ".join(f"{one.name}: {_of_ahead(one)}" for one in found.ahead_by_kind)
    rows = [(one.name, days(one.median), days(one.ninetieth), of_visits(one.visits)) for one in found.ahead_by_kind]
    heads = (
        gettext("Kind of visit"),
        gettext("Half waited at most"),
        gettext("Nine tenths at most"),
        gettext("Counted"),
    )
    return Chart(title, said, bars.svg(drawn, title=title, description=described), heads, rows)


def _of_ahead(one: Ahead) -> str:
    return f"{days(one.median)}, {of_visits(one.visits)}"


def _of_missed(one: Share) -> str:
    told = ngettext("%(part)d of %(whole)d visit", "%(part)d of %(whole)d visits", one.whole)
    told %= {"part": one.part, "whole": one.whole}
    return told if one.is_few else f"{one.percent} %, {told}"


def _missed_in_all(found: Report) -> str:
    """Return a sentence about all visits that are over."""
    missed = found.missed
    total = Share("", missed.missed, missed.missed + missed.kept)
    if not total.whole:
        return gettext("No visit is over yet.")
    said = gettext("In all %(told)s.") % {"told": _of_missed(total)}
    if missed.disputed:
        said += " " + ngettext(
            "%(count)d of them is disputed, and nobody answered yet.",
            "%(count)d of them are disputed, and nobody answered yet.",
            missed.disputed,
        ) % {"count": missed.disputed}
    return said + " " + gettext("Below %(few)d visits no percentage is told, and bars are pale.") % {"few": reports.FEW}


def _missed(shares: Sequence[Share], title: str, said: str = "") -> Chart:
    drawn = [bars.Bar(one.name, one.share or 0.0, _of_missed(one), one.is_few) for one in shares]
    described = "; ".join(f"{one.name}: {_of_missed(one)}" for one in shares)
    rows = [(one.name, str(one.part), str(one.whole), _of_missed(one)) for one in shares]
    heads = (gettext("Where or what"), gettext("Nobody came"), gettext("Visits"), gettext("Share"))
    said = said or ("" if shares else gettext("No visit is over yet."))
    return Chart(title, said, bars.svg(drawn, title=title, description=described, whole=1.0), heads, rows)


def _waiting(found: Report) -> Chart:
    title = gettext("Days that the waiting list won, week by week")
    won = found.won
    said = gettext("No earlier time was offered.")
    if won.offered:
        said = gettext("%(taken)d of %(offered)d offers were taken; visits came %(days)s sooner in all.") % {
            "taken": won.taken, "offered": won.offered, "days": days(won.days),
        }  # fmt: skip
    points = [trend.Point(one.monday, Decimal(one.won), str(one.won), _when(one.monday)) for one in found.weeks]
    rows = [(_when(one.monday), str(one.taken), days(one.won)) for one in found.weeks if won.offered]
    heads = (gettext("Week from"), gettext("Offers taken"), gettext("Won"))
    picture = trend.svg(points, name=title, unit=gettext("days")) if won.offered else ""
    return Chart(title, said, picture, heads, rows)


# --- The file --------------------------------------------------------------------------------------
def written(found: Report) -> str:
    """Return a report as CSV: what, of whom or when, and the numbers behind it. Names never begin a formula."""
    file = io.StringIO()
    out = csv.writer(file)
    out.writerow(["measure", "of", "part", "whole", "median_days", "ninetieth_days"])
    out.writerows([[_plain(cell) for cell in row] for row in _rows(found)])
    return file.getvalue()


def _rows(found: Report) -> Iterator[list[object]]:
    for one in found.weeks:
        yield ["booked-minutes-by-week", one.monday.isoformat(), one.used.part, one.used.whole, "", ""]
    for measure, shares in (
        ("booked-minutes-by-clinician", found.by_clinician),
        ("booked-minutes-by-place", found.by_place),
        ("missed-visits-by-place", found.missed_by_place),
        ("missed-visits-by-kind", found.missed_by_kind),
    ):
        for share in shares:
            yield [measure, share.name, share.part, share.whole, "", ""]
    for ahead in found.ahead_by_kind:
        yield ["days-ahead-by-kind", ahead.name, "", ahead.visits, ahead.median, ahead.ninetieth]
    for one in found.weeks:
        yield ["days-won-by-week", one.monday.isoformat(), one.won, one.taken, "", ""]


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
