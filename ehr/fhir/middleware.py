"""Requests to `/fhir/` pass by what serves browsers: no session is loaded, no cookie read or set, no form guarded.

So this face cannot be reached by what a browser sends along by itself, and a read costs no work that is not its own.
Stand it in front of SessionMiddleware; what stands before it (security headers, measures) still counts.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

ROOT = "/fhir"


class Interface:
    """Answers everything under `/fhir/` at once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path != ROOT and not path.startswith(f"{ROOT}/"):
            return self.get_response(request)
        try:
            # Some clients post a Bundle to the base without its slash.
            match = resolve(f"{ROOT}/" if path == ROOT else path)
        except Resolver404:  # the end of a line stands in no pattern
            match = resolve(f"{ROOT}/no/such/address/is/here")
        if match.namespace != "fhir":  # where apps find out how they are let in
            return self.get_response(request)
        request.resolver_match = match
        return match.func(request, *match.args, **match.kwargs)
