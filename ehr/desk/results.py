# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""What studies found, as people will read it: one of the committee reads it first, and never their own."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from consent.keyholder.studies import DECIDES
from ehr.desk.worklist import Act, Facts, Line, Queue, Worklist
from research import results
from research.models import Result
from research.results import State

_LOOKS = {State.WAITING: "warn", State.SHOWN: "", State.REFUSED: "stop"}
ACTS = (
    Act(
        "show",
        _("Let people read it"),
        results.show,
        _("Everybody who takes or took part can read it."),
        help=_(
            "Look whether its words and what is behind the link say nothing of one person or a small group, promise "
            "nothing, and are plain enough. It also stands on the list of everybody who took part, for good."
        ),
    ),
    Act("refuse", _("Leave it unshown"), results.refuse, _("The researcher reads why."), grave=True),
)


@admin.register(Result)
class Results(Worklist):
    """What was handed in, the oldest first, and what became of it."""

    title = _("What studies found")
    lede = _("People who took part read this in their portal, once one of you has read it and let them.")
    empty = _("Nothing is in this list.")
    views = (("waiting", _("Waiting")), ("shown", _("Shown")), ("refused", _("Not shown")))

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(DECIDES)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("study__institution", "by", "decided_by")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request).filter(state=view)
        return every.order_by("at", "pk") if view == State.WAITING else every.order_by("-decided_at", "pk")

    def found(self, rows, words: str):
        return rows.filter(title__icontains=words) | rows.filter(study__title__icontains=words)

    def line(self, row: Result) -> Line:
        said = f"{row.study.title}, {row.study.institution}"
        return Line(
            title=row.title, said=said, tag=row.get_state_display(), look=_LOOKS[State(row.state)], since=row.at
        )

    def facts(self, row: Result) -> Facts:
        said = [
            (_("Study"), row.study.title),
            (_("Institution"), row.study.institution),
            (_("Handed in by"), row.by.name),
            (_("What people read"), row.plain),
            (_("Where it is published"), row.link or _("nothing is named")),
        ]
        if row.decided_by is not None:
            said += [(_("Decided by"), row.decided_by.name), (_("Reason"), row.reason)]
        return said

    def acts(self, request: HttpRequest, row: Result) -> list[Act]:
        return list(ACTS) if row.state == State.WAITING and row.by_id != request.user.pk else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, State.WAITING).exclude(by=request.user)
        oldest = rows.values_list("at", flat=True).first()
        return [Queue(_("Results to read before people do"), rows.count(), self.address(), oldest=oldest)]
