"""What machines ask: is the process up, can it serve, what does it measure. No answer holds a name or health data."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from ehr.frame import measures, readiness


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer that this process is up, without asking anything else."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when requests can be served, 503 when they cannot, and why in either case."""
    found = readiness.look()
    answer = {"status": found.status, **vars(found)}
    return JsonResponse(answer, status=200 if found.ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus. To whom nothing is told, this page does not exist."""
    if not measures.may_scrape(request):
        raise Http404
    return HttpResponse(measures.exposition(), content_type=CONTENT_TYPE_LATEST)
