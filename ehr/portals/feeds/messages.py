"""`POST /in/hl7v2`: one HL7 v2 message, answered with its acknowledgement. Nothing can be read here."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ehr.intake.hl7v2 import receiving
from ehr.intake.models import Kind
from ehr.portals.feeds import bodies
from ehr.portals.feeds.senders import sender_of

TYPES = frozenset({"application/hl7-v2", "x-application/hl7-v2+er7"})
# For a client that looks at the status alone: taken; wrong, and kept for repair; not to be sent like this again.
STATUS = {"AA": 200, "AE": 422, "AR": 400}


@csrf_exempt
@require_POST
def hl7v2(request: HttpRequest) -> HttpResponse:
    """Take in one message of a registered feed."""
    feed = sender_of(request, Kind.HL7V2)
    if feed is None:
        return unknown()
    if request.content_type not in TYPES:
        return told("Send one message as application/hl7-v2.", status=415)
    try:
        content = bodies.read(request, most=receiving.LARGEST_BYTES)
    except bodies.TooLarge:
        return told(f"A message has at most {receiving.LARGEST_BYTES // 1024**2} MB. Split it.", status=413)
    except bodies.Damaged:
        return told("The body is not the gzip it says it is. Send it again.", status=400)
    answer = receiving.receive(content, feed)
    # Over HTTP there is one answer: the last says most.
    body = answer.messages[-1] if answer.messages else b""
    status = 503 if answer.later else STATUS[answer.code]
    response = HttpResponse(body, status=status, content_type="application/hl7-v2; charset=utf-8")
    if answer.later:
        response["Retry-After"] = "60"
    return response


def unknown() -> HttpResponse:
    """Answer somebody who shows no token, or one that lets nothing in here."""
    response = told(
        "Show the token that was given out when this system was registered, and is still in use.", status=401
    )
    response["WWW-Authenticate"] = 'Bearer realm="Chartseal feeds"'
    return response


def told(words: str, *, status: int) -> HttpResponse:
    """Answer in one plain sentence."""
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain; charset=utf-8")
