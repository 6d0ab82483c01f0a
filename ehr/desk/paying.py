# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""What people are due for research, handed to an institution's payments in one file, and noted as paid once.

The file names people and sums; no study is in it. Each who is named finds on their list who fetched it.
"""

from functools import partial

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments.payments import amounts
from ehr.desk.worklist import Act, Facts, Line, Queue, Section, Worklist
from providers.rules import NotPossible
from research.compensation import paying, sums
from research.compensation.paying import PAYS, Owed
from research.models import Payout


def _come_out(currency: str) -> str:
    """Return how what people are due in a currency is made up, and whether the parts are the whole."""
    found = sums.sums(currency)
    parts = {
        "accrued": amounts.words(found.accrued, currency),
        "paid": amounts.words(found.paid, currency),
        "waiting": amounts.words(found.waiting + found.handed_on, currency),
        "held": amounts.words(found.in_contract, currency),
        "returned": amounts.words(found.returned, currency),
    }
    if found.even:
        return (
            gettext(
                "%(accrued)s in all: %(paid)s paid, %(waiting)s for institutions to pay, %(held)s in the contract, "
                "%(returned)s gone back. It comes out even."
            )
            % parts
        )
    return gettext("%(accrued)s in all do not come out even. Tell the operator: nothing is to be paid now.") % parts


class WhatWaits(forms.Form):
    """Which institution's debt, in which currency, is handed on."""

    what = forms.ChoiceField(label=_("What is handed on"), error_messages={"required": _("Choose what is handed on.")})

    def __init__(self, *args, owed: list[Owed], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["what"].choices = [(_key(one), _words(one)) for one in owed]


class Paid(forms.Form):
    """Under which reference the institution booked it."""

    reference = forms.CharField(
        label=_("Reference of the booking"),
        max_length=100,
        error_messages={"required": _("Give the reference under which it was paid.")},
    )


def _key(one: Owed) -> str:
    return f"{one.institution}:{one.currency}"


def _words(one: Owed) -> str:
    people = ngettext("%(count)s person", "%(count)s people", one.people) % {"count": one.people}
    return f"{one.name}: {amounts.words(one.total, one.currency)}, {people}"


PAID = Act(
    "paid",
    _("It is paid"),
    paying.note_paid,
    _("It is noted as paid. Everybody in it can read so."),
    help=_("Say so when your institution has paid everybody in the file. It cannot be taken back."),
    form=Paid,
)


@admin.register(Payout)
class Payouts(Worklist):
    """Files for payments, the newest first."""

    title = _("Pay for research")
    empty = _("No file is in this list.")
    views = (("waiting", _("Handed on")), ("paid", _("Paid")))
    new_form = WhatWaits
    new_label = _("Hand on what waits")

    @property
    def lede(self) -> str:
        """Return what this list is, and that the money comes out even, or the first difference."""
        said = [gettext("People are due what a study promised for each release. One file hands on all that waits.")]
        said += [_come_out(currency) for currency in sums.currencies()]
        return " ".join([*said, sums.difference(trees=False)])

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(PAYS)

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("institution", "made_by", "paid_by")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(paid_at__isnull=view == "waiting")

    def line(self, row: Payout) -> Line:
        return Line(
            title=f"{row.institution}, {amounts.words(row.total, row.currency)}",
            said=row.reference or gettext("handed on by %(name)s") % {"name": row.made_by.name},
            tag=_("paid") if row.paid_at else _("handed on"),
            look="" if row.paid_at else "warn",
            since=row.made_at,
        )

    def facts(self, row: Payout) -> Facts:
        said = [
            (_("Institution"), row.institution),
            (_("Sum"), amounts.words(row.total, row.currency)),
            (_("Handed on by"), row.made_by.name),
            (_("Handed on"), row.made_at),
        ]
        if row.paid_at is not None:
            said += [(_("Paid"), row.paid_at), (_("Noted by"), row.paid_by.name), (_("Reference"), row.reference)]
        return said

    def sections(self, request: HttpRequest, row: Payout) -> list[Section]:
        fetched = Line(
            title=gettext("Fetch the file for payments"),
            said=gettext("It names people. That you fetch it is written on the list of each of them first."),
            url=self.address("file", row.pk),
        )
        return [Section(_("File"), lines=[fetched])]

    def acts(self, request: HttpRequest, row: Payout) -> list[Act]:
        return [PAID] if row.paid_at is None else []

    def queues(self, request: HttpRequest) -> list[Queue]:
        return [
            Queue(_("People to be paid for research"), sum(one.people for one in paying.owed()), self.address("add"))
        ]

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PAYS)

    def form_of_new(self, request: HttpRequest):
        return partial(WhatWaits, owed=paying.owed())

    def make(self, request: HttpRequest, *, what: str) -> Payout:
        institution, _colon, currency = what.partition(":")
        return paying.hand_on(institution, currency, by=request.user)

    def extra(self):
        return [("file/", self.file_page, "file")]

    def file_page(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Hand out the file; that each person in it was named is on their lists before."""
        row = self.row(request, pk)
        try:
            written = paying.file(row, by=request.user)
        except NotPossible as stop:
            raise Http404 from stop
        reply = HttpResponse(written, content_type="text/csv; charset=utf-8")
        reply["Content-Disposition"] = f'attachment; filename="payout-{row.pk.hex[:12]}.csv"'
        reply["Cache-Control"] = "no-store"
        return reply
