# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Systems that send, and their messages that could not be taken in. What a message says is shown to nobody here."""

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from ehr.accounts.operations import Refused
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Reason, Section, Worklist, waiting
from ehr.intake import again, feeds, repair
from ehr.intake.hl7v2.charsets import CODECS
from ehr.intake.models import Broken, Feed, Kind, Translation
from providers.models import Institution

TOKEN_PAGE = "desk/feed_token.html"  # noqa: S105 - a template's name


class NewFeed(forms.Form):
    """Which system, whose, what it sends, and from where."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Patients read it on their lists: North Laboratory.")
    )
    institution = forms.ModelChoiceField(
        label=_("Institution"), queryset=Institution.objects.order_by("name"), empty_label=_("Choose one")
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it sends"), choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )
    peers = forms.CharField(
        label=_("Addresses for MLLP, if it uses that"),
        max_length=300,
        required=False,
        help_text=_("Separated by commas: 10.20.0.7, 10.20.1.0/24."),
    )
    application = forms.CharField(label=_("Application it names (MSH-3)"), max_length=200, required=False)
    facility = forms.CharField(label=_("Facility it names (MSH-4)"), max_length=200, required=False)
    charset = forms.ChoiceField(
        label=_("Character set where a message names none"),
        choices=[("", _("UTF-8")), *((name, name) for name in CODECS if name not in ("UTF-8", "UNICODE"))],
        required=False,
    )

    def clean_peers(self) -> list[str]:
        """Return the addresses as a list."""
        return [one.strip() for one in self.cleaned_data["peers"].split(",") if one.strip()]


class Meaning(forms.Form):
    """What one of a sender's own names means."""

    of = forms.ChoiceField(label=_("What it is"), choices=Translation.Of.choices)
    given = forms.CharField(label=_("As the sender writes it"), max_length=200)
    given_system = forms.CharField(label=_("Of a code: the sender's name for its list"), max_length=100, required=False)
    system = forms.CharField(label=_("System it means (an address or urn:oid:…)"), max_length=200, required=False)
    code = forms.CharField(label=_("Code or UCUM unit it means"), max_length=200, required=False)
    display = forms.CharField(label=_("In words"), max_length=200, required=False)


def renew(feed: Feed, *, by) -> dict[str, object]:
    """Give a feed another token; return what is shown, this once."""
    return {"token": feeds.renew(feed, by=by), "name": feed.source.name}


RENEW = Act(
    "renew",
    _("Make a new token"),
    renew,
    _("The token is new. The one before lets nothing in any more."),
    help=_("Agree on the minute with them: until they use the new one, nothing of theirs is taken in."),
    form=Nothing,
    page=TOKEN_PAGE,
)
STOP = Act(
    "stop",
    _("Take nothing more from this system"),
    feeds.stop,
    _("Nothing more is taken from this system. What it sent stays."),
    form=Nothing,
    grave=True,
)
TRANSLATE = Act(
    "translate",
    _("Say what this means"),
    feeds.translate,
    _("It is read so from the next message on. What came before stays as it was read."),
    form=Meaning,
)


@admin.register(Feed)
class Feeds(Worklist):
    """The systems that send, those in use first."""

    title = _("Systems that send")
    lede = _("They can write into records and never read. What they send is sealed to the patient's keys at once.")
    empty = _("No system is in this list.")
    views = (("in-use", _("In use")), ("stopped", _("Stopped")))
    new_form = NewFeed
    new_label = _("Register a system")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("source", "institution").order_by("source__name")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(stopped_at__isnull=view == "in-use")

    def line(self, row: Feed) -> Line:
        tag = gettext("stopped") if row.stopped_at else ""
        return Line(title=row.source.name, said=row.institution.name, tag=tag, look="plain", since=row.registered_at)

    def facts(self, row: Feed) -> Facts:
        names = dict(Kind.choices)
        return [
            (_("Institution"), row.institution.name),
            (_("Sends"), ", ".join(str(names[kind]) for kind in row.kinds)),
            (_("Addresses for MLLP"), ", ".join(row.peers) or _("none")),
            (_("Names itself"), " / ".join(one for one in (row.application, row.facility) if one) or _("anything")),
            (_("Registered"), row.registered_at),
        ]

    def sections(self, request: HttpRequest, row: Feed) -> list[Section]:
        newest = row.taken.order_by("-at").first()
        came = [
            (_("Messages taken in"), row.taken.count()),
            (_("Last taken in"), newest.at if newest else _("nothing yet")),
            (_("Waiting for repair"), row.broken.filter(state=Broken.State.WAITING).count()),
        ]
        meant = [
            Line(title=one.given, said=" ".join(part for part in (one.system, one.code, one.display) if part))
            for one in row.translations.order_by("of", "given")
        ]
        return [Section(_("What it sent"), facts=came), Section(_("What its own names mean"), lines=meant)]

    def acts(self, request: HttpRequest, row: Feed) -> list[Act]:
        return [TRANSLATE, RENEW, STOP] if row.stopped_at is None and self.may_make(request) else []

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("intake.manage_feed")

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new system, register it, and show its token in the answer: it is kept nowhere to be shown again."""
        if not (self.has_view_permission(request) and self.may_make(request)):
            raise Http404
        form = NewFeed(request.POST or None)
        if form.is_valid():
            try:
                feed, token = feeds.register(by=request.user, **form.cleaned_data)
            except Refused as stop:
                form.add_error(None, str(stop))
            else:
                came = {"token": token, "name": feed.source.name}
                done = gettext("It is registered.")
                return render(request, TOKEN_PAGE, {"worklist": self, "came": came, "done": done})
        status = 422 if form.is_bound else 200
        return render(request, "desk/new.html", {"worklist": self, "form": form}, status=status)


TRY_AGAIN = Act(
    "again",
    _("Try it again"),
    again.try_again,
    _("It was taken in. Nothing of it is kept here any more."),
    help=_("It is opened for this one try by the keyholder, and by nobody here. That stands on the log."),
    form=Nothing,
)
GIVE_UP = Act(
    "give-up",
    _("Give it up"),
    repair.give_up,
    _("It is given up, and destroyed. Ask the sender to send it anew where it matters."),
    form=Reason,
    grave=True,
)


@admin.register(Broken)
class BrokenMessages(Worklist):
    """Messages that could not be taken in: which, since when, and what is wrong by place and rule."""

    title = _("Messages to repair")
    lede = _(
        "They are sealed: here stands what is wrong, not what they say. Mend the cause with the sender, then try again."
    )
    empty = _("No message is in this list.")
    views = (("waiting", _("Waiting")), ("closed", _("Closed")))

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("feed__source", "feed__institution", "closed_by")

    def rows(self, request: HttpRequest, view: str):
        rows = self.get_queryset(request)
        if view == "waiting":
            return rows.filter(state=Broken.State.WAITING).order_by("received_at", "pk")
        return rows.exclude(state=Broken.State.WAITING).order_by("-closed_at", "pk")

    def line(self, row: Broken) -> Line:
        said = _problem(row.problems[0]) if row.problems else ""
        kind = row.kind or row.get_channel_display()
        title = f"{row.feed.source.name}: {kind}"
        return Line(title=title, said=said, tag=row.get_state_display(), look="plain", since=row.received_at)

    def facts(self, row: Broken) -> Facts:
        return [
            (_("Sender"), row.feed.source.name),
            (_("Whom to call"), f"{row.feed.institution.name}: {row.feed.institution.contact}"),
            (_("Kind"), row.kind or row.get_channel_display()),
            (_("Came"), row.received_at),
            (_("How often"), row.times),
            (_("Size"), ngettext("%(count)s byte", "%(count)s bytes", row.size) % {"count": f"{row.size:,}"}),
            (_("Tried again"), row.tried_at or _("not yet")),
            (
                _("Kept until"),
                row.received_at + repair.KEPT if row.state == Broken.State.WAITING else _("not any more"),
            ),
        ]

    def sections(self, request: HttpRequest, row: Broken) -> list[Section]:
        wrong = [Line(title=one["where"] or gettext("The whole"), said=one["words"]) for one in row.problems]
        parts = [Section(_("What is wrong"), lines=wrong)]
        if row.closed_at:
            by = row.closed_by.name if row.closed_by else gettext("by itself")
            told = [(_("Closed"), row.closed_at), (_("By"), by), (_("Why"), row.reason or row.get_state_display())]
            parts.append(Section(_("What came of it"), facts=told))
        return parts

    def acts(self, request: HttpRequest, row: Broken) -> list[Act]:
        may = row.state == Broken.State.WAITING and request.user.has_perm("intake.repair_message")
        return [TRY_AGAIN, GIVE_UP] if may else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "waiting")
        week = repair.KEPT / 4
        return [waiting(_("Messages to repair"), rows, self.address(), since="received_at", late_after=week)]


def _problem(one: dict[str, str]) -> str:
    return f"{one['where']} {one['words']}".strip()
