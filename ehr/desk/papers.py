# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""People without e-mail: two of the staff see who they are, and each hands over half of a code on paper.

The halves are shown once, each to who made it, and kept nowhere. What is printed says nothing about health.
"""

import segno
from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from audit import log
from consent import inviting, reach
from ehr import clock
from ehr.accounts import on_paper, queries
from ehr.accounts.models import PaperInvitation, PostalAddress, User
from ehr.accounts.operations import Refused
from ehr.desk.inquiries import NumberedDocument
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist, waiting
from ehr.frame.forms import NameField
from patients.models import Patient

PAPER = "desk/paper.html"


def _reach() -> forms.CharField:
    return forms.CharField(
        label=_("Where letters and calls reach them"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off"}),
        help_text=_(
            "Postal address, and a telephone number if they have one. Whoever must tell them something sees it."
        ),
        error_messages={"required": _("Ask them for a postal address or a telephone number.")},
    )


class NewPaper(NumberedDocument):
    """Somebody without e-mail, as the first of two sees them."""

    name = NameField(
        label=_("Their full name, as the document has it"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reach = _reach()
    field_order = ["name", "document", "number", "reach"]


class Where(forms.Form):
    """Where letters go from now on."""

    reach = _reach()


def printed(handed: on_paper.Handed) -> dict[str, object]:
    """Return what goes on the paper of who made this half: a slip, or the sheet with which it can be used."""
    invitation = handed.invitation
    address = f"{settings.SITE_URL}{reverse('front:on-paper')}"
    return {
        "complete": handed.complete,
        "code": handed.code,
        "back": invitation.kind == PaperInvitation.Kind.BACK,
        "name": invitation.user.name,
        "sign_in_name": invitation.user.sign_in_name,
        "until": invitation.expires_at,
        "address": address,
        "picture": _picture(address),
    }


def _picture(address: str) -> str:
    """Return the page's address as a QR code: an inline SVG without style or script. No secret is in it."""
    drawn = segno.make(address, error="m").svg_inline(scale=4, border=4, light="#fff", svgclass="qr", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - drawn by us, from our own address


def confirm(invitation: PaperInvitation, *, by: User, document: str, number: str) -> dict[str, object]:
    """See somebody as the second of two; return the sheet, which is shown this once."""
    return printed(inviting.confirm(invitation, by=by, document=document, number=number))


def again(invitation: PaperInvitation, *, by: User) -> dict[str, object]:
    """Make one's own half anew; return its paper."""
    return printed(inviting.hand_again(invitation, by=by))


def back(row: PostalAddress, *, by: User, document: str, number: str) -> dict[str, object]:
    """Begin a paper for a new passphrase; return the slip."""
    return printed(inviting.invite_back(row.user, by=by, document=document, number=number))


def note(row: PostalAddress, *, by: User, reach: str) -> None:
    """Note where letters reach somebody."""
    inviting.note_address(row.user, reach=reach, by=by)


_SAME_PERSON = _("Name and document are those above, and the picture is of the person before you.")
CONFIRM = Act(
    "confirm",
    _("I saw this person and their document"),
    confirm,
    _("Your check is on file. Print this sheet now: its code is not shown again."),
    help=_SAME_PERSON,
    form=NumberedDocument,
    page=PAPER,
)
AGAIN = Act(
    "again",
    _("Make my half anew"),
    again,
    _("Your half is new. Print this page now: the one before works no more."),
    help=_("When your half was lost, or not printed. Your colleague’s half stays as it is."),
    form=Nothing,
    page=PAPER,
)
END = Act(
    "end",
    _("End this paper"),
    inviting.end,
    _("The paper opens nothing any more."),
    help=_("When it got lost, or was made in error."),
    form=Nothing,
    grave=True,
)
BACK = Act(
    "back",
    _("Begin a paper for a new passphrase"),
    back,
    _("Your check is on file. Print this slip now: its code is not shown again."),
    help=_("They forgot theirs. You are the first of two who see them. It signs in and unlocks nothing."),
    form=NumberedDocument,
    page=PAPER,
)
NOTE = Act(
    "note",
    _("Note another address"),
    note,
    _("It is noted, and they are told in their portal."),
    help=_("Only when they tell you so themselves, and you know that it is them."),
    form=Where,
)


def name_people(users: list[User], *, to: User, because: str) -> None:
    """Leave the lines of a page that names people: on their lists where they have a record, on the log for all."""
    reach.name(Patient.objects.filter(user__in=[user.pk for user in users]), to=to, because=because)
    shown = [str(user.pk) for user in users]
    log.record("account.shown", actor=queries.party(to), subject=None, details={"users": shown})


@admin.register(PaperInvitation)
class Papers(Worklist):
    """Papers that are being made, and those that are out."""

    title = _("Papers for people without e-mail")
    lede = _("Two of you see the person and their document, one after the other. Each hands over half of a code.")
    empty = _("No paper is in this list.")
    views = (("new", _("Wait for a second person")), ("out", _("Handed out")), ("over", _("Used or over")))
    new_form = NewPaper
    new_label = _("Begin a paper")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user").order_by("-made_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        under_way = every.under_way(clock.now())
        if view == "over":
            return every.exclude(pk__in=under_way.values("pk"))
        return under_way.filter(checks__half=2) if view == "out" else under_way.exclude(checks__half=2)

    def seen(self, request: HttpRequest, rows) -> None:
        name_people([row.user for row in rows], to=request.user, because="paper")

    def line(self, row: PaperInvitation) -> Line:
        count = row.checks.count()
        seen = ngettext("%(count)s check so far", "%(count)s checks so far", count) % {"count": count}
        return Line(title=row.user.name, said=seen, tag=self._state(row), look="plain", since=row.made_at)

    def _state(self, row: PaperInvitation) -> str:
        if row.used_at:
            return gettext("used")
        if row.ended_at or row.expires_at <= clock.now():
            return gettext("over")
        return ""

    def facts(self, row: PaperInvitation) -> Facts:
        return [
            (_("Name"), row.user.name),
            (_("Sign-in name"), row.user.sign_in_name),
            (_("It lets them"), row.get_kind_display()),
            (_("Begun"), row.made_at),
            (_("Works until"), row.expires_at),
            *([(_("Used"), row.used_at)] if row.used_at else []),
        ]

    def sections(self, request: HttpRequest, row: PaperInvitation) -> list[Section]:
        checks = row.checks.select_related("by").order_by("half")
        return [Section(_("Who saw them"), lines=[Line(one.by.name, one.document, since=one.at) for one in checks])]

    def notes(self, request: HttpRequest, row: PaperInvitation) -> list[str]:
        if self._state(row):
            return []
        return [gettext("No one of you has the whole code. The person types both halves, on their own device.")]

    def acts(self, request: HttpRequest, row: PaperInvitation) -> list[Act]:
        if self._state(row) or not self.may_make(request) or row.user_id == request.user.pk:
            return []
        if row.checks.filter(by=request.user).exists():
            return [AGAIN, END]
        return [END] if row.checks.filter(half=2).exists() else [CONFIRM, END]

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm(on_paper.ISSUES)

    def new_page(self, request: HttpRequest) -> HttpResponse:
        """Ask who it is, begin the paper, and show the slip in the answer: it is kept nowhere to be shown again."""
        if not (self.has_view_permission(request) and self.may_make(request)):
            raise Http404
        form = NewPaper(request.POST or None)
        if form.is_valid():
            try:
                handed = on_paper.invite(by=request.user, **form.cleaned_data)
            except Refused as stop:
                form.add_error(None, str(stop))
            else:
                done = gettext("Your check is on file. Print this slip now: its code is not shown again.")
                return render(request, PAPER, {"worklist": self, "came": printed(handed), "done": done})
        status = 422 if form.is_bound else 200
        return render(request, "desk/new.html", {"worklist": self, "form": form}, status=status)

    def queues(self, request: HttpRequest) -> list[Queue]:
        title = _("Papers that wait for a second person")
        return [waiting(title, self.rows(request, "new"), self.address(), since="made_at")]


@admin.register(PostalAddress)
class WithoutEmail(Worklist):
    """People who sign in with a name of ours, found by it or by theirs."""

    title = _("People without e-mail")
    lede = _("Make them a paper when they forgot their passphrase, and note where letters reach them.")
    empty = _("Nobody is in this list.")

    def get_queryset(self, request):
        rows = super().get_queryset(request).filter(user__vouched_at__isnull=False)
        return rows.select_related("user").order_by("user__name", "pk")

    def found(self, rows, words: str):
        return rows.filter(user__name__icontains=words) | rows.filter(user__sign_in_name__icontains=words)

    def seen(self, request: HttpRequest, rows) -> None:
        name_people([row.user for row in rows], to=request.user, because="paper")

    def line(self, row: PostalAddress) -> Line:
        return Line(title=row.user.name, said=row.user.sign_in_name)

    def facts(self, row: PostalAddress) -> Facts:
        return [
            (_("Name"), row.user.name),
            (_("Sign-in name"), row.user.sign_in_name),
            (_("E-mail address"), row.user.email or _("none")),
            (_("Letters and calls"), row.text),
            (_("Noted"), row.noted_at),
        ]

    def acts(self, request: HttpRequest, row: PostalAddress) -> list[Act]:
        may = request.user.has_perm(on_paper.ISSUES) and row.user_id != request.user.pk
        return [BACK, NOTE] if may else []
