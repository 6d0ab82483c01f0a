"""Lost keys: the way back with two of three shares, the ways to stop it, and fresh keys before anything is lost."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consent import recovering
from ehr.accounts import lost_keys, operations, queries
from ehr.accounts.models.recovery import LIFE
from ehr.frame import roles, sessions
from ehr.portals.front.entering import go_in
from ehr.portals.front.forms import Finish, Passphrase


@require_http_methods(["GET", "POST"])
@roles.signed_in
def recover(request: HttpRequest) -> HttpResponse:
    """How far it is: the wait, the shares, the letters to read out; and at the end the form that opens the keys."""
    recovery = queries.recovery_under_way(request.user)
    if recovery is None:
        return render(
            request,
            "front/recover.html",
            {"shares": queries.shares_of(request.user), "in_step": queries.in_step(request.user)},
        )
    cookie = _cookie(request)
    stands = lost_keys.stands(recovery, cookie)
    form = Finish(request.POST or None, needs_paper=stands.needs_paper)
    if form.is_valid():
        try:
            signed_in = recovering.finish(
                recovery, cookie=cookie, address=sessions.address(request), **form.cleaned_data
            )
        except operations.TooWeak as weak:
            form.add_error("passphrase", weak.message)
        except operations.Refused as refused:
            form.add_error("code" if stands.needs_paper else None, refused.message)
        else:
            messages.success(request, _("Your keys are back, and they are new. Write down a new code now."))
            response = go_in(request, signed_in, onward=roles.address_of("front:recovery-code"))
            response.delete_cookie(settings.RECOVERY_COOKIE_NAME, path="/", samesite="Lax")
            response.cookies[settings.RECOVERY_COOKIE_NAME]["secure"] = True
            return response
    return render(request, "front/recovering.html", {"form": form, "stands": stands})


@require_POST
@roles.signed_in
def begin(request: HttpRequest) -> HttpResponse:
    """Begin; from here on this browser alone can be handed shares."""
    try:
        _recovery, cookie = recovering.start(user=request.user, address=sessions.address(request))
    except operations.Refused as refused:
        messages.warning(request, refused.message)
        return redirect("front:unlock")
    response = redirect("front:recover")
    response.set_cookie(
        settings.RECOVERY_COOKIE_NAME,
        cookie,
        max_age=int(LIFE.total_seconds()),
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


@require_POST
@roles.signed_in
def stop(request: HttpRequest) -> HttpResponse:
    """Stop it from any session of one's own."""
    recovery = queries.recovery_under_way(request.user)
    if recovery is not None and recovering.stop(recovery, by=request.user):
        messages.success(request, _stopped())
    return redirect("front:account")


@require_http_methods(["GET", "POST"])
def stop_by_letter(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the letter: nothing happens on opening it, one button stops it. It needs no signing in."""
    if lost_keys.stoppable(token) is None:
        return render(request, "front/link_over.html", {"kind": "stop"}, status=404)
    if request.method == "POST" and recovering.stop_by_letter(token):
        messages.success(request, _stopped())
        return redirect("front:home")
    return render(request, "front/recover_stop.html")


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def renew_keys(request: HttpRequest) -> HttpResponse:
    """Fresh keys in the place of the present ones, for the passphrase."""
    form = Passphrase(request.POST or None)
    if form.is_valid():
        try:
            keyring = lost_keys.renew(
                user=request.user, passphrase=form.cleaned_data["passphrase"], address=sessions.address(request)
            )
        except operations.Refused as refused:
            form.add_error("passphrase", refused.message)
        else:
            sessions.unlock(request, keyring)
            messages.success(request, _("Your keys are new. Other browsers ask for your passphrase again."))
            return redirect("front:account")
    return render(request, "front/renew_keys.html", {"form": form})


def _cookie(request: HttpRequest) -> str:
    return request.COOKIES.get(settings.RECOVERY_COOKIE_NAME, "")


def _stopped() -> str:
    return _("It is stopped. Nothing was opened, and your keys are as they were.")
