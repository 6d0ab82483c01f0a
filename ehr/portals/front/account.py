"""One's own account: name and zone, passphrase, second step, recovery code, sessions."""

import base64

import django_otp
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.accounts import codes, operations, queries, recovery, second_factor
from ehr.frame import roles, sessions
from ehr.portals.front.forms import ChangePassphrase, Code, Details, Groups, OtherApp, Passphrase

DRAFT, ASKED, MAY_RENEW = "recovery-draft", "recovery-asked", "recovery-may-renew"


@require_GET
@roles.signed_in
def account(request: HttpRequest) -> HttpResponse:
    """What there is to see and change about an account."""
    user = request.user
    context = {
        "doors": roles.doors(user),
        "in_step": queries.in_step(user),
        "has_code": queries.has_recovery_code(user),
        "asked": queries.guardian_of(user),
        "wards": queries.wards_of(user),
        "backup_codes_left": queries.backup_codes_left(user),
        "second_step_required": roles.must_have_second_factor(user),
    }
    return render(request, "front/account.html", context)


@require_http_methods(["GET", "POST"])
@roles.signed_in
def details(request: HttpRequest) -> HttpResponse:
    """Name, zone and language."""
    user = request.user
    form = Details(
        request.POST or None, initial={"name": user.name, "time_zone": user.time_zone, "language": user.language}
    )
    if form.is_valid():
        operations.change_details(user=user, **form.cleaned_data)
        messages.success(request, _("Your details are changed."))
        return redirect("front:account")
    return render(request, "front/details.html", {"form": form})


@require_http_methods(["GET", "POST"])
@roles.signed_in
def passphrase(request: HttpRequest) -> HttpResponse:
    """From one passphrase to another. This session goes on; every other one ends."""
    form = ChangePassphrase(request.POST or None)
    if form.is_valid():
        told = form.cleaned_data
        try:
            keyring = operations.change_passphrase(
                user=request.user, current=told["current"], new=told["passphrase"], address=sessions.address(request)
            )
        except operations.TooWeak as weak:
            form.add_error("passphrase", weak.message)
        except operations.Refused as refused:
            form.add_error("current", refused.message)
        else:
            sessions.changed_passphrase(request, keyring)
            messages.success(request, _("Your passphrase is changed. Other browsers were signed out."))
            return redirect("front:account")
    return render(request, "front/passphrase.html", {"form": form})


@require_http_methods(["GET", "POST"])
@roles.enrolling
def enrol(request: HttpRequest) -> HttpResponse:
    """Pair an authenticator app by picture or by text, and hand out backup codes.

    Another app in place of the first takes the passphrase too: an open session alone does not change who gets in.
    """
    changing = request.user.second_factor_at is not None
    form = (OtherApp if changing else Code)(request.POST or None)
    if _passphrase_fits(request, form) if changing else form.is_valid():
        try:
            device, sheet = second_factor.enrol(
                user=request.user, code=form.cleaned_data["code"], address=sessions.address(request)
            )
        except operations.Refused as refused:
            form.add_error("code", refused.message)
        else:
            django_otp.login(request, device)
            return _sheet(request, sheet)
    app = second_factor.enrolment(request.user)
    context = {
        "form": form,
        "picture": mark_safe(second_factor.picture(app)),  # noqa: S308 - drawn by us, holds nothing anybody typed
        "text": second_factor.secret_text(app),
        "changing": changing,
        "required": roles.must_have_second_factor(request.user),
    }
    return render(request, "front/enrol.html", context)


@require_http_methods(["GET", "POST"])
@roles.signed_in
def backup_codes(request: HttpRequest) -> HttpResponse:
    """A new sheet of backup codes, for the passphrase."""
    if request.user.second_factor_at is None:
        raise Http404
    form = Passphrase(request.POST or None)
    if _passphrase_fits(request, form):
        return _sheet(request, second_factor.renew_backup_codes(user=request.user))
    return render(request, "front/backup_codes_ask.html", {"form": form})


@require_http_methods(["GET", "POST"])
@roles.signed_in
def stop_second_step(request: HttpRequest) -> HttpResponse:
    """Sign in without a second step again, where one's role allows it."""
    if request.user.second_factor_at is None or roles.must_have_second_factor(request.user):
        raise Http404
    form = Passphrase(request.POST or None)
    if _passphrase_fits(request, form):
        second_factor.remove(user=request.user)
        messages.success(request, _("Signing in no longer takes a second step."))
        return redirect("front:account")
    return render(request, "front/stop_second_step.html", {"form": form})


@require_POST
@roles.signed_in
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session, this one too."""
    operations.sign_out_everywhere(user=request.user)
    sessions.drop(request)
    messages.info(request, _("You are signed out everywhere. Nothing of your record stays in this browser."))
    return redirect("front:sign-in")


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def recovery_code(request: HttpRequest) -> HttpResponse:
    """Show a new recovery code, once. Whoever has one already is asked for the passphrase first."""
    if queries.has_recovery_code(request.user) and not request.session.get(MAY_RENEW):
        form = Passphrase(request.POST or None)
        if _passphrase_fits(request, form):
            request.session[MAY_RENEW] = True
            return redirect("front:recovery-code")
        return render(request, "front/recovery_code_ask.html", {"form": form})
    return render(request, "front/recovery_code.html", {"groups": codes.groups_of(_draft(request))})


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def confirm_recovery_code(request: HttpRequest) -> HttpResponse:
    """Two groups of the code, typed from paper. Only then does the code open anything."""
    if DRAFT not in request.session:
        return redirect("front:recovery-code")
    asked = request.session.setdefault(ASKED, recovery.ask_groups())
    form = Groups(request.POST or None, asked=asked)
    if form.is_valid():
        code = _draft(request)
        if recovery.wrote_it_down(code, form.answers()):
            recovery.confirm(user=request.user, keyring=request.keyring, code=code)
            for name in (DRAFT, ASKED, MAY_RENEW):
                request.session.pop(name, None)
            messages.success(
                request,
                _("Your code works from now on, together with a second share. Keep the paper with your passport."),
            )
            return redirect(roles.home(request.user))
        form.add_error(None, _("These are not those groups. Look at the paper, or go back and read the code again."))
    return render(request, "front/recovery_confirm.html", {"form": form})


def _draft(request: HttpRequest) -> str:
    """Return the code being written down. The session keeps it under the person's own key, never in clear."""
    kept = request.session.get(DRAFT)
    if kept is None:
        code = recovery.new_code()
        sealed = request.keyring.keep(code.encode(), label=DRAFT)
        request.session[DRAFT] = base64.b64encode(sealed).decode()
        return code
    return request.keyring.kept(base64.b64decode(kept), label=DRAFT).decode()


def _passphrase_fits(request: HttpRequest, form: Passphrase | OtherApp) -> bool:
    if not form.is_valid():
        return False
    user = request.user
    try:
        operations.check_passphrase(
            user, user.signs_in_with, form.cleaned_data["passphrase"], sessions.address(request)
        )
    except operations.Refused as refused:
        form.add_error("passphrase", refused.message)
        return False
    return True


def _sheet(request: HttpRequest, sheet: list[str]) -> HttpResponse:
    """Show backup codes in the answer to the POST that made them: they are kept nowhere to be shown again."""
    return render(request, "front/backup_codes.html", {"codes": sheet, "onward": roles.home(request.user)})
