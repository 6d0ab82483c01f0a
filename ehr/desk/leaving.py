# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""What researchers were asked to destroy because somebody withdrew: what is overdue first. Nobody is named here."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.keyholder.studies import DECIDES
from ehr import clock
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Worklist
from research.leaving import attesting, telling
from research.leaving.told import Fate, fate
from research.models import Recall

_TAGS = {
    Fate.TOLD: (_("asked for"), "plain"),
    Fate.OVERDUE: (_("overdue"), "stop"),
    Fate.DESTROYED: (_("destroyed"), ""),
}
REMIND = Act(
    "remind",
    _("Remind the researcher"),
    telling.remind,
    _("The researcher was reminded."),
    help=_("They get a message, once a day at most. What is overdue keeps them from any other release of this study."),
    form=Nothing,
)


@admin.register(Recall)
class Recalls(Worklist):
    """What was asked back, for the committee and the privacy officer."""

    title = _("Data to be destroyed")
    lede = _("Somebody withdrew, and a researcher holds a release with their row in it. Nobody here sees who it was.")
    empty = _("Nothing is in this list.")
    views = (("overdue", _("Overdue")), ("waiting", _("Asked for")), ("destroyed", _("Destroyed")))

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(DECIDES) or request.user.has_perm("research.view_recall")

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("release__study__researcher__clinician__user", "release__study__institution")

    def rows(self, request: HttpRequest, view: str):
        every, now = self.get_queryset(request), clock.now()
        return {
            "overdue": every.filter(attested_at=None, due_at__lte=now).order_by("due_at", "pk"),
            "waiting": every.filter(attested_at=None, due_at__gt=now).order_by("due_at", "pk"),
            "destroyed": every.filter(attested_at__isnull=False).order_by("-attested_at", "pk"),
        }[view]

    def line(self, row: Recall) -> Line:
        word, look = _TAGS[fate(row, clock.now())]
        study = row.release.study
        said = f"{study.researcher}, {study.institution}"
        return Line(title=study.title, said=said, tag=word, look=look, since=row.at)

    def facts(self, row: Recall) -> Facts:
        study = row.release.study
        what = gettext("%(count)s rows") % {"count": row.rows} if row.rows else gettext("the whole file")
        said = [
            (_("Researcher"), study.researcher),
            (_("Institution"), study.institution),
            (_("Fetched"), row.release.ended_at),
            (_("What is to be destroyed"), what),
            (_("Asked for"), row.at),
            (_("Until"), row.due_at),
        ]
        if row.attested_at is not None:
            held = _("yes") if attesting.holds(row) else _("no. Tell the operator: somebody changed the row.")
            said += [(_("Said to be destroyed"), row.attested_at), (_("The signature fits"), held)]
        return said

    def acts(self, request: HttpRequest, row: Recall) -> list[Act]:
        return [REMIND] if row.attested_at is None else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        late = self.rows(request, "overdue")
        oldest = late.values_list("due_at", flat=True).first()
        return [
            Queue(_("Data that should be destroyed by now"), late.count(), self.address(), late=True, oldest=oldest)
        ]
