"""`POST /in/fhir` and `/in/ccda`: FHIR and documents of a registered feed. Answers are OperationOutcomes."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ehr.intake import resources
from ehr.intake.ccda import receiving
from ehr.intake.models import Kind
from ehr.portals.feeds import bodies
from ehr.portals.feeds.senders import sender_of
from ehr.r4 import text

XML = frozenset({"application/cda+xml", "application/hl7-cda+xml", "application/xml", "text/xml"})
JSON = frozenset({"application/fhir+json", "application/json"})
LINES = frozenset({"application/fhir+ndjson", "application/x-ndjson", "application/ndjson"})


@csrf_exempt
@require_POST
def fhir(request: HttpRequest) -> HttpResponse:
    """Take in what a registered feed sends as FHIR R4."""
    feed = sender_of(request, Kind.FHIR)
    if feed is None:
        return unknown()
    if request.content_type not in JSON | LINES:
        return outcome(415, [("not-supported", "Send application/fhir+json, or application/fhir+ndjson.")])
    try:
        content = bodies.read(request, most=resources.LARGEST_BYTES)
    except bodies.TooLarge:
        words = f"At most {resources.LARGEST_BYTES // 1024**2} MB are taken at once, unpacked. Split it."
        return outcome(413, [("too-long", words)])
    except bodies.Damaged:
        return outcome(400, [("structure", "The body is not the gzip it says it is. Send it again.")])
    return _answered(resources.receive(content, feed, lines=request.content_type in LINES))


@csrf_exempt
@require_POST
def ccda(request: HttpRequest) -> HttpResponse:
    """Take in one C-CDA document of a registered feed."""
    feed = sender_of(request, Kind.CCDA)
    if feed is None:
        return unknown()
    if request.content_type not in XML:
        return outcome(415, [("not-supported", "Send one document as application/cda+xml.")])
    try:
        content = bodies.read(request, most=receiving.LARGEST_BYTES)
    except bodies.TooLarge:
        return outcome(413, [("too-long", f"A document has at most {receiving.LARGEST_BYTES // 1024**2} MB.")])
    except bodies.Damaged:
        return outcome(400, [("structure", "The body is not the gzip it says it is. Send it again.")])
    answer = receiving.receive(content, feed)
    if answer.later:
        response = outcome(503, [("transient", words) for words in answer.refused])
        response["Retry-After"] = "60"
        return response
    if answer.refused:
        return outcome(422, [("invalid", words) for words in answer.refused])
    told = "The document was known already." if answer.known else f"{answer.entries:,} entries were stored."
    return outcome(200, [("informational", told)])


def _answered(answer: resources.Answer) -> HttpResponse:
    added, known = answer.outcome.added.total(), answer.outcome.known.total()
    told = [("informational", f"{added:,} resources were stored, {known:,} were known already.")]
    if answer.later:
        response = outcome(503, [("transient", words) for words in answer.refused])
        response["Retry-After"] = "60"
        return response
    if answer.refused:
        return outcome(422, [*(("invalid", words) for words in answer.refused), *told])
    return outcome(200, told)


def unknown() -> HttpResponse:
    """Answer somebody who shows no token, or one that lets nothing in here."""
    words = "Show the token that was given out when this system was registered, and is still in use."
    response = outcome(401, [("login", words)])
    response["WWW-Authenticate"] = 'Bearer realm="Chartseal feeds"'
    return response


def outcome(status: int, issues: list[tuple[str, str]]) -> HttpResponse:
    """Answer with an OperationOutcome of these (code, words)."""
    listed = [
        {"severity": "information" if code == "informational" else "error", "code": code, "diagnostics": words}
        for code, words in issues
    ]
    body = text.dumps({"resourceType": "OperationOutcome", "issue": listed})
    return HttpResponse(body, status=status, content_type="application/fhir+json; fhirVersion=4.0")
