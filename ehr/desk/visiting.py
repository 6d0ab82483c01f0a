# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Where an institution's visits happen and what can be booked: its administrators' lists, with prices and policy."""

from decimal import Decimal
from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments import places, video
from appointments.insurance.facts import Nonsense, smallest, written
from appointments.models import Place, VisitType
from appointments.places import Price
from ehr.desk import closing
from ehr.desk.worklist import Act, Facts, Line, Nothing, Section, Worklist
from ehr.frame.categories import About
from ehr.frame.categories import about as about_part
from ehr.frame.forms import NameField
from ehr.frame.part_forms import PartsForm
from providers import queries
from providers.models import Institution
from providers.rules import NotPossible

NO_SERVICE = _("This server has no service for video, so nobody can book visits by video. Its operator sets VIDEO_URL.")


class AtAnInstitution(forms.Form):
    """Something new at one of the institutions that somebody administers."""

    def __init__(self, *args, institutions, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"] = forms.ModelChoiceField(label=_("Institution"), queryset=institutions)
        if len(institutions) == 1:
            self.fields["institution"].initial = institutions[0]
        self.order_fields(["institution"])


class AddressForm(forms.Form):
    """Where it is, and how to get in: what patients read."""

    address = forms.CharField(label=_("Address"), max_length=300, help_text=_("As patients find it on a map."))
    way_in = forms.CharField(
        label=_("How to get in"),
        max_length=300,
        required=False,
        help_text=_("The entrance, the floor, a lift, where to park."),
    )
    telephone = forms.CharField(label=_("Telephone"), max_length=40, required=False)


class NewPlace(AddressForm, AtAnInstitution):
    """A place."""

    name = NameField(label=_("Name"), max_length=120, help_text=_("As patients know it, such as Harbour House."))
    time_zone = forms.CharField(
        label=_("Time zone"),
        max_length=64,
        required=False,
        help_text=_("By its city, such as America/Toronto. The institution’s own, if left empty. It stays."),
    )
    field_order = ["institution", "name", "address", "way_in", "telephone", "time_zone"]


class TermsForm(PartsForm):
    """What a visit is for, costs and needs."""

    asks = _("Parts of the record it needs")
    warns = _("Patients are asked about these again, each by itself.")

    about = forms.CharField(label=_("What it is for"), max_length=300, required=False)
    price = forms.DecimalField(label=_("Price"), min_value=0, max_digits=9, initial=Decimal(0))
    currency = forms.CharField(
        label=_("Currency"), max_length=3, initial="CAD", help_text=_("Three letters, such as CAD.")
    )
    free_cancel_hours = forms.IntegerField(
        label=_("Cancelling is free until so many hours before"), min_value=0, max_value=24 * 60, initial=24
    )
    late_fee_percent = forms.IntegerField(
        label=_("Percent of the price kept when somebody cancels later"), min_value=0, max_value=100, initial=0
    )
    no_show_percent = forms.IntegerField(
        label=_("Percent of the price kept when nobody comes"), min_value=0, max_value=100, initial=0
    )
    field_order = [
        "about", "price", "currency", "free_cancel_hours", "late_fee_percent", "no_show_percent",
        "ordinary", "sensitive",
    ]  # fmt: skip

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.offer()

    def hint(self, part: About) -> str:
        """Say nothing below a part's name: those words are to patients, about their own record."""
        return ""


class NewVisitType(AtAnInstitution, TermsForm):
    """A kind of visit."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("As patients choose it, such as First visit."))
    mode = forms.ChoiceField(label=_("Where"), choices=VisitType.Mode.choices)
    minutes = forms.IntegerField(label=_("How many minutes it lasts"), min_value=5, step_size=5, initial=30)
    before_minutes = forms.IntegerField(label=_("Minutes kept free before it"), min_value=0, step_size=5, initial=0)
    after_minutes = forms.IntegerField(label=_("Minutes kept free after it"), min_value=0, step_size=5, initial=0)
    field_order = [
        "institution", "name", "mode", "minutes", "before_minutes", "after_minutes", *TermsForm.field_order
    ]  # fmt: skip

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if video.provider() is None:
            self.fields["mode"].help_text = NO_SERVICE


def change_place(place: Place, *, by, **told) -> None:
    """Put an address right."""
    places.change_place(place, by=by, **told)


def change_visit_type(kind: VisitType, *, by, about: str, ordinary=(), sensitive=(), **terms) -> None:
    """Change what a kind of visit says, costs and needs."""
    places.change_visit_type(kind, by=by, about=about, price=_price(**terms), needs=[*ordinary, *sensitive])


def _price(*, price: Decimal, currency: str, **policy: int) -> Price:
    currency = currency.strip().upper()
    try:
        return Price(smallest(price, currency), currency, **policy)
    except Nonsense:
        raise NotPossible(gettext("This currency has no such small part. Give a price that can be paid.")) from None


def filled(form: type[forms.Form], **initial) -> type[forms.Form]:
    """Return a form that shows what holds now."""
    made = type(form.__name__, (form,), {"__doc__": form.__doc__})
    made.base_fields = {name: _with(field, initial.get(name)) for name, field in form.base_fields.items()}
    return made


def _with(field: forms.Field, initial) -> forms.Field:
    copy = field.__deepcopy__({})
    if initial is not None:
        copy.initial = initial
    return copy


CLOSE = Act(
    "close",
    _("Close this place for good"),
    places.close_place,
    _("This place is closed. Its schedules are no longer used."),
    help=_("Nobody can book here any more. Visits that lie ahead are moved or cancelled first."),
    form=Nothing,
    grave=True,
)
RETIRE = Act(
    "retire",
    _("Offer this no longer"),
    places.retire_visit_type,
    _("It is no longer offered. What is booked stays booked."),
    help=_("Nobody can book it any more. What is booked stays booked."),
    form=Nothing,
    grave=True,
)


class Own(Worklist):
    """Rows of the institutions that somebody administers, and of no other."""

    def get_queryset(self, request):
        rows = super().get_queryset(request).select_related("institution")
        return rows.filter(institution__in=queries.administered_by(request.user))

    def may_make(self, request: HttpRequest) -> bool:
        return queries.administered_by(request.user).exists()

    def form_of_new(self, request: HttpRequest):
        return partial(self.new_form, institutions=queries.administered_by(request.user))


@admin.register(Place)
class Places(Own):
    """The places of the institutions that somebody administers."""

    title = _("Places")
    lede = _("Where visits happen. Patients read the address and how to get in.")
    empty = _("No place is in this list. Open one, then give clinicians their hours there.")
    views = (("open", _("Open")), ("closed", _("Closed")))
    new_form = NewPlace
    new_label = _("Open a place")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(closed_at__isnull=view == "open")

    def line(self, row: Place) -> Line:
        return Line(
            row.name, f"{row.institution.name}, {row.address}", gettext("closed") if row.closed_at else "", "plain"
        )

    def facts(self, row: Place) -> Facts:
        return [
            (_("Institution"), row.institution.name),
            (_("Address"), row.address),
            (_("How to get in"), row.way_in or _("nothing said")),
            (_("Telephone"), row.telephone or _("none")),
            (_("Time zone"), row.time_zone),
            (_("Closed"), row.closed_at or _("no")),
        ]

    def sections(self, request: HttpRequest, row: Place) -> list[Section]:
        used = row.schedules.filter(retired_at=None).select_related("timetable__clinician")
        lines = [Line(one.timetable.clinician.full_name, "") for one in used]
        return [Section(_("Who works here"), lines=lines), *([] if row.closed_at else [closing.section(row)])]

    def acts(self, request: HttpRequest, row: Place) -> list[Act]:
        if row.closed_at:
            return []
        form = filled(AddressForm, address=row.address, way_in=row.way_in, telephone=row.telephone)
        words = _("Save the address")
        change = Act("change", words, change_place, _("Patients read the new address from now on."), form=form)
        return [change, *closing.acts(row), CLOSE]

    def make(self, request: HttpRequest, **asked) -> Place:
        return places.open_place(by=request.user, **asked)


@admin.register(VisitType)
class VisitTypes(Own):
    """What can be booked at the institutions that somebody administers."""

    title = _("Kinds of visit")
    lede = _("How long they last, what they cost, what cancelling late costs, and what of the record they need.")
    empty = _("No kind of visit is in this list. Offer one, then put it into clinicians’ schedules.")
    views = (("offered", _("Offered")), ("retired", _("No longer offered")))
    new_form = NewVisitType
    new_label = _("Offer a kind of visit")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(retired_at__isnull=view == "offered")

    def line(self, row: VisitType) -> Line:
        said = gettext("%(length)s, %(price)s") % {"length": _length(row), "price": _cost(row)}
        return Line(row.name, said, gettext("by video") if row.mode == VisitType.Mode.VIDEO else "", "plain")

    def facts(self, row: VisitType) -> Facts:
        parts = [str(about_part(one).name) for one in row.needs]
        return [
            (_("Institution"), row.institution.name),
            (_("What it is for"), row.about or _("nothing said")),
            (_("Where"), _where(row)),
            (_("It lasts"), _length(row)),
            (_("Kept free around it"), gettext("%(before)d minutes before, %(after)d after")
             % {"before": row.before_minutes, "after": row.after_minutes}),
            (_("Price"), _cost(row)),
            (_("Cancelling"), policy(row)),
            (_("Parts of the record it needs"), ", ".join(parts) or _("none")),
            (_("No longer offered"), row.retired_at or _("no")),
        ]  # fmt: skip

    def acts(self, request: HttpRequest, row: VisitType) -> list[Act]:
        if row.retired_at:
            return []
        terms = ("about", "currency", "free_cancel_hours", "late_fee_percent", "no_show_percent")
        initial = {name: getattr(row, name) for name in terms}
        form = filled(
            TermsForm, price=written(row.price, row.currency), ordinary=row.needs, sensitive=row.needs, **initial
        )
        done = _("Saved. It holds for what is booked from now on; what is booked keeps its price and its policy.")
        help = _("To change how long it lasts, offer another kind of visit and offer this one no longer.")
        return [Act("change", _("Save what it costs and needs"), change_visit_type, done, help=help, form=form), RETIRE]

    def make(self, request: HttpRequest, *, institution: Institution, ordinary=(), sensitive=(), **asked) -> VisitType:
        terms = ("price", "currency", "free_cancel_hours", "late_fee_percent", "no_show_percent")
        price = _price(**{name: asked.pop(name) for name in terms})
        return places.offer_visit_type(
            institution, by=request.user, price=price, needs=[*ordinary, *sensitive], **asked
        )


def _length(row: VisitType) -> str:
    return ngettext("%(count)d minute", "%(count)d minutes", row.minutes) % {"count": row.minutes}


def _where(row: VisitType) -> str:
    """Return where it is held, and where it cannot be: production has no service for video of its own accord."""
    if video.can_be_held(row):
        return row.get_mode_display()
    return f"{row.get_mode_display()}. {NO_SERVICE}"


def _cost(row: VisitType) -> str:
    return f"{written(row.price, row.currency)} {row.currency}" if row.price else gettext("free of charge")


def policy(row: VisitType) -> str:
    """Return what cancelling and not coming cost, in a sentence or two."""
    if not row.price or not (row.late_fee_percent or row.no_show_percent):
        return gettext("Costs nothing.")
    free = ngettext(
        "Free until %(count)d hour before.", "Free until %(count)d hours before.", row.free_cancel_hours
    ) % {"count": row.free_cancel_hours}
    later = gettext("Later %(late)d percent of the price is kept, and %(never)d percent when nobody comes.")
    return f"{free} {later % {'late': row.late_fee_percent, 'never': row.no_show_percent}}"
