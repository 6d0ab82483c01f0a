"""Signing in and out, the second step, unlocking, and the ways back in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.accounts import links, operations, queries, recovery, second_factor
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Link
from ehr.accounts.operations import SignedIn
from ehr.frame import roles, sessions
from ehr.portals.front.forms import (
    Code,
    Forgotten,
    NewPassphrase,
    Passphrase,
    SignIn,
    UnlockWithOld,
)


def go_in(request: HttpRequest, signed_in: SignedIn, *, onward: str) -> HttpResponse:
    """Take somebody whose passphrase was right to what is next: the second step, or inside."""
    user = signed_in.user
    if user.second_factor_at is not None:
        sessions.begin_half(request, signed_in)
        return redirect(roles.with_next("front:second-factor", onward))
    sessions.begin(request, signed_in, limits=roles.limits_for(user))
    return redirect("front:enrol" if roles.must_have_second_factor(user) else onward)


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """E-mail address and passphrase, one message for whatever does not fit."""
    form = SignIn(request.POST or None)
    if form.is_valid():
        try:
            signed_in = operations.sign_in(**form.cleaned_data, address=sessions.address(request))
        except operations.Refused as refused:
            form.add_error(None, refused.message)
        else:
            return go_in(request, signed_in, onward=roles.onward(request, roles.home(signed_in.user)))
    return render(request, "front/sign_in.html", {"form": form, "next": roles.onward(request, "")})


@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """The code after the passphrase. Until it fits, nobody is signed in."""
    person = sessions.half(request)
    if person is None and request.user.is_authenticated:
        person = SignedIn(request.user, request.keyring)
    if person is None or person.user.second_factor_at is None:
        return redirect("front:sign-in")
    form = Code(request.POST or None)
    if form.is_valid():
        try:
            device = second_factor.check(
                user=person.user, code=form.cleaned_data["code"], address=sessions.address(request)
            )
        except operations.Refused as refused:
            form.add_error("code", refused.message)
        else:
            onward = roles.onward(request, roles.home(person.user))
            sessions.begin(request, person, limits=roles.limits_for(person.user), device=device)
            return redirect(onward)
    return render(request, "front/second_step.html", {"form": form, "next": roles.onward(request, "")})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session: its row and its cookie both go."""
    sessions.end(request)
    messages.info(request, _("You are signed out. Nothing of your record stays in this browser."))
    return redirect("front:home")


@require_http_methods(["GET", "POST"])
@roles.signed_in
def unlock(request: HttpRequest) -> HttpResponse:
    """Signed in but locked: open the keyring by the passphrase or, after a reset, the one before."""
    onward = roles.onward(request, roles.home(request.user))
    if request.keyring is not None:
        return redirect(onward)
    shown = _unlock_forms(request)
    for form in shown.values():
        if form.is_bound and form.is_valid():
            try:
                sessions.unlock(request, _unlocked(request, form))
            except operations.Refused as refused:
                form.add_error(None, refused.message)
            else:
                return redirect(onward)
    return render(request, "front/unlock.html", {**shown, "next": roles.onward(request, "")})


def _unlock_forms(request: HttpRequest) -> dict[str, Passphrase | UnlockWithOld]:
    """Return the forms that can open this person's keyring; the one that was sent is bound."""
    if queries.in_step(request.user):
        return {"plain": Passphrase(request.POST or None)}
    how = request.POST.get("how")
    return {"by_old": UnlockWithOld(request.POST if how == "old" else None)}


def _unlocked(request: HttpRequest, form: Passphrase | UnlockWithOld) -> OpenKeyring:
    told = {**form.cleaned_data, "user": request.user, "address": sessions.address(request)}
    match form:
        case UnlockWithOld():
            return recovery.unlock_with_old(**told)
        case _:
            return operations.unlock(**told)


@require_GET
def cannot_sign_in(request: HttpRequest) -> HttpResponse:
    """The ways back: a letter signs in, and the old passphrase or two shares open the keys."""
    return render(request, "front/cannot_sign_in.html")


@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a letter. The answer is the same for every address."""
    form = Forgotten(request.POST or None)
    if form.is_valid():
        try:
            recovery.ask_for_reset(**form.cleaned_data, address=sessions.address(request))
        except operations.Refused as refused:
            form.add_error(None, refused.message)
        else:
            return render(request, "front/forgotten_sent.html", {"email": form.cleaned_data["email"]})
    return render(request, "front/forgotten.html", {"form": form})


@require_http_methods(["GET", "POST"])
def reset(request: HttpRequest, token: str) -> HttpResponse:
    """A new passphrase by the link in a letter. It signs in and unlocks nothing; the page says so."""
    link = links.find(token, Link.Kind.RESET)
    if link is None:
        return render(request, "front/link_over.html", {"kind": "reset"}, status=404)
    form = NewPassphrase(request.POST or None)
    if form.is_valid():
        try:
            recovery.reset(token=token, passphrase=form.cleaned_data["passphrase"])
        except operations.Refused as refused:
            form.add_error("passphrase", refused.message)
        else:
            messages.success(request, _("Your new passphrase is set. Sign in with it."))
            return redirect("front:sign-in")
    return render(request, "front/reset.html", {"form": form, "email": link.user.signs_in_with})
