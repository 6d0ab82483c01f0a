# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Unusual use by researchers, for the privacy officer: what a rule found, and what came of looking into it."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ehr.desk.worklist import Act, Facts, Line, Queue, Worklist, waiting
from research.models import Unusual
from research.watching import looking
from research.watching.looking import REVIEWS

LATE = timedelta(days=7)


class Said(forms.Form):
    """What came of it."""

    said = forms.CharField(
        label=_("What came of looking into it"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": _("Say in a sentence what you found.")},
    )


REVIEW = Act("review", _("I looked into it"), looking.review, _("It is noted, with your name."), form=Said)


@admin.register(Unusual)
class UnusualUse(Worklist):
    """What stood out, the oldest first."""

    title = _("Unusual use by researchers")
    lede = _("A rule found this in what somebody asked or fetched. It is no accusation: look, and ask them.")
    empty = _("Nothing stands out.")
    views = (("waiting", _("To look into")), ("reviewed", _("Looked into")))

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(REVIEWS)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("by", "reviewed_by")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        if view == "waiting":
            return every.filter(reviewed_at=None).order_by("found_at", "pk")
        return every.filter(reviewed_at__isnull=False)

    def line(self, row: Unusual) -> Line:
        look = "warn" if row.reviewed_at is None else "plain"
        tag = _("to look into") if row.reviewed_at is None else _("looked into")
        return Line(title=row.by.name, said=row.get_why_display(), tag=tag, look=look, since=row.found_at)

    def facts(self, row: Unusual) -> Facts:
        times = ngettext("%(count)s time", "%(count)s times", row.count) % {"count": row.count}
        said = [
            (_("Researcher"), row.by.name),
            (_("What stands out"), row.get_why_display()),
            (_("How often"), times),
            (_("From"), row.first),
            (_("To"), row.last),
        ]
        if row.reviewed_at is not None:
            name = row.reviewed_by.name if row.reviewed_by else gettext("nobody")
            said += [(_("Looked into by"), name), (_("On"), row.reviewed_at), (_("What came of it"), row.said)]
        return said

    def acts(self, request: HttpRequest, row: Unusual) -> list[Act]:
        return [REVIEW] if row.reviewed_at is None and row.by_id != request.user.pk else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        return [waiting(_("Unusual use by researchers"), rows, self.address(), since="found_at", late_after=LATE)]
