"""How often one client may ask: counted in Redis for all processes, or in this one while there is no Redis.

Nothing of who asks is in a key but a digest. A count that is lost lets somebody ask a little more, never open more.
"""

import time
from functools import lru_cache
from threading import Lock

import redis
from django.conf import settings
from django.http import HttpRequest

from ehr import clock
from ehr.accounts import stored
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Refusal
from ehr.frame import sessions

WINDOW_SECONDS = 60
_PATIENCE_SECONDS = 0.1
_SILENCE_SECONDS = 10.0
_MOST_KEPT = 10_000


class _Here:
    """Counts of this process alone."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    def add(self, key: str) -> int:
        with self._lock:
            if len(self._counts) >= _MOST_KEPT:
                self._counts.clear()
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]

    def forget(self) -> None:
        self._counts.clear()


here = _Here()
_silent_until = 0.0


def count(request: HttpRequest, who: Asking | None) -> None:
    """Count a request of a client, or of an address that shows no token. Raises Refusal 429 beyond the bound."""
    most = settings.FHIR_REQUESTS_PER_MINUTE
    if not most:
        return
    window, passed = divmod(int(clock.now().timestamp()), WINDOW_SECONDS)
    client = who.client if who else f"address {sessions.address(request)}"
    key = f"chartseal:fhir:{window}:{stored.index('fhir-rate', client).hex()[:32]}"
    if _added(key) > most:
        wait = str(WINDOW_SECONDS - passed)
        words = f"This client asks more than {most} times a minute. Wait {wait} seconds, then go on more slowly."
        raise Refusal(429, "throttled", words, headers={"Retry-After": wait})


def _added(key: str) -> int:
    global _silent_until
    if settings.REDIS_URL.startswith(("redis://", "rediss://", "unix://")) and time.monotonic() >= _silent_until:
        try:
            with _connected(settings.REDIS_URL).pipeline(transaction=False) as pipe:
                pipe.incr(key)
                pipe.expire(key, 2 * WINDOW_SECONDS)
                return pipe.execute()[0]
        except (redis.RedisError, OSError):
            _silent_until = time.monotonic() + _SILENCE_SECONDS
    return here.add(key)


@lru_cache(maxsize=2)
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=_PATIENCE_SECONDS, socket_timeout=_PATIENCE_SECONDS)
