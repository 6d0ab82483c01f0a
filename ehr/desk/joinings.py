# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Whose record is whose: two records of one person, and entries that landed on the wrong one. It takes two people."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from consent import reach
from ehr.accounts.operations import Refused
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Reason, Section, Worklist, waiting
from ehr.intake import joining, moving, strays
from ehr.intake.models import Feed, Joining, Stray
from patients.models import Patient
from patients.queries import by_identifiers


class TwoNumbers(Reason):
    """Two numbers, each of which somebody has shown or a sender vouches for."""

    system = forms.CharField(label=_("Numbering system of the first"), max_length=200)
    number = forms.CharField(
        label=_("Number of the first"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    other_system = forms.CharField(label=_("Numbering system of the second"), max_length=200)
    other_number = forms.CharField(
        label=_("Number of the second"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    field_order = ["system", "number", "other_system", "other_number", "reason"]


def confirm(row: Joining, *, by) -> None:
    """Say, as one of two, that these are one person's."""
    joining.confirm(row, by=by)


CONFIRM = Act(
    "confirm",
    _("They are one person"),
    confirm,
    _("Your word is on file. With a second one, what is sent under either number goes to one record."),
    help=_("You have compared documents, or spoken with the sender. Nothing of either record is opened."),
    form=Nothing,
)
REFUSE = Act("refuse", _("They are two people"), joining.refuse, _("They stay apart."), form=Reason)
UNDO = Act(
    "ask-undo",
    _("They are two people after all"),
    joining.ask_to_undo,
    _("A second person must say so too."),
    form=Reason,
    grave=True,
)
CONFIRM_UNDO = Act(
    "undo",
    _("Lead the numbers back"),
    joining.undo,
    _("Each number leads where it led before. Look for entries that landed wrong in the meantime."),
    form=Nothing,
    grave=True,
)


@admin.register(Joining)
class Joinings(Worklist):
    """Two records that may be one person's."""

    title = _("Two records of one person")
    lede = _("Two of you say so, one after the other. From then on what is sent goes to one record; nothing is opened.")
    empty = _("No two records are in this list.")
    views = (("open", _("To decide")), ("joined", _("Joined")), ("closed", _("Closed")))
    new_form = TwoNumbers
    new_label = _("Name two records")

    def get_queryset(self, request):
        people = ("kept", "gone", "first_by", "second_by", "undo_by", "undone_by", "feed__source")
        return super().get_queryset(request).select_related(*people)

    def rows(self, request: HttpRequest, view: str):
        states = {
            "open": [Joining.State.PROPOSED, Joining.State.UNDOING],
            "joined": [Joining.State.JOINED],
            "closed": [Joining.State.REFUSED, Joining.State.UNDONE],
        }
        return self.get_queryset(request).filter(state__in=states[view]).order_by("proposed_at", "pk")

    def seen(self, request: HttpRequest, rows) -> None:
        named = {one.pk: one for row in rows for one in (row.kept, row.gone)}
        reach.name(list(named.values()), to=request.user, because="joining")

    def line(self, row: Joining) -> Line:
        return Line(
            title=row.kept.name, said=row.gone.name, tag=row.get_state_display(), look="plain", since=row.proposed_at
        )

    def facts(self, row: Joining) -> Facts:
        by = row.feed.source.name if row.feed else row.first_by.name if row.first_by else ""
        return [(_("Said by"), by), (_("Said"), row.proposed_at), (_("Why"), row.reason or _("the sender says so"))]

    def sections(self, request: HttpRequest, row: Joining) -> list[Section]:
        parts = [
            Section(title, facts=_person(one))
            for title, one in ((_("The record that stays"), row.kept), (_("The record whose numbers move"), row.gone))
        ]
        words = [one.name for one in (row.first_by, row.second_by, row.undo_by, row.undone_by) if one]
        return [*parts, Section(_("Who has said so"), lines=[Line(title=name, said="") for name in words])]

    def notes(self, request: HttpRequest, row: Joining) -> list[str]:
        if row.gone.user_id is None:
            return []
        return [gettext("Both records have their person, with keys of their own. They must decide this themselves.")]

    def acts(self, request: HttpRequest, row: Joining) -> list[Act]:
        if not self.may_make(request):
            return []
        return {
            Joining.State.PROPOSED: [CONFIRM, REFUSE],
            Joining.State.JOINED: [UNDO],
            Joining.State.UNDOING: [CONFIRM_UNDO],
        }.get(Joining.State(row.state), [])

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("intake.join_records")

    def make(self, request: HttpRequest, **asked) -> Joining:
        """Propose that the records behind two numbers are one person's."""
        first = by_identifiers([(asked["system"], asked["number"])])
        second = by_identifiers([(asked["other_system"], asked["other_number"])])
        if first is None or second is None:
            raise Refused(gettext("No record is known for certain under one of these numbers. Compare them once more."))
        return joining.propose(first, second, by=request.user, reason=asked["reason"])

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "open")
        late = timedelta(days=7)
        return [waiting(_("Two records to compare"), rows, self.address(), since="proposed_at", late_after=late)]


def _person(patient: Patient) -> Facts:
    known = _("yes") if patient.user_id else _("not yet")
    return [(_("Name"), patient.name), (_("Born"), patient.birth_date), (_("Has its person"), known)]


class Message(Reason):
    """Which message, of which sender."""

    feed = forms.ModelChoiceField(
        label=_("Sender"),
        queryset=Feed.objects.select_related("source").order_by("source__name"),
        empty_label=_("Choose one"),
    )
    control_id = forms.CharField(
        label=_("What the sender calls the message (MSH-10, or the document's number)"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["feed", "control_id", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["feed"].label_from_instance = lambda feed: feed.source.name


def remove(row: Stray, *, by) -> None:
    """Take the entries out of the wrong record."""
    strays.remove(row, by=by)


REMOVE = Act(
    "remove",
    _("Take them out of this record"),
    remove,
    _("They are gone from this record. Ask the sender to send the message again, for the right person."),
    help=_("Their keys are destroyed, so nobody can bring them back here. The sender still has them."),
    form=Nothing,
    grave=True,
)


class ToWhom(forms.Form):
    """A number of the person it is about, which somebody has shown or a sender vouches for."""

    system = forms.CharField(label=_("Numbering system"), max_length=200)
    number = forms.CharField(
        label=_("Number of the person it is about"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def move(row: Stray, *, by) -> None:
    """Send the entry on to the record where it belongs."""
    moving.move(row, by=by)


SEND_ON = Act(
    "send-on",
    _("It belongs to somebody else here"),
    moving.send_on,
    _("Your word is on file. With a second one, it goes to their record and leaves this one."),
    help=_("You have asked the sender. Its patient handed it back, closed: nobody here reads it."),
    form=ToWhom,
)
MOVE = Act(
    "move",
    _("Send it on to this person"),
    move,
    _("It is in the record where it belongs, and gone from this one."),
    help=_("You have asked the sender, too, and compared name and birth date."),
    form=Nothing,
    grave=True,
)
KEEP = Act("keep", _("They are this patient's"), strays.keep, _("They stay where they are."), form=Reason)


@admin.register(Stray)
class Strays(Worklist):
    """Entries that may be in the wrong person's record. What they say is shown to nobody here."""

    title = _("Entries in the wrong record")
    lede = _("Somebody says that these are about another person. Ask the sender, then decide as the second one.")
    empty = _("No entry is in this list.")
    views = (("open", _("To decide")), ("closed", _("Decided")))
    new_form = Message
    new_label = _("Name a message")

    def get_queryset(self, request):
        people = ("patient", "said_by", "decided_by", "target", "target_by")
        return super().get_queryset(request).select_related(*people, "taken__feed__source", "feed__source")

    def rows(self, request: HttpRequest, view: str):
        rows = self.get_queryset(request).filter(decided_at__isnull=view == "open")
        return rows.order_by("said_at", "pk")

    def seen(self, request: HttpRequest, rows) -> None:
        named = {one.pk: one for row in rows for one in (row.patient, row.target) if one}
        reach.name(list(named.values()), to=request.user, because="stray")

    def line(self, row: Stray) -> Line:
        count = len(row.entries)
        said = ngettext("%(count)s entry", "%(count)s entries", count) % {"count": count}
        tag = (
            gettext("sent on")
            if row.moved
            else gettext("taken out")
            if row.removed
            else gettext("kept")
            if row.decided_at
            else ""
        )
        return Line(title=row.patient.name, said=said, tag=tag, look="plain", since=row.said_at)

    def facts(self, row: Stray) -> Facts:
        known = row.feed or (row.taken and row.taken.feed)
        sender = known.source.name if known else _("see who signed it, with the patient")
        return [
            (_("They are in the record of"), row.patient.name),
            (_("Born"), row.patient.birth_date),
            (_("Sent by"), sender),
            (_("Came"), row.taken.at if row.taken else _("see the patient's list")),
            (_("How many"), len(row.entries)),
            (_("Said by"), row.said_by.name),
            (_("Why"), row.reason),
            (_("Handed back by its patient"), _("yes") if row.body else _("no, or not any more")),
            *_to_whom(row),
            (_("Decided by"), row.decided_by.name if row.decided_by else _("nobody yet")),
        ]

    def acts(self, request: HttpRequest, row: Stray) -> list[Act]:
        own = request.user.pk in (row.said_by_id, row.patient.user_id)
        if row.decided_at is not None or not self.may_make(request) or own:
            return []
        back = [SEND_ON] if row.body else []
        if row.body and row.target and request.user.pk not in (row.target_by_id, row.target.user_id):
            back = [MOVE, SEND_ON]
        return [*back, REMOVE, KEEP]

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm("intake.remove_stray")

    def make(self, request: HttpRequest, **asked) -> Stray:
        """Name the entries of a message."""
        return strays.named_by_staff(
            asked["feed"], control_id=asked["control_id"], by=request.user, reason=asked["reason"]
        )[0]

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.rows(request, "open")
        late = timedelta(days=2)
        return [waiting(_("Entries in the wrong record"), rows, self.address(), since="said_at", late_after=late)]


def _to_whom(row: Stray) -> Facts:
    if row.target is None:
        return []
    return [
        (_("It belongs to"), row.target.name),
        (_("Who was born"), row.target.birth_date),
        (_("Says"), row.target_by.name if row.target_by else ""),
    ]
