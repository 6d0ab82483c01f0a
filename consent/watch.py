"""Watching the chain for consents that nobody gave here, and for ends that nobody made.

Anyone may relay to the contract, so what stands there says nothing about who may read: reading here never asks it. But
a token of which no grant knows, or a burn that no ending signed, means that keys are used elsewhere, that this
database lost what it knew, or that somebody tries something. Each block is looked at once, when it is final.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from celery import shared_task
from django.db import transaction
from eth_abi.exceptions import EncodingError

from audit import log
from consent import proofs, queries
from consent.models import FeedCursor, Grant
from ehr.chain import client, deployments, events, indexer, tokens
from ehr.chain.events import TokenEvent
from ehr.notices import operations as notices
from ehr.notices import queries as told

logger = logging.getLogger(__name__)
KIND = "desk.unknown-token"
BLOCKS = 2_000
# A run ends well before the task's time limit; the next goes on from there.
MOST_STEPS = 20
MOST_NAMED = 10


@dataclass(frozen=True)
class Stray:
    """A token's event without a cause here, and the grant whose token it is, where there is one."""

    event: TokenEvent
    grant: Grant | None


@shared_task
def look() -> int:
    """Compare the tokens in new final blocks with what was signed here; return how many events had no cause.

    May run twice and in several workers: an alarm and the place that was reached are committed together.
    """
    found = deployments.find(tokens.CONTRACT)
    try:
        if found is None or client.chain_id() != found.chain_id:
            return 0
        final = indexer.heights().final
        return sum(_step(found.address, found.block, final) for _ in range(MOST_STEPS))
    except client.Unavailable:
        # `ehr.chain.tasks` says so; what was not looked at is looked at later.
        return 0


def _step(contract: str, born: int, final: int) -> int:
    """Look at the next blocks, no further than the last final one; return how many strays were in them."""
    name = f"tokens:{contract[-32:].lower()}"
    cursor, _new = FeedCursor.objects.get_or_create(name=name, defaults={"next": born})
    first, last = cursor.next, min(cursor.next + BLOCKS - 1, final)
    if first > last:
        return 0
    seen = events.of_tokens(contract, first, last)
    with transaction.atomic():
        if not FeedCursor.objects.select_for_update().filter(name=name, next=first).exists():
            return 0
        strays = _without_cause(contract, seen)
        if strays:
            _alarm(strays, key=f"unknown-token:{name}:{first}")
        FeedCursor.objects.filter(name=name).update(next=last + 1)
    return len(strays)


def _without_cause(contract: str, seen: Sequence[TokenEvent]) -> list[Stray]:
    rows = Grant.objects.filter(contract=contract, holder__in={event.holder for event in seen})
    grants = {grant.holder: grant for grant in rows.select_related("ending", "key_version", "reader")}
    strays = []
    for event in seen:
        grant = grants.get(event.holder)
        if grant is None or _token(grant) != event.token:
            strays.append(Stray(event, None))
        elif not event.minted and not _burnt_here(grant):
            strays.append(Stray(event, grant))
    return strays


def _token(grant: Grant) -> int | None:
    """Return the number of a grant's token; None where the row was altered beyond hashing."""
    try:
        return proofs.token_id(grant)
    except (EncodingError, TypeError, ValueError):
        return None


def _burnt_here(grant: Grant) -> bool:
    ending = getattr(grant, "ending", None)
    return ending is not None and ending.signature_r is not None


def _alarm(strays: Sequence[Stray], *, key: str) -> None:
    """Write strays on the log, a patient's own on theirs, and tell the operators, who are told again once they read.

    Whoever pays the fees can mint any number of tokens; that must fill neither the log nor a mailbox.
    """
    for stray in strays:
        if stray.grant is not None:
            _log([stray], subject=stray.grant.patient_id, grant=stray.grant.pk, reader_name=stray.grant.reader.name)
    if strangers := [stray for stray in strays if stray.grant is None]:
        _log(strangers)
    for operator in queries.operators():
        if not told.of(operator).unread().filter(kind=KIND).exists():
            notices.notify(operator, KIND, key=f"{key}:{operator.pk}")
    logger.error("The chain holds %d mints or burns of tokens without a cause here", len(strays))


def _log(strays: Sequence[Stray], *, subject=None, grant=None, **more: str) -> None:
    log.append(
        "grant.unknown-token",
        actor=log.SYSTEM,
        subject=subject,
        outcome="done",
        grant=grant,
        because="burnt-elsewhere" if grant else "no-grant",
        details={
            "minted": sum(stray.event.minted for stray in strays),
            "burnt": sum(not stray.event.minted for stray in strays),
            "blocks": [strays[0].event.block, strays[-1].event.block],
            "transactions": list(dict.fromkeys(stray.event.transaction for stray in strays))[:MOST_NAMED],
            **more,
        },
    )
