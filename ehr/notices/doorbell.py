"""A doorbell, never a store: a ring says that somebody's notices may have changed, and whoever hears it looks.

It goes through Redis, where there is one. A ring that is lost, or that nobody waits for, loses nothing: the database
holds the notices and every page counts them. Nothing of a notice is in a ring.
"""

import logging
import time
from functools import lru_cache, partial
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)
# Whoever rings is somebody's request: it waits for no Redis that is gone, and does not try again for a while.
PATIENCE_SECONDS = 0.5
SILENCE_SECONDS = 10.0
_SPOKEN_BY_REDIS = ("redis://", "rediss://", "unix://")


class Silent(Exception):
    """There is no Redis, or it does not answer now."""


class _Outage:
    """That Redis did not answer lately, so that not every request waits for it."""

    def __init__(self) -> None:
        self.until = 0.0

    def begin(self, problem: Exception) -> None:
        if not self.lasts():
            logger.warning("Redis does not answer (%s); counts change with the next page", type(problem).__name__)
        self.until = time.monotonic() + SILENCE_SECONDS

    def lasts(self) -> bool:
        return time.monotonic() < self.until


outage = _Outage()


def installed() -> bool:
    """Tell whether this deployment has a Redis to ring through."""
    return settings.REDIS_URL.startswith(_SPOKEN_BY_REDIS)


def ring_after_commit(user_id: UUID) -> None:
    """Ring for somebody once what the caller writes is committed. It never fails."""
    if installed():
        transaction.on_commit(partial(ring, user_id), robust=True)


def ring(user_id: UUID) -> None:
    """Ring for somebody now."""
    if not installed() or outage.lasts():
        return
    try:
        _client().publish(_channel(user_id), b"")
    except (redis.RedisError, OSError) as problem:
        outage.begin(problem)


class Bell:
    """Listens for one person's rings. Close it."""

    def __init__(self, user_id: UUID) -> None:
        if not installed() or outage.lasts():
            raise Silent
        self._heard = _client().pubsub(ignore_subscribe_messages=True)
        try:
            self._heard.subscribe(_channel(user_id))
            # The answer to that; what rings from here on is heard.
            self._heard.get_message(timeout=PATIENCE_SECONDS)
        except (redis.RedisError, OSError) as problem:
            self.close()
            outage.begin(problem)
            raise Silent from problem

    def wait(self, seconds: float) -> bool:
        """Return whether it rang within so many seconds, as soon as it does. Raises Silent when Redis is gone."""
        try:
            rang = self._heard.get_message(timeout=seconds) is not None
            # Several rings are one reason to look.
            for _ in range(100):
                if self._heard.get_message(timeout=0) is None:
                    break
        except (redis.RedisError, OSError) as problem:
            raise Silent from problem
        return rang

    def close(self) -> None:
        self._heard.close()


def _client() -> redis.Redis:
    return _connected(settings.REDIS_URL)


@lru_cache(maxsize=2)
def _connected(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=PATIENCE_SECONDS)


def _channel(user_id: UUID) -> str:
    return f"chartseal:unread:{user_id}"
