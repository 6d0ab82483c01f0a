"""Who acts for the patient: naming somebody, signing it, what is kept from them, and ending it at once."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent.access.safety import hidden_from
from consent.delegates import hiding, naming
from consent.delegates import queries as delegates
from consent.models import Delegation
from consent.sentences import AS_YOUR
from ehr.frame import sessions
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient.delegates_forms import NameForm, SafetyForm
from ehr.portals.patient.sharing_forms import ConfirmForm
from ehr.words import SENSITIVE


def line(one: Delegation) -> dict[str, object]:
    """Return one delegation as the patient reads it: a name once they agreed, an address before."""
    name = one.reader.user.name if one.reader and one.accepted_at else one.asked
    state = "acts" if one.signed_by_id else "agreed" if one.accepted_at else "asked"
    return {"one": one, "name": name, "state": state, "basis": capfirst(str(AS_YOUR[one.basis]))}


@require_GET
@patient_only
def delegates_page(request: HttpRequest) -> HttpResponse:
    """Who acts for the patient, and who was asked to."""
    people = [line(one) for one in delegates.named_by(request.patient)]
    return render(request, "patient/delegates.html", {"people": people})


@require_http_methods(["GET", "POST"])
@patient_only
def name(request: HttpRequest) -> HttpResponse:
    """Ask somebody by their address. Nothing is handed over by that."""
    bases = naming.bases_for(request.patient)
    form = NameForm(request.POST if request.method == "POST" else None, bases=bases)
    if form.is_valid():
        told = form.cleaned_data
        terms = naming.of(basis=told["basis"], rights=told["rights"], categories=form.categories(), ends=form.ends())
        try:
            asked = naming.ask(
                request.patient,
                email=told["email"],
                terms=terms,
                address=sessions.address(request),
                once=told["once"],
            )
            return redirect("patient:delegate", asked.pk)
        except naming.CannotName as problem:
            form.add_error(None, str(problem))
    return render(request, "patient/delegate_name.html", {"form": form})


def _found(request: HttpRequest, delegation: UUID) -> Delegation:
    found = delegates.of_patient(request.patient, delegation)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def delegate(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """One delegation: where it stands, what they may do, what is kept from them."""
    found = _found(request, delegation)
    context = {"told": line(found)}
    if found.signed_by_id:
        kept = hidden_from(request.patient, found.reader.user)
        context["form"] = SafetyForm(initial={"what": sorted(kept)})
    return render(request, "patient/delegate.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def delegate_sign(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """The sentence, and the button that signs it with the patient's own keys."""
    found = _found(request, delegation)
    if found.signed_by_id:
        return redirect("patient:delegate", found.pk)
    sensitive = [part for part in found.categories if part in SENSITIVE]
    try:
        said = naming.propose(found)
        posted = request.POST if request.method == "POST" else None
        form = ConfirmForm(sensitive, posted, name=found.reader.user.name, sentence=said)
        if form.is_valid():
            naming.sign(found, keyring=request.keyring, sentence=said)
            return redirect("patient:delegate", found.pk)
    except naming.CannotName as problem:
        messages.warning(request, str(problem))
        return redirect("patient:delegate", found.pk)
    context = {"told": line(found), "form": form, "sentence": said}
    return render(request, "patient/delegate_sign.html", context)


@require_POST
@patient_only
def delegate_hide(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """Keep exactly what is ticked from somebody. They learn nothing of it."""
    found = _found(request, delegation)
    form = SafetyForm(request.POST)
    if not found.signed_by_id:
        raise Http404
    if form.is_valid():
        hiding.hide(request.patient, what=form.cleaned_data["what"], delegate=found.reader.user)
        messages.success(request, _("It is as you chose, from their next page on. They are told nothing of it."))
    else:
        messages.warning(request, _("Nothing was changed. Tick below what they are not to see."))
    return redirect("patient:delegate", found.pk)


@require_http_methods(["GET", "POST"])
@patient_only
def delegate_end(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """Say what ending does and does not undo; then end it. It needs no open keys."""
    found = _found(request, delegation)
    if request.method == "POST":
        naming.end(found, by=request.user, keyring=request.keyring)
        messages.success(request, _("%(name)s no longer acts for you.") % {"name": line(found)["name"]})
        return redirect("patient:delegates")
    return render(request, "patient/delegate_end.html", {"told": line(found)})
