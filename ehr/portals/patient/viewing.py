"""View as: the patient's own record as a named reader would see it at this moment."""

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from consent import access, queries
from consent.access import Presence
from consent.countries import names as country_names
from ehr.frame import paging
from ehr.frame.categories import all_six
from ehr.frame.roles import patient_only, unlocked
from ehr.lines import chart
from ehr.portals.patient import sections
from ehr.portals.patient.blocks import whom
from ehr.words import Purpose

NOWHERE = "unknown"
# What a permission may be for, as it stands in the address.
PURPOSES = {"treatment": Purpose.TREAT, "copy": Purpose.HOPERAT}


class WhereForm(forms.Form):
    """As if in which country: those that the patient's permissions to this reader name, elsewhere, or unknown."""

    place = forms.ChoiceField(label=gettext_lazy("As if they were in"), required=False)

    def __init__(self, codes: list[str], *args, **kwargs):
        super().__init__(*args, **kwargs)
        named = [(code, country_names()[code]) for code in codes]
        self.fields["place"].choices = [*named, (NOWHERE, _("a country that cannot be told"))]
        self.codes = codes

    def chosen(self) -> str:
        """Return the country code, "" for one that cannot be told; without an answer the first that is named."""
        told = self.cleaned_data.get("place") if self.is_valid() else ""
        return "" if told == NOWHERE else told or next(iter(self.codes), "")


@require_GET
@patient_only
@unlocked
def view_as(request: HttpRequest, reader: UUID) -> HttpResponse:
    """What this reader sees now, decided as for them and opened with the patient's own keys."""
    person = whom(request, reader)
    named = {code for grant in queries.between(request.patient, person.user) for code in grant.places}
    where = WhereForm(sorted(named), request.GET)
    place, purpose = where.chosen(), request.GET.get("for", "treatment")
    seen = access.view_as(
        request.patient,
        reader=person.user,
        keyring=request.keyring,
        purpose=PURPOSES.get(purpose, Purpose.TREAT),
        presence=Presence(place=place),
    )
    laid = chart.build(seen.chart.entries)
    page = paging.page(request, sections.pages(sections.rows(laid)), size=1)
    context = {
        "person": person,
        "seen": seen,
        "parts": [{"about": part, "open": part.slug in seen.chart.categories} for part in all_six()],
        "chosen": any(grant.is_bundle for grant in seen.chart.grants),
        "page": page,
        "groups": sections.grouped(page.object_list[0]),
        "where": where if named else None,
        "country": country_names().get(place, ""),
        "for": purpose if purpose in PURPOSES else "treatment",
    }
    return render(request, "patient/view_as.html", context)
