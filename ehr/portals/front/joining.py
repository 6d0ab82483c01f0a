"""From a stranger to somebody with a record: sign up, prove the address, say who you are."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import escrow
from consent.sharing import arrivals
from ehr.accounts import links, operations
from ehr.accounts.models import Link
from ehr.frame import roles, sessions
from ehr.portals.front.entering import go_in
from ehr.portals.front.forms import Identity, Invitation, Passphrase, SignUp
from patients.operations import AlreadyKnown

DOOR = "door"
# Where those begin who came for something else than a record of their own.
_BEGINS = {"clinician": "clinician:register", "researcher": "researcher:register"}


@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Name, e-mail address, passphrase. What follows looks the same whether or not the address is known."""
    form = SignUp(request.POST or None, initial={"door": request.GET.get("as", "")})
    if not form.is_valid():
        return render(request, "front/sign_up.html", {"form": form})
    told = form.cleaned_data
    try:
        operations.sign_up(**told, address=sessions.address(request), language=request.LANGUAGE_CODE)
    except operations.TooWeak as weak:
        form.add_error("passphrase", weak.message)
        return render(request, "front/sign_up.html", {"form": form})
    except operations.Refused as refused:
        form.add_error(None, refused.message)
        return render(request, "front/sign_up.html", {"form": form})
    sessions.drop(request)
    request.session[roles.WAITING] = told["email"]
    request.session[DOOR] = told["door"]
    return redirect("front:check-mail")


@require_http_methods(["GET", "POST"])
def check_mail(request: HttpRequest) -> HttpResponse:
    """Where a browser waits until the address is proven. A POST sends the letter again."""
    email = request.user.email if request.user.is_authenticated else request.session.get(roles.WAITING)
    if email is None:
        return redirect("front:sign-in")
    message, sent = "", False
    if request.method == "POST":
        try:
            operations.send_again(email=email, address=sessions.address(request), door=request.session.get(DOOR, ""))
            sent = True
        except operations.Refused as refused:
            message = refused.message
    return render(request, "front/check_mail.html", {"email": email, "sent": sent, "message": message})


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the letter: the passphrase once more, then the address is proven and its owner is in."""
    link = links.find(token, Link.Kind.VERIFY)
    if link is None:
        return render(request, "front/link_over.html", {"kind": "verify"}, status=404)
    form = Passphrase(request.POST or None)
    if form.is_valid():
        try:
            signed_in = operations.verify_email(
                token=token, passphrase=form.cleaned_data["passphrase"], address=sessions.address(request)
            )
        except operations.Refused as refused:
            form.add_error("passphrase", refused.message)
        else:
            onward = roles.address_of(_BEGINS.get(request.GET.get(DOOR, ""), "front:begin"))
            return go_in(request, signed_in, onward=onward)
    return render(request, "front/verify.html", {"form": form, "email": link.user.signs_in_with})


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def begin(request: HttpRequest) -> HttpResponse:
    """Say who the record is about. It begins empty, sealed to its owner and shared with nobody."""
    if roles.patient_of(request.user):
        return redirect(roles.home(request.user))
    form = Identity(request.POST or None, initial={"name": request.user.name})
    if form.is_valid():
        told = form.cleaned_data
        try:
            arrivals.register(
                request.user,
                name=told["name"],
                birth_date=told["birth_date"],
                sex=told["sex"],
                identifiers=[(told["system"], told["number"])],
                keyring=request.keyring,
            )
        except AlreadyKnown as known:
            form.add_error("number", str(known))
        else:
            return redirect("front:recovery-code")
    return render(request, "front/begin.html", {"form": form})


@require_http_methods(["GET", "POST"])
@roles.signed_in
@roles.unlocked
def claim(request: HttpRequest) -> HttpResponse:
    """Take up an invitation to a record that is here already, and take the record over once staff have checked."""
    ready = arrivals.ready_claim(request.user)
    form = Invitation(request.POST if request.method == "POST" and ready is None else None)
    problem = ""
    try:
        if request.method == "POST" and ready is not None:
            arrivals.finish_claim(ready, keyring=request.keyring)
            return redirect("front:recovery-code")
        if form.is_valid():
            arrivals.take_up(form.cleaned_data["code"], user=request.user)
            return redirect(reverse("front:claim") + "?taken=up")
    except (arrivals.ClaimRefused, escrow.NotReleased) as refused:
        problem = str(refused)
    if problem and form.is_bound:
        form.add_error("code", problem)
    taken = "taken" in request.GET
    title = _("Your record is ready") if ready else _("Use an invitation")
    context = {"form": form, "ready": ready, "taken": taken, "problem": problem, "title": title}
    return render(request, "front/claim.html", context)
