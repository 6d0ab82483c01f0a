"""Taking back what one sent to a patient: a request, or a proposal that another sees part of the record."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from consent.models import AccessRequest, Referral
from consent.sharing.requests import CannotAnswer


def take_back(
    request: HttpRequest, found: AccessRequest | Referral | None, verb: Callable[..., object], *, said: str, back: str
) -> HttpResponse:
    """Take one's own back, or say why it cannot be any more. Raises Http404 for what is not one's own."""
    if found is None:
        raise Http404
    try:
        verb(found, by=request.user)
    except CannotAnswer as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, said)
    return redirect(back)
