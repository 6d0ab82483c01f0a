"""Where payment providers tell that something happened. No session, no token: a signature over each post."""

import logging

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from appointments.payments import hearing

logger = logging.getLogger(__name__)
LARGEST_BODY = 256 * 1024


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Take in an event of Stripe's. 200 for every signed one, also what is known already or of no use here.

    400 for what is not signed, 413 for more than 256 KiB, 404 where no account with Stripe is set up.
    """
    if not settings.PAYMENTS.stripe_webhook_secrets:
        raise Http404
    told = request.headers.get("Content-Length") or "0"
    if not told.isdigit() or int(told) > LARGEST_BODY:
        return HttpResponse("More than an event has.", status=413, content_type="text/plain")
    try:
        hearing.hear(request.body, request.headers.get("Stripe-Signature", ""))
    except hearing.Forged:
        # Measured with the other requests, by view and status. Nothing of what was posted is written anywhere.
        logger.warning("A payment event without a good signature was refused.")
        return HttpResponse("This bears no signature of Stripe’s.", status=400, content_type="text/plain")
    return HttpResponse("Heard.", content_type="text/plain")
