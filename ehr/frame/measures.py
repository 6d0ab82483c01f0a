"""What an operator sees in Prometheus: requests by view and status, what waits, how old the last proofs are.

Labels are names of views, tables and states out of this code; no path, no id, no person. Several web processes share
their counts through files in PROMETHEUS_MULTIPROC_DIR where that is set; without it a scrape shows one process.
"""

import hmac
import os
import time
from collections.abc import Callable, Iterator

from django.apps import apps
from django.conf import settings
from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from audit.models import Anchor, Checkpoint, Event, Queued
from ehr import clock
from ehr.outbox.models import Parcel

REQUESTS = Counter("chartseal_requests", "Requests answered.", ["view", "method", "status"])
LATENCY = Histogram(
    "chartseal_request_seconds",
    "Time to answer a request.",
    ["view"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LOOPBACK = {"127.0.0.1", "::1"}
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Measured:
    """Count each request and its time under the name of the view that answered it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        view = (match.view_name if match else "") or "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(view, method, str(response.status_code)).inc()
        LATENCY.labels(view).observe(time.perf_counter() - begun)
        return response


def parcel_tables() -> list[type[Parcel]]:
    """Return every table whose rows must still leave the database."""
    return [model for model in apps.get_models() if issubclass(model, Parcel)]


def undelivered() -> dict[str, tuple[int, int]]:
    """Return, by table, how many parcels wait and how many were given up."""
    counts = {}
    for model in parcel_tables():
        left = model.objects.filter(delivered_at__isnull=True)
        given_up = left.filter(gave_up_at__isnull=False).count()
        counts[model._meta.label_lower] = (left.count() - given_up, given_up)
    return counts


def unsequenced() -> int:
    """Return how many events wait for their place in the tree."""
    return Queued.objects.count()


def oldest_unsequenced_seconds() -> float:
    """Return how long the oldest event without a place in the tree has waited; 0 when none does."""
    oldest = Event.objects.filter(queued__isnull=False).aggregate(oldest=Min("time"))["oldest"]
    return max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0.0


def checkpoint_age() -> float | None:
    """Return the seconds since the last signed head, or None before the first."""
    last = Checkpoint.objects.order_by("-size").first()
    return (clock.now() - last.at).total_seconds() if last else None


def anchor_age() -> float | None:
    """Return the seconds since the newest signed head that the chain holds, or None before the first."""
    held = [Anchor.Status.CONFIRMED, Anchor.Status.FINAL]
    last = Checkpoint.objects.filter(anchor__status__in=held).order_by("-size").first()
    return (clock.now() - last.at).total_seconds() if last else None


class _Waiting(Collector):
    """Reads the queues when it is scraped, so that no gauge can be stale."""

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("chartseal_events_unsequenced", "Events without a place in the tree.", unsequenced())
        yield GaugeMetricFamily(
            "chartseal_events_unsequenced_oldest_seconds",
            "Wait of the oldest event without a place in the tree.",
            oldest_unsequenced_seconds(),
        )
        parcels = GaugeMetricFamily("chartseal_parcels", "Parcels not delivered.", labels=["table", "state"])
        for table, (waiting, given_up) in undelivered().items():
            parcels.add_metric([table, "waiting"], waiting)
            parcels.add_metric([table, "given-up"], given_up)
        yield parcels
        ages = {"checkpoint": ("signed head", checkpoint_age()), "anchor": ("head on the chain", anchor_age())}
        for name, (words, age) in ages.items():
            if age is not None:
                yield GaugeMetricFamily(f"chartseal_{name}_age_seconds", f"Age of the newest {words}.", age)


def exposition() -> bytes:
    """Return everything measured in the Prometheus text format."""
    waiting = CollectorRegistry()
    waiting.register(_Waiting())
    counted = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    return generate_latest(counted) + generate_latest(waiting)


def may_scrape(request: HttpRequest) -> bool:
    """Tell whether a scraper shows the token; in development without a token, whether it is on this very machine.

    A request that a proxy forwarded comes from loopback and is not from this machine.
    """
    if settings.METRICS_TOKEN:
        shown = request.headers.get("Authorization", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    forwarded = any(request.headers.get(name) for name in FORWARDED)
    return not settings.PRODUCTION and not forwarded and request.META.get("REMOTE_ADDR") in LOOPBACK
