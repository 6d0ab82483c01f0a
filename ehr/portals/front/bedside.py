"""Signing in on a tablet that somebody handed over: for one request, for five minutes."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from ehr.accounts import operations
from ehr.frame import sessions
from ehr.portals.front.entering import go_in
from ehr.portals.front.forms import SignInHere


@require_http_methods(["GET", "POST"])
def sign_in_here(request: HttpRequest) -> HttpResponse:
    """E-mail address and passphrase, which this browser is asked not to keep."""
    if request.bedside is None:
        raise Http404
    onward = reverse("patient:answer", args=[request.bedside.asking])
    if request.user.is_authenticated:
        return redirect(onward)
    form = SignInHere(request.POST or None)
    if form.is_valid():
        try:
            signed_in = operations.sign_in(**form.cleaned_data, address=sessions.address(request))
        except operations.Refused as refused:
            form.add_error(None, refused.message)
        else:
            return go_in(request, signed_in, onward=onward)
    return render(request, "front/bedside.html", {"form": form})
