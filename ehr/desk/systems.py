# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Where institutions' own systems are told that something happened, and what did not reach them."""

from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ehr.accounts.operations import Refused
from ehr.desk.oversight import Undelivered
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist
from ehr.notices import hooks
from ehr.notices.models import Digest, Hook, HookParcel
from providers.models import Institution

SECRET_PAGE = "desk/hook_secret.html"  # noqa: S105 - a template's name


class NewHook(forms.Form):
    """Whose system, and where it listens."""

    institution = forms.ModelChoiceField(
        label=_("Institution"), queryset=Institution.objects.order_by("name"), empty_label=_("Choose one")
    )
    url = forms.URLField(
        label=_("Address of its system"),
        max_length=500,
        assume_scheme="https",
        help_text=_("It begins with https:// and is reached over the public network. Ask them for it in writing."),
    )


def renew(hook: Hook, *, by) -> dict[str, object]:
    """Give a hook another secret; return what is shown, this once."""
    return {"secret": hooks.renew(hook, by=by), "url": hook.url}


RENEW = Act(
    "renew",
    _("Make a new secret"),
    renew,
    _("The secret is new. What is sent from now on is signed with it, and no longer with the one before."),
    help=_("Agree on the minute with them: until they use the new one, they refuse what is sent."),
    form=Nothing,
    page=SECRET_PAGE,
)
STOP = Act(
    "stop",
    _("Tell this system nothing more"),
    hooks.stop,
    _("This system is told nothing more. What waited for it is given up."),
    form=Nothing,
    grave=True,
)


def _of_institution():
    return Subquery(Institution.objects.filter(pk=OuterRef("institution")).values("name")[:1])


@admin.register(Hook)
class Hooks(Worklist):
    """The systems that are told, those in use first."""

    title = _("Systems of institutions")
    lede = _("They are told a kind, a time and an id, signed; never a name, nor anything about health.")
    empty = _("No system is in this list.")
    views = (("in-use", _("In use")), ("stopped", _("Stopped")))
    new_form = NewHook
    new_label = _("Set up a system")

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(place=_of_institution()).order_by("place", "-made_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(enabled=view == "in-use")

    def line(self, row: Hook) -> Line:
        tag = "" if row.enabled else gettext("stopped")
        return Line(
            title=row.place or "", said=urlsplit(row.url).hostname or "", tag=tag, look="plain", since=row.made_at
        )

    def facts(self, row: Hook) -> Facts:
        return [(_("Institution"), row.place), (_("Address"), row.url), (_("Set up"), row.made_at)]

    def sections(self, request: HttpRequest, row: Hook) -> list[Section]:
        sent = row.parcels.filter(delivered_at__isnull=False)
        newest = sent.order_by("-delivered_at").first()
        waiting = row.parcels.filter(delivered_at=None, gave_up_at=None)
        facts = [
            (_("Accepted"), sent.count()),
            (_("Last accepted"), newest.delivered_at if newest else _("nothing yet")),
            (_("On their way"), waiting.count()),
            (_("Given up"), row.parcels.filter(gave_up_at__isnull=False).count()),
        ]
        return [Section(_("What it was told"), facts=facts)]

    def acts(self, request: HttpRequest, row: Hook) -> list[Act]:
        return [RENEW, STOP] if row.enabled and self.may_make(request) else []

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notices.manage_hook")

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new hook, set it up, and show its secret in the answer: it is kept nowhere to be shown again."""
        if not (self.has_view_permission(request) and self.may_make(request)):
            raise Http404
        form = NewHook(request.POST or None)
        if form.is_valid():
            try:
                place, url = form.cleaned_data["institution"], form.cleaned_data["url"]
                hook, secret = hooks.set_up(place.pk, url=url, by=request.user)
            except Refused as stop:
                form.add_error("url", str(stop))
            else:
                came = {"secret": secret, "url": hook.url}
                return render(request, SECRET_PAGE, {"worklist": self, "came": came, "done": gettext("It is set up.")})
        status = 422 if form.is_bound else 200
        return render(request, "desk/new.html", {"worklist": self, "form": form}, status=status)


@admin.register(HookParcel)
class UndeliveredHooks(Undelivered):
    """What institutions' systems were not told yet."""

    title = _("Messages to systems that wait")
    lede = _("A system that is down is tried again by itself for about five days. Then somebody must call them.")

    def get_queryset(self, request):
        place = Subquery(Institution.objects.filter(pk=OuterRef("hook__institution")).values("name")[:1])
        return super().get_queryset(request).annotate(place=place)

    def facts(self, row: HookParcel) -> Facts:
        return [(_("Institution"), row.place), *super().facts(row)]

    def queues(self, request: HttpRequest) -> list[Queue]:
        given_up = self.rows(request, "given-up")
        gone = Queue(_("Messages to systems given up"), given_up.count(), f"{self.address()}?view=given-up", late=True)
        return [*super().queues(request), gone]


@admin.register(Digest)
class UndeliveredDigests(Undelivered):
    """Letters that tell of several things at once."""

    title = _("Digests that wait")
    lede = _("One letter for a day or a week, with counts. Only how often it comes is shown here, not to whom.")
