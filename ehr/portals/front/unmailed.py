"""People without e-mail: a paper from the desk lets them in, and an address can be added later and taken away again."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import inviting
from ehr.accounts import links, mailboxes, operations, queries
from ehr.accounts.models import Link
from ehr.frame import roles, sessions
from ehr.portals.front.entering import go_in
from ehr.portals.front.forms import AddEmail, OnPaper, Passphrase


@require_http_methods(["GET", "POST"])
def on_paper(request: HttpRequest) -> HttpResponse:
    """Sign-in name and two codes from paper, and a passphrase. One message for whatever does not fit."""
    form = OnPaper(request.POST or None)
    if form.is_valid():
        try:
            signed_in = inviting.redeem(**form.cleaned_data, address=sessions.address(request))
        except operations.TooWeak as weak:
            form.add_error("passphrase", weak.message)
        except operations.Refused as refused:
            form.add_error(None, refused.message)
        else:
            return _onward(request, signed_in)
    return render(request, "front/on_paper.html", {"form": form})


def _onward(request: HttpRequest, signed_in: operations.SignedIn) -> HttpResponse:
    """Lead somebody new to their record; somebody who was here before signs in, with the second step they may have."""
    if signed_in.keyring is not None:
        return go_in(request, signed_in, onward=roles.address_of("front:begin"))
    sessions.drop(request)
    messages.success(request, _("Your new passphrase is set. Sign in with it."))
    return redirect("front:sign-in")


@require_http_methods(["GET", "POST"])
@roles.signed_in
def email(request: HttpRequest) -> HttpResponse:
    """What one signs in with, where letters go, and the address that one adds or takes away."""
    user = request.user
    if user.sign_in_name is None:
        raise Http404
    may_remove = inviting.may_remove_email(user)
    form = (Passphrase if user.email else AddEmail)(request.POST or None)
    if form.is_valid():
        told = {**form.cleaned_data, "address": sessions.address(request)}
        try:
            if not user.email:
                mailboxes.ask(user=user, **told)
                messages.success(request, _("A letter is on its way to that address. Open the link in it to go on."))
                return redirect("front:email")
            inviting.remove_email(user=user, **told)
            messages.success(request, _("The address is gone. You sign in with your sign-in name."))
            return redirect("front:email")
        except operations.Refused as refused:
            form.add_error(None, refused.message)
    context = {"form": form, "may_remove": may_remove, "reach": queries.postal_address(user)}
    return render(request, "front/email.html", context)


@require_http_methods(["GET", "POST"])
def add_email(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the letter to a new address: the passphrase of whose account it is adds it."""
    link = links.find(token, Link.Kind.ADD)
    if link is None:
        return render(request, "front/link_over.html", {"kind": "add-email"}, status=404)
    form = Passphrase(request.POST or None)
    if form.is_valid():
        try:
            mailboxes.add(token=token, passphrase=form.cleaned_data["passphrase"], address=sessions.address(request))
        except operations.Refused as refused:
            form.add_error("passphrase", refused.message)
        else:
            messages.success(request, _("The address is added. You can sign in with it, or with your sign-in name."))
            return redirect("front:account" if request.user.is_authenticated else "front:sign-in")
    # Whoever else reads that mailbox is not told how this person signs in.
    whose = request.user.signs_in_with if request.user == link.user else ""
    context = {"form": form, "email": link.email, "whose": whose}
    return render(request, "front/add_email.html", context)
