"""Acting for somebody else: an explicit switch, kept with the session, checked anew at each request, on every page."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from consent.access.acting import Acting
from consent.delegates import queries as delegates
from ehr.frame.roles import View, signed_in

KEY = "acting-for"  # in the session: the delegation's id
# One's own pages, and one's work. While somebody acts for another person these wait, so that nothing is mixed up.
OWN = frozenset({"patient", "clinician", "admin"})
PAGES = "acting"  # what the names of the pages for acting begin with


def begin(request: HttpRequest, acting: Acting) -> None:
    """Act for somebody from now on, in this session."""
    request.session[KEY] = str(acting.delegation.pk)


def stop(request: HttpRequest) -> None:
    """Be oneself again."""
    request.session.pop(KEY, None)
    request.acting = None


class ActingFor:
    """Sets `request.acting`: as whom this session acts, everything checked now; None for oneself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.acting = None
        if KEY in request.session:
            request.acting = _found(request)
            if request.acting is None:
                stop(request)
                messages.info(request, _("You act for nobody now. What you see is your own."), fail_silently=True)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_called) -> HttpResponse | None:
        """Send somebody who acts for another person back to that person's pages from their own."""
        match = request.resolver_match
        if request.acting is None or match.namespace not in OWN or match.url_name.startswith(PAGES):
            return None
        words = _("You act for %(name)s at present. Stop that first, then open your own pages.")
        if request.method != "GET":
            words += " " + _("What you sent was not saved.")
        messages.warning(request, words % {"name": request.acting.patient.name}, fail_silently=True)
        return redirect("patient:acting-home")


def _found(request: HttpRequest) -> Acting | None:
    return delegates.acting(request.user, request.session[KEY]) if request.user.is_authenticated else None


def acting_only(view: View) -> View:
    """Let in whoever acts for somebody now; for everybody else there is no such page."""

    @wraps(view)
    @signed_in
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.acting is None:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def with_right(right: str) -> Callable[[View], View]:
    """Show a page to whoever was given this right. What is done there is decided at the door, not here."""

    def decorated(view: View) -> View:
        @wraps(view)
        @acting_only
        def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
            if right not in request.acting.rights:
                raise Http404
            return view(request, *args, **kwargs)

        return guarded

    return decorated
