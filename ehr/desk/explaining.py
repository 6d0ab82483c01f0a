"""Can X see Y, and why? A dry run of the one decision: six lines with words, nothing opened, on the patient's log."""

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent import access
from consent.models import Grant
from consent.sharing import explaining
from ehr.accounts.attempts import TooMany
from ehr.desk.worklist import Worklist
from ehr.frame import sessions
from ehr.frame.categories import about
from ehr.frame.forms import DayField
from ehr.words import Purpose

PURPOSES = (
    (Purpose.TREAT, _("to treat")),
    (Purpose.HPAYMT, _("to settle bills")),
    (Purpose.HOPERAT, _("to run services, legal copies included")),
)


class QuestionForm(forms.Form):
    """Whose record, and who would look. The patient exactly; of the reader's name a part is enough."""

    name = forms.CharField(label=_("The patient’s full name"), max_length=200)
    birth_date = DayField(label=_("The patient’s birth date"))
    reader = forms.CharField(label=_("Who would look"), help_text=_("A part of their name is enough."), max_length=100)
    purpose = forms.ChoiceField(label=_("What for"), choices=PURPOSES)


class WhichForm(forms.Form):
    """Which of several readers is meant."""

    which = forms.ChoiceField(label=_("Whom do you mean?"), widget=forms.RadioSelect)

    def __init__(self, found: list, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["which"].choices = [
            (str(one.user.pk), f"{one.name}, {one.place}" if one.place else one.name) for one in found
        ]


@admin.register(Grant)
class Explaining(Worklist):
    """One page: a question and its answer. No list of permissions is here, and nothing typed stands in an address."""

    title = _("Can this person see that, and why?")

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:  # noqa: ARG002 - Django's signature
        return request.user.has_perm("consent.explain_access")

    def pages(self, prefix: str) -> list[URLPattern]:
        """Return the one address of this page."""
        return [path(prefix, self.admin_site.admin_view(self.list_page), name="consent_grant_changelist")]

    def list_page(self, request: HttpRequest) -> HttpResponse:
        """Ask, choose among readers where several are found, and read the answer."""
        if not self.has_view_permission(request):
            raise Http404
        form = QuestionForm(request.POST if request.method == "POST" else None)
        context = {"worklist": self, "form": form}
        if form.is_valid():
            try:
                context |= self._answer(request, form)
            except (explaining.NotFound, TooMany, access.MayNotAsk) as problem:
                form.add_error(None, str(problem))
        return render(request, "desk/explain.html", context, status=422 if form.errors else 200)

    def _answer(self, request: HttpRequest, form: QuestionForm) -> dict[str, object]:
        """Return the lines of the answer, or the readers to choose from. Raises NotFound, TooMany, MayNotAsk."""
        told = form.cleaned_data
        found = explaining.readers(told["reader"], by=request.user)
        if not found:
            form.add_error("reader", gettext("No clinician you may ask about has this in their name."))
            return {}
        patient = explaining.find(
            name=told["name"], birth_date=told["birth_date"], by=request.user, address=sessions.address(request)
        )
        which = WhichForm(found, request.POST if "which" in request.POST else None)
        chosen = found[0] if len(found) == 1 else None
        if which.is_valid():
            chosen = next(one for one in found if str(one.user.pk) == which.cleaned_data["which"])
        if chosen is None:
            return {"which": which}
        lines = access.explain(patient, reader=chosen.user, by=request.user, purpose=Purpose(told["purpose"]))
        return {"reader": chosen, "patient": patient, "lines": [(about(one.part), one) for one in lines]}
