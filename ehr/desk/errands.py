"""What must reach people who have no mailbox: a letter to print, or a call, and a note that it was done.

The words are those of the letter. They name no part of a record, and nothing about health.
"""

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent import inviting
from ehr import clock
from ehr.accounts import queries
from ehr.desk.papers import name_people
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Worklist, waiting
from ehr.notices import errands, kinds
from ehr.notices.models import Errand


class How(forms.Form):
    """How somebody was told."""

    how = forms.ChoiceField(label=_("How they were told"), choices=Errand.How.choices, widget=forms.RadioSelect)


def letter(errand: Errand, *, by) -> dict[str, object]:  # noqa: ARG001 - every verb of an act is told who
    """Return what goes on a letter, in its reader's language."""
    with translation.override(errand.user.language):
        return {
            "language": errand.user.language,
            "reach": queries.postal_address(errand.user),
            "name": errand.user.name,
            "sign_in_name": errand.user.sign_in_name,
            "words": str(kinds.of(errand.kind).post),
            "site": settings.SITE_URL,
            "at": clock.now(),
        }


LETTER = Act(
    "letter",
    _("Print the letter"),
    letter,
    _("Print this page and send it. Then say on the page before that you did."),
    help=_("It has their address and the words above, in large type."),
    form=Nothing,
    page="desk/letter.html",
)
TOLD = Act(
    "told",
    _("They were told"),
    inviting.told,
    _("It is noted, and stands on their own list."),
    help=_("Once the letter is in the post, or you spoke to them. On the telephone, say no more than the letter does."),
    form=How,
)


@admin.register(Errand)
class Errands(Worklist):
    """Whom to write to or call, the most pressing first."""

    title = _("To tell by letter or telephone")
    lede = _("These people have no e-mail address. Write to them or call them, and say no more than the letter does.")
    empty = _("Nobody is to be told.")
    views = (("open", _("To tell")), ("done", _("Told")))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user", "done_by")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        if view == "done":
            return every.filter(done_at__isnull=False).order_by("-done_at", "pk")
        return every.filter(done_at=None).order_by("due_at", "pk")

    def seen(self, request: HttpRequest, rows) -> None:
        name_people([row.user for row in rows], to=request.user, because="errand")

    def line(self, row: Errand) -> Line:
        late = row.done_at is None and row.due_at < clock.now()
        tag = gettext("late") if late else row.get_how_display()
        said = str(kinds.of(row.kind).subject)
        return Line(title=row.user.name, said=said, tag=tag, look="stop" if late else "plain", since=row.made_at)

    def facts(self, row: Errand) -> Facts:
        known = [
            (_("Name"), row.user.name),
            (_("Letters and calls"), queries.postal_address(row.user) or _("nothing noted")),
            (_("What to say"), kinds.of(row.kind).post),
            (_("Tell them by"), row.due_at),
        ]
        return [*known, (_("Told"), row.done_at), (_("By"), row.done_by.name)] if row.done_by else known

    def acts(self, request: HttpRequest, row: Errand) -> list[Act]:
        return [LETTER, TOLD] if row.done_at is None and request.user.has_perm(errands.TELLS) else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "open")
        queue = waiting(self.title, rows, self.address(), since="made_at")
        late = rows.filter(due_at__lt=clock.now()).exists()
        return [Queue(queue.title, queue.count, queue.url, late=late, oldest=queue.oldest)]
