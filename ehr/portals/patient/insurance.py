"""My insurance: what is on file, with whom; adding a card, and taking one off."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from appointments.insurance import payers, policies
from appointments.models import Payer
from appointments.refusals import NotPossible
from consent.access import own_party
from ehr.frame.roles import patient_only


class PayerField(forms.ModelChoiceField):
    """Whom one is insured with, and where that is asked about."""

    def label_from_instance(self, obj: Payer) -> str:
        return _("%(payer)s, for visits at %(place)s") % {"payer": obj.name, "place": obj.institution.name}


class CardForm(forms.Form):
    """What stands on the card."""

    payer = PayerField(label=gettext_lazy("Insurer"), queryset=None, empty_label=gettext_lazy("Choose one"))
    member = forms.CharField(
        label=gettext_lazy("Member number"),
        max_length=policies.LONGEST,
        help_text=gettext_lazy("As it stands on the card."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the member number as it stands on the card.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["payer"].queryset = payers.to_choose()


@require_http_methods(["GET", "POST"])
@patient_only
def insurance(request: HttpRequest) -> HttpResponse:
    """What is on file; and a card to add, in the place of an older one with the same insurer."""
    form = CardForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            party = own_party(request.patient)
            policies.keep(request.patient, **form.cleaned_data, by=request.user, party=party)
        except NotPossible as problem:
            form.add_error("member", str(problem))
        else:
            messages.success(request, _("Your insurance is on file. They are asked before your next visit."))
            return redirect("patient:insurance")
    lines = [
        {"id": one.pk, "payer": one.payer.name, "place": one.payer.institution.name, "ends": policies.ending_of(one)}
        for one in payers.on_file(request.patient)
    ]
    context = {"form": form, "lines": lines, "any": payers.to_choose().exists()}
    return render(request, "patient/insurance.html", context)


@require_POST
@patient_only
def end(request: HttpRequest, policy: UUID) -> HttpResponse:
    """Take a card off file."""
    found = payers.one_on_file(request.patient, policy)
    if found is None:
        raise Http404
    policies.end(found, party=own_party(request.patient))
    messages.success(request, _("It is off file. They are not asked about you any more."))
    return redirect("patient:insurance")
