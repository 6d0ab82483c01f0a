"""`POST /in/device`: readings of a patient's device. It may write, and never read."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ehr.intake import credentials, devices
from ehr.intake.refusals import Refused
from ehr.portals.feeds import bodies
from ehr.portals.feeds.resources import JSON, outcome


@csrf_exempt
@require_POST
def device(request: HttpRequest) -> HttpResponse:
    """Take in what a device read."""
    token = credentials.bearer(request.headers.get("Authorization", ""))
    if request.content_type not in JSON:
        return outcome(415, [("not-supported", "Send application/fhir+json.")])
    try:
        answer = devices.receive(bodies.read(request, most=devices.LARGEST_BYTES), token)
    except bodies.TooLarge:
        return outcome(413, [("too-long", f"At most {devices.LARGEST_BYTES // 1024**2} MB are taken at once.")])
    except bodies.Damaged:
        return outcome(400, [("structure", "The body is not the gzip it says it is. Send it again.")])
    except devices.TooOften:
        response = outcome(429, [("throttled", f"At most {devices.MOST_A_MINUTE} times a minute. Send it later.")])
        response["Retry-After"] = "60"
        return response
    except Refused as refused:
        return outcome(409, [("conflict", words) for words in refused.reasons])
    return _answered(answer)


def _answered(answer: devices.Answer | None) -> HttpResponse:
    if answer is None:
        words = "This device may not send. Its owner can let one send, in their portal."
        response = outcome(401, [("login", words)])
        response["WWW-Authenticate"] = 'Bearer realm="Chartseal devices"'
        return response
    if answer.refused:
        return outcome(422, [("invalid", words) for words in answer.refused])
    told = f"{answer.added:,} readings were stored, {answer.known:,} were known already."
    return outcome(200, [("informational", told)])
