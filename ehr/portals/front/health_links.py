"""What a SMART Health Link leads to: a page that opens it in the browser, and the addresses programs ask.

No address here holds a key, and none is asked for one. Source: HL7 SMART Health Cards and Links 1.0.0.
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from ehr.r4 import text
from ehr.rights import health_links

LONGEST_REQUEST = 4096


@require_GET
def viewer(request: HttpRequest) -> HttpResponse:
    """The same page for everybody: what it shows stands behind the # of its address, which no server is sent."""
    return render(request, "front/health_link.html")


@csrf_exempt  # nothing here is done in anybody's session
@require_http_methods(["POST", "OPTIONS"])
def manifest(request: HttpRequest, handle: str) -> HttpResponse:
    """Hand out the ciphertext for the right passcode, after the opening is on the list."""
    if request.method == "OPTIONS":
        return _for_any_page(HttpResponse(status=204))
    asked = _asked(request)
    if asked is None:
        words = "Send a JSON object with the recipient's name as text, and the passcode."
        return _for_any_page(JsonResponse({"message": words}, status=400))
    try:
        found = health_links.open_manifest(handle, recipient=asked["recipient"], passcode=asked["passcode"])
    except health_links.WrongPasscode as wrong:
        return _for_any_page(JsonResponse({"remainingAttempts": wrong.left}, status=401))
    except health_links.Gone:
        return _gone()
    file: dict[str, object] = {"contentType": health_links.FHIR}
    if len(found.body) <= asked["most"]:
        file["embedded"] = found.body
    else:
        ticket = health_links.file_ticket(found.link)
        file["location"] = health_links.site(reverse("front:health-link-file", args=[handle, ticket]))
    return _for_any_page(JsonResponse({"files": [file], "mayKeep": found.may_keep}))


@require_GET
def file(request: HttpRequest, handle: str, ticket: str) -> HttpResponse:  # noqa: ARG001 - the ticket says enough
    """The ciphertext alone, for programs that wanted the manifest small."""
    try:
        body = health_links.open_file(handle, ticket)
    except health_links.Gone:
        return _gone()
    return _for_any_page(HttpResponse(body, content_type="application/jose"))


def _asked(request: HttpRequest) -> dict | None:
    """Return recipient, passcode and the most that may be embedded; None where it is not a request for a manifest.

    What could not be written on the list is none: a try that cannot be counted must not be one.
    """
    try:
        told = text.loads(request.body) if len(request.body) <= LONGEST_REQUEST else None
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    recipient, passcode, most = told.get("recipient"), told.get("passcode", ""), told.get("embeddedLengthMax")
    if not isinstance(recipient, str) or not recipient.strip() or not isinstance(passcode, str):
        return None
    if "\x00" in recipient + passcode:
        return None
    limited = isinstance(most, int) and not isinstance(most, bool)
    return {"recipient": recipient, "passcode": passcode, "most": most if limited else float("inf")}


def _gone() -> HttpResponse:
    words = "This link leads nowhere: it is over, was stopped, or never was."
    return _for_any_page(JsonResponse({"message": words}, status=404))


def _for_any_page(response: HttpResponse) -> HttpResponse:
    """Let viewers on other sites ask as well. They get ciphertext, and no cookie counts here."""
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = "Content-Type"
    response["X-Content-Type-Options"] = "nosniff"
    return response
