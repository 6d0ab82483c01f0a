"""Keeping somebody out by name: one page that says what it does, the list of those kept out, and letting be let in."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent.sharing import blocks, passing_on
from ehr import clock
from ehr.frame.roles import patient_only
from ehr.portals.patient.people import shared
from providers.queries import standing


def whom(request: HttpRequest, reader: UUID) -> blocks.Person:
    """Return the clinician of an address. Raises Http404 for everybody else, and for oneself."""
    found = blocks.whom(reader)
    if found is None or found.user == request.user:
        raise Http404
    return found


@require_GET
@patient_only
def kept_out(request: HttpRequest) -> HttpResponse:
    """Everybody whom the patient keeps out by name."""
    kept = [
        {"id": one.pk, "name": standing(one.reader.user).name or one.reader.name, "since": one.made_at}
        for one in blocks.in_force(request.patient)
    ]
    return render(request, "patient/kept_out.html", {"kept": kept, "prevails": blocks.prevails_in_emergency()})


@require_http_methods(["GET", "POST"])
@patient_only
def keep_out(request: HttpRequest, reader: UUID) -> HttpResponse:
    """Say what it does, what it cannot undo, and what the law makes of it in an emergency; then do it. Twice is once.

    It needs no open keys.
    """
    person = whom(request, reader)
    if request.method == "POST":
        try:
            blocks.block(request.patient, reader=person.user, keyring=request.keyring)
        except blocks.CannotBlock as problem:
            messages.warning(request, str(problem))
        else:
            messages.success(
                request, _("%(name)s is kept out from now on. They are not told of that.") % {"name": person.name}
            )
        return redirect("patient:kept-out")
    context = {
        "person": person,
        "kept": blocks.is_kept_out(request.patient, person.user),
        "prevails": blocks.prevails_in_emergency(),
        "over_too": [shared(one, clock.now()) for one in passing_on.from_person(request.patient, person.user)],
    }
    return render(request, "patient/keep_out.html", context)


@require_POST
@patient_only
def lift(request: HttpRequest, block: int) -> HttpResponse:
    """Let somebody be let in again. Lifting what is lifted changes nothing."""
    found = blocks.of_patient(request.patient, block)
    if found is None:
        raise Http404
    blocks.lift(found)
    words = _("%(name)s can be let in again. Nothing opens for them until you share something anew.")
    messages.success(request, words % {"name": found.reader.name})
    return redirect("patient:kept-out")
