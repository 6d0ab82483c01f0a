# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Who acts for patients without keys: two of the staff see the papers and sign, each with their own keys.

Nothing of a record is here. What the signatures let somebody open, the keyholder decides for itself.
"""

from datetime import datetime, time
from functools import partial

from django import forms
from django.contrib import admin
from django.db.models import Count, Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from consent import authority, reach, sentences
from consent.acting import Right
from consent.delegates import vouching
from consent.models import Delegation, Vouching
from ehr import clock
from ehr.desk.worklist import Act, Facts, Line, Queue, Reason, Section, Worklist, waiting
from ehr.frame import roles
from ehr.frame.categories import all_six
from ehr.frame.forms import DayField, SignsInWith
from patients.models import Patient

PAPERS = [
    ("birth-certificate", _("birth certificate")),
    ("adoption-order", _("adoption order")),
    ("court-order", _("court order")),
    ("power-of-attorney", _("power of attorney")),
]
_RIGHTS = [
    (Right.READ.value, _("see the parts ticked below")),
    (Right.ADD.value, _("add to these parts")),
    (Right.SHARE.value, _("let clinicians see these parts")),
    (Right.LOG.value, _("see who looked")),
    (Right.APPOINTMENTS.value, _("see appointments")),
    (Right.BOOK.value, _("book, move and cancel appointments")),
]


class Papers(forms.Form):
    """Which papers were seen. Their numbers stay out."""

    document = forms.ChoiceField(
        label=_("The papers you saw"),
        choices=PAPERS,
        widget=forms.RadioSelect,
        help_text=_("And a document of the person before you, with their picture."),
    )


class Somebody(Papers):
    """Who is to act for a patient without keys, as what, in which matters, until when."""

    email = SignsInWith(
        label=_("The e-mail address or sign-in name they sign in with"),
        missing=_("Type what they sign in with."),
        odd=_("Type a whole e-mail address, or a sign-in name such as mona-4729."),
    )
    basis = forms.ChoiceField(label=_("As what they act"), widget=forms.RadioSelect)
    rights = forms.MultipleChoiceField(
        label=_("What they may do"), choices=_RIGHTS, widget=forms.CheckboxSelectMultiple
    )
    categories = forms.MultipleChoiceField(
        label=_("The parts of the record it is about"), widget=forms.CheckboxSelectMultiple, required=False
    )
    until = DayField(
        label=_("Until, that day included"),
        help_text=_("Two years at most. A parent’s ends when the child comes of age, whatever is written here."),
    )
    field_order = ["email", "basis", "rights", "categories", "until", "document"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["basis"].choices = [
            (str(basis), capfirst(str(sentences.AS_YOUR[basis]))) for basis in Delegation.Basis
        ]
        self.fields["categories"].choices = [(part.slug, part.name) for part in all_six()]


def begin(patient: Patient, *, by, until, keyring, **terms) -> Delegation:
    """Vouch as the first person, until the end of a day in the zone of whoever signs."""
    ends = timezone.make_aware(datetime.combine(until, time(23, 59)))
    return vouching.begin(patient, by=by, keyring=keyring, ends=ends, **terms)


def name_act(request: HttpRequest) -> Act:
    """Return the button on the page of a record without its patient, signed with the keys of whoever presses it."""
    return Act(
        "name",
        _("Confirm who acts for them"),
        partial(begin, keyring=request.keyring),
        _("You signed as the first person. A second one finds it under “Who acts for patients”."),
        help=_("For a small child, or somebody without an account: you see the papers, and sign with your own keys."),
        form=Somebody,
    )


@admin.register(Delegation)
class Delegations(Worklist):
    """Who acts for patients without keys. What patients signed themselves is theirs, and not here."""

    title = _("Who acts for patients")
    lede = _("Two of you see the papers, one after the other, and sign. Only then does anything open for them.")
    empty = _("Nobody is in this list.")
    views = (("new", _("Wait for a second person")), ("all", _("Confirmed")))

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm(vouching.VOUCHES)

    def get_queryset(self, request):
        vouched = Exists(Vouching.objects.filter(delegation=OuterRef("pk")))
        rows = super().get_queryset(request).filter(vouched, ended_at__isnull=True, ends__gt=clock.now())
        return rows.filter(patient__user=None).select_related("patient", "reader__user").order_by("made_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        counted = self.get_queryset(request).annotate(number=Count("vouchings"))
        enough = authority.VERIFIERS_NEEDED
        return counted.filter(number__lt=enough) if view == "new" else counted.filter(number__gte=enough)

    def before(self, request: HttpRequest, row) -> HttpResponse | None:
        return redirect(roles.step(request, "front:unlock")) if request.keyring is None else None

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name([row.patient for row in rows], to=request.user, because="delegation")

    def line(self, row: Delegation) -> Line:
        count = row.vouchings.count()
        said = ngettext("%(count)s person confirmed it", "%(count)s people confirmed it", count) % {"count": count}
        title = gettext("%(name)s for %(patient)s") % {"name": row.reader.name, "patient": row.patient.name}
        return Line(title=title, said=said, since=row.made_at)

    def facts(self, row: Delegation) -> Facts:
        return [
            (_("Patient"), row.patient.name),
            (_("Born"), row.patient.birth_date),
            (_("Who acts for them"), row.reader.user.name),
            (_("Their address here"), row.asked),
            (_("What you sign"), row.sentence),
        ]

    def sections(self, request: HttpRequest, row: Delegation) -> list[Section]:
        papers = dict(PAPERS)
        seen = [
            Line(title=one.by.name, said=papers.get(one.document, one.document), since=one.at)
            for one in row.vouchings.select_related("by").order_by("at")
        ]
        return [Section(_("Who saw the papers"), lines=seen)]

    def notes(self, request: HttpRequest, row: Delegation) -> list[str]:
        return [gettext("In doubt do not confirm: a parent who may not have the child’s record can come with papers.")]

    def acts(self, request: HttpRequest, row: Delegation) -> list[Act]:
        withdraw = Act(
            "withdraw",
            _("End it"),
            vouching.withdraw,
            _("It is ended. Nothing opens for them any more."),
            help=_("When the papers changed, or it should not have been confirmed."),
            form=Reason,
            grave=True,
        )
        mine = row.reader.user_id == request.user.pk or row.vouchings.filter(by=request.user).exists()
        if mine or row.vouchings.count() >= authority.VERIFIERS_NEEDED:
            return [withdraw]
        return [self._confirm(request), withdraw]

    def _confirm(self, request: HttpRequest) -> Act:
        return Act(
            "confirm",
            _("I saw the papers, and sign"),
            partial(vouching.confirm, keyring=request.keyring),
            _("You signed as the second person. They are told."),
            help=_("The sentence above is what you sign, with your own keys."),
            form=Papers,
        )

    def queues(self, request: HttpRequest) -> list[Queue]:
        return [waiting(self.title, self.rows(request, "new"), self.address(), since="made_at")]
