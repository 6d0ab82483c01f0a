"""Guardians, on both sides: whom one asks to keep a share, and for whom one keeps one."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import recovering
from ehr.accounts import guardians, operations, queries
from ehr.frame import roles, sessions
from ehr.portals.front.forms import AskGuardian, Spoken


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def guardian(request: HttpRequest) -> HttpResponse:
    """Whom one asked, what came of it, and how to end it."""
    asked = queries.guardian_of(request.user)
    how = request.POST.get("how")
    form = AskGuardian(request.POST if how == "ask" else None)
    try:
        if form.is_bound and form.is_valid():
            guardians.ask(user=request.user, email=form.cleaned_data["email"], address=sessions.address(request))
            messages.success(request, _("They are asked. You will read here what they answer."))
            return redirect("front:guardian")
        if asked is not None and how == "entrust":
            guardians.entrust(asked, user=request.user, keyring=request.keyring)
            messages.success(request, _("They keep a share for you now."))
            return redirect("front:guardian")
        if asked is not None and how == "end":
            guardians.end(asked, by=request.user, keyring=request.keyring)
            messages.success(request, _("It is ended. What they kept for you opens nothing any more."))
            return redirect("front:guardian")
    except operations.Refused as refused:
        form = form if form.is_bound else AskGuardian({})
        form.add_error(None, refused.message)
    return render(request, "front/guardian.html", {"form": form, "asked": asked})


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def guarding(request: HttpRequest, asked_id) -> HttpResponse:
    """For whom one keeps a share: agree, decline, end it, and hand it over when they lost their keys."""
    asked = queries.wards_of(request.user).filter(pk=asked_id).first()
    if asked is None:
        raise Http404
    how = request.POST.get("how")
    form = Spoken(request.POST if how == "give" else None)
    try:
        if how == "agree":
            guardians.agree(asked, by=request.user, keyring=request.keyring)
            messages.success(request, _("Thank you. They are told, and give you their share at their next visit."))
            return redirect("front:guarding", asked_id)
        if how == "end":
            guardians.end(asked, by=request.user)
            messages.success(request, _("It is ended, and they are told."))
            return redirect("front:account")
        if form.is_bound and form.is_valid():
            recovering.hand_over(asked, by=request.user, keyring=request.keyring, spoken=form.cleaned_data["spoken"])
            messages.success(request, _("Your share is with them. You need do nothing more."))
            return redirect("front:account")
    except operations.Refused as refused:
        form = form if form.is_bound else Spoken({})
        form.add_error(None, refused.message)
    context = {"form": form, "asked": asked, "waits": guardians.waits_for(asked)}
    return render(request, "front/guarding.html", context)
