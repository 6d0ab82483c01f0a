"""The telephone to which reminders come as text messages: put in, proven by a code, taken away."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ehr.accounts.operations import Refused
from ehr.frame import roles, sessions
from ehr.notices import telephones
from ehr.portals.front.forms import TelephoneNumber, TextedCode


@require_http_methods(["GET", "POST"])
@roles.signed_in
def telephone(request: HttpRequest) -> HttpResponse:
    """One number: who has none types it, who was sent a code types that, and whoever has one takes it away."""
    user = request.user
    if "remove" in request.POST:
        telephones.remove(user=user)
        messages.success(request, _("The number is gone. No text message goes there any more."))
        return redirect("front:telephone")
    number = TelephoneNumber(request.POST if "number" in request.POST else None)
    code = TextedCode(request.POST if "code" in request.POST else None)
    form, act, done = number, telephones.ask, _("A code is on its way to that number. Type it here.")
    if code.is_bound:
        form, act, done = code, telephones.prove, _("Reminders of your visits come to this number from now on.")
    if form.is_valid():
        try:
            act(user=user, address=sessions.address(request), **form.cleaned_data)
        except Refused as refused:
            form.add_error(next(iter(form.fields)), refused.message)
        else:
            messages.success(request, done)
            return redirect("front:telephone")
    found = telephones.of(user)
    context = {
        "form": form,
        "number": number,
        "code": code,
        "found": found,
        "shown": telephones.shown(found) if found else "",
    }
    return render(request, "front/telephone.html", context)
