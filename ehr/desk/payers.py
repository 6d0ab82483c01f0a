# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Whom an institution asks about insurance, and by which codes it claims."""

from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.insurance import payers
from appointments.models import Payer, Tariff, VisitType
from ehr.desk.visiting import AtAnInstitution, Own, filled
from ehr.desk.worklist import Act, Facts, Line, Nothing, Section


class WayForm(forms.Form):
    """Where a payer is asked, and how."""

    our_number = forms.CharField(
        label=_("Our number with them"), max_length=80, help_text=_("In the United States the NPI, ten digits.")
    )
    way = forms.ChoiceField(label=_("How they are asked"), choices=Payer.Way.choices)
    url = forms.URLField(label=_("Address for eligibility"), max_length=300, assume_scheme="https")
    claims_url = forms.URLField(
        label=_("Address for claims, by FHIR"),
        max_length=300,
        required=False,
        assume_scheme="https",
        help_text=_("Without one, nothing is claimed there."),
    )
    token = forms.CharField(
        label=_("Their token for us"),
        max_length=2_000,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text=_("It is not shown again. Leave it empty to keep the one there is."),
    )


class NewPayer(WayForm, AtAnInstitution):
    """A payer."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("As it stands on the card."))
    number = forms.CharField(label=_("The payer’s number"), max_length=80)
    field_order = ["institution", "name", "number", "our_number", "way", "url", "claims_url", "token"]


class TariffForm(forms.Form):
    """By which code a kind of visit is claimed."""

    visit_type = forms.ModelChoiceField(label=_("Kind of visit"), queryset=VisitType.objects.none())
    system = forms.CharField(label=_("Code system"), max_length=200, help_text=_("Its address, as FHIR names it."))
    code = forms.CharField(label=_("Code"), max_length=40)

    def __init__(self, *args, institution, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.fields["visit_type"].queryset = VisitType.objects.filter(institution=institution, retired_at=None)


RETIRE = Act(
    "retire",
    _("Ask them no more"),
    payers.retire,
    _("They are not asked any more."),
    help=_("What patients have on file with them stays, and is asked about nowhere."),
    form=Nothing,
    grave=True,
)


@admin.register(Payer)
class Payers(Own):
    """The payers of the institutions that somebody administers."""

    title = _("Payers")
    lede = _("They are asked before a visit whether somebody is insured, and billed after it. They hear nothing else.")
    empty = _("No payer is in this list. Without one, patients pay and hand in their bills themselves.")
    views = (("asked", _("Asked")), ("retired", _("No longer asked")))
    new_form = NewPayer
    new_label = _("Add a payer")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(retired_at__isnull=view == "asked")

    def line(self, row: Payer) -> Line:
        said = gettext("%(place)s, asked by %(way)s") % {"place": row.institution.name, "way": row.get_way_display()}
        return Line(row.name, said)

    def facts(self, row: Payer) -> Facts:
        return [
            (_("Institution"), row.institution.name),
            (_("The payer’s number"), row.number),
            (_("Our number with them"), row.our_number),
            (_("How they are asked"), row.get_way_display()),
            (_("Address for eligibility"), row.url),
            (_("Address for claims"), row.claims_url or _("none, so nothing is claimed")),
            (_("Their token for us"), _("there is one") if row.token else _("none")),
            (_("No longer asked"), row.retired_at or _("no")),
        ]

    def sections(self, request: HttpRequest, row: Payer) -> list[Section]:
        rows = Tariff.objects.filter(visit_type__institution=row.institution).select_related("visit_type")
        lines = [Line(one.visit_type.name, f"{one.code} ({one.system})") for one in rows]
        return [Section(_("By which codes visits are claimed"), lines=lines)]

    def acts(self, request: HttpRequest, row: Payer) -> list[Act]:
        if row.retired_at:
            return []
        now = {name: getattr(row, name) for name in ("our_number", "way", "url", "claims_url")}
        save = Act("change", _("Save where they are asked"), payers.change, _("Saved."), form=filled(WayForm, **now))
        tariff = Act(
            "tariff",
            _("Set a code"),
            payers.claim_by,
            _("Visits of this kind are claimed by this code from now on."),
            form=partial(TariffForm, institution=row.institution),
        )
        return [save, tariff, RETIRE]

    def make(self, request: HttpRequest, *, institution, **asked) -> Payer:
        return payers.add(institution, by=request.user, **asked)
