"""What workers do for the chain, every two seconds. Both may run twice, at once, and die anywhere."""

import logging
from collections.abc import Callable

from celery import shared_task

from ehr.chain import client, indexer, relaying

logger = logging.getLogger(__name__)
_down: set[str] = set()


@shared_task
def relay() -> None:
    """Sign and send what is queued."""
    _unless_down("relay", relaying.relay)


@shared_task
def index() -> None:
    """Learn what became of what was sent."""
    _unless_down("index", indexer.index)


def _unless_down(name: str, work: Callable[[], object]) -> None:
    """Work, or say once that the chain is down and once that it is back: what waits stays in the database."""
    try:
        work()
    except client.Unavailable as problem:
        if name not in _down:
            _down.add(name)
            logger.warning("The chain is unavailable, work waits in the queue: %s", problem)
        return
    if name in _down:
        _down.discard(name)
        logger.info("The chain answers again")
