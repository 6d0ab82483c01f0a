"""Pay for taking part in research: how it stands with each release, and where one has it sent."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from appointments.payments import amounts
from consent.access import KeysLocked
from ehr.frame.licence_forms import line
from ehr.frame.roles import patient_only, with_next
from providers.rules import NotPossible
from research.compensation import claiming, stages
from research.compensation.stages import Stage
from research.models import Due


class AccountForm(forms.Form):
    """An account on chain of one's own."""

    payee = line(
        gettext_lazy("Address of your account"),
        gettext_lazy("Copy the address of your account from your wallet."),
        max_length=60,
        help_text=gettext_lazy(
            "It begins with 0x. Copy it with its capital letters: they guard it against mistakes. Take an address you "
            "have given nobody, for everybody can see what is sent to it."
        ),
        widget=forms.TextInput({"spellcheck": "false", "autocapitalize": "off", "dir": "ltr"}),
    )


def told(due: Due) -> dict[str, object]:
    """Return how it stands with what one is due for a release: the amount, how far it is, since or until when."""
    at = stages.stage(due)
    paid_at = due.payout.paid_at if due.payout else due.taken_at
    return {
        "id": due.pk,
        "pay": amounts.words(due.amount, due.currency),
        "stage": str(at),
        "paid_at": paid_at if at == Stage.PAID else None,
        "returned_at": due.lapsed_at,
        "until": stages.last_day(due),
    }


@require_http_methods(["GET", "POST"])
@patient_only
def pay(request: HttpRequest, due: int) -> HttpResponse:
    """Say to which account a share goes, or leave it with the institution. It is said once."""
    found = claiming.due_of(request.patient, due)
    if found is None or found.set_aside is None:
        raise Http404
    to_account = request.method == "POST" and "leave" not in request.POST
    form = AccountForm(request.POST if to_account else None)
    if request.method == "POST" and (not to_account or form.is_valid()):
        try:
            _said(request, found, form)
        except KeysLocked:
            return redirect(with_next("front:unlock", request.path))
        except NotPossible as problem:
            if to_account:
                form.add_error("payee", str(problem))
            else:
                messages.warning(request, str(problem))
        else:
            return redirect("patient:research-uses")
    row = told(found)
    context = row | {
        "row": row,
        "form": form,
        "study": found.release.study,
        "unit": found.set_aside.unit,
        "wei": found.amount * found.set_aside.unit,
    }
    return render(request, "patient/research_pay.html", context, status=422 if form.errors else 200)


def _said(request: HttpRequest, due: Due, form: AccountForm) -> None:
    if form.is_bound:
        claiming.claim(due, keyring=request.keyring, payee=form.cleaned_data["payee"])
        messages.success(request, _("You have said where it goes. It is on its way to your account."))
    else:
        claiming.leave(due, keyring=request.keyring)
        messages.success(request, _("You left it with the institution, which pays you from now on."))
