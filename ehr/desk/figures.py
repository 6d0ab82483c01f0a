# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Figures, in one place: of how people are, from studies that are for that, and of how an institution works."""

from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ehr.desk.worklist import Line, Worklist
from providers import queries as providers
from research import queries
from research.figures import asking, shown
from research.figures.words import titles
from research.models import FigureRun, Study

ALL = "research.view_figurerun"
# Lists of the desk that count how an institution works, with what they tell.
WORK = (
    ("appointments_appointment", _("Booked and offered time, days ahead, missed visits, what the waiting list won")),
    ("appointments_schedule", _("Who offers time, where and when")),
)


@admin.register(FigureRun)
class Figures(Worklist):
    """What may be told of a population, to the committee, and to who administers the institution that asked.

    No record is opened for it and nobody is on it, so looking is on nobody's list.
    """

    title = _("Figures")

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(ALL) or request.user.has_perm("appointments.view_schedule")

    def pages(self, prefix: str) -> list[URLPattern]:
        """Return the addresses: of all, of one study's, and of its file."""
        view = self.admin_site.admin_view
        return [
            path("figures/", view(self.list_page), name="research_figurerun_changelist"),
            path("figures/<uuid:pk>/", view(self.one_page), name="research_figurerun_change"),
            path("figures/<uuid:pk>.csv", view(self.file), name="research_figurerun_file"),
        ]

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Show which figures there are: of people, and of the work of an institution."""
        if not self.has_view_permission(request):
            raise Http404
        context = {"worklist": self, "people": [self.line(one) for one in self._studies(request)]}
        return render(request, "desk/figures.html", context | {"work": self._work(request)})

    def line(self, row: Study) -> Line:
        last = asking.last_made(row)
        said = "; ".join(str(title) for title in titles(row))
        open_now = row.is_open
        return Line(
            title=row.title,
            said=f"{row.institution.name}. {said}",
            tag="" if open_now else gettext("over"),
            look="" if open_now else "plain",
            since=last.ended_at if last else None,
            url=self.address("change", row.pk),
        )

    def one_page(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show one study's figures as they stand."""
        found = self._study(request, pk)
        context = {"worklist": self, "study": found, "figures": shown.shown(found), "rules": queries.rules()}
        return render(request, "desk/figures_of.html", context | {"file": self.address("file", found.pk)})

    def file(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Return one study's figures of all months as CSV."""
        reply = HttpResponse(shown.written(self._study(request, pk)), content_type="text/csv; charset=utf-8")
        reply["Content-Disposition"] = 'attachment; filename="figures.csv"'
        return reply

    def _study(self, request: HttpRequest, pk: UUID) -> Study:
        found = self._studies(request).filter(pk=pk).first() if self.has_view_permission(request) else None
        if found is None:
            raise Http404
        return found

    def _studies(self, request: HttpRequest):
        every = asking.figure_studies()
        if request.user.has_perm(ALL):
            return every
        return every.filter(institution__in=providers.administered_by(request.user))

    def _work(self, request: HttpRequest) -> list[Line]:
        """Return the lists of operational figures that this person may see."""
        names = {f"{one.opts.app_label}_{one.opts.model_name}": one for one in self.admin_site.open_to(request)}
        return [Line(names[name].title, said, url=names[name].address()) for name, said in WORK if name in names]
