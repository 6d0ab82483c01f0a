"""Gives each event its place. Any number of sequencers may run; the lock on the head elects one.

Writers commit in any order and wait for nobody. What they leave in the queue gets the next numbers
here, without gaps, and tiles and head grow in the same transaction.
"""

import secrets
from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from audit import leaves, merkle, tiles, verify, witness
from audit.models import Event, Head, Leaf, Queued, Tail

BATCH = 5000
_CHUNK = 500


def sequence(*, limit: int = BATCH) -> int:
    """Give up to `limit` waiting events their leaves and return how many; 0 when another sequencer is at work.

    Raises leaves.Altered when a waiting event is not as it was recorded, and witness.Behind when
    storage lost what was signed: nothing gets a place then.
    """
    if not Queued.objects.exists():
        return 0
    Head.objects.get_or_create(id=1)
    with transaction.atomic():
        head = Head.objects.select_for_update(skip_locked=True).filter(id=1).first()
        if head is None:
            return 0
        witness.check_size(head.size)
        waiting = list(Queued.objects.select_related("event__body", "event__erasure").order_by("id")[:limit])
        new = _place(head.size, [queued.event for queued in waiting])
        tiles.store(merkle.extend(tiles.Tiles(), head.size, [bytes(leaf.hash) for leaf in new]))
        head.size += len(new)
        head.save(update_fields=["size"])
        for at in range(0, len(waiting), _CHUNK):
            Queued.objects.filter(pk__in=[queued.pk for queued in waiting[at : at + _CHUNK]]).delete()
    return len(new)


def _place(size: int, events: Iterable[Event]) -> list[Leaf]:
    """Insert the leaves of events from number `size` on, and move their subjects' tails."""
    events = list(events)
    tails = _tails({event.subject for event in events if event.subject})
    new = []
    for number, event in enumerate(events, size):
        _check_words(event)
        tail = tails[event.subject] if event.subject else None
        salt = secrets.token_bytes(32)
        seq, previous = (tail.count + 1, bytes(tail.last)) if tail else (0, verify.ZERO)
        leaf = verify.leaf_hash(leaves.entry(event, salt=salt, seq=seq, previous=previous))
        new.append(Leaf(number=number, event=event, subject=event.subject, patient_seq=seq, salt=salt, hash=leaf))
        if tail:
            tail.count, tail.last = tail.count + 1, leaf
    Leaf.objects.bulk_create(new, batch_size=_CHUNK)
    Tail.objects.bulk_create(
        tails.values(), update_conflicts=True, unique_fields=["subject"], update_fields=["count", "last"]
    )
    return new


def _check_words(event: Event) -> None:
    """Raise Altered unless an event has the words that were recorded, or an erasure says that they are gone.

    A leaf needs only their hash: an event that was erased while it waited gets its place like any other.
    """
    body = getattr(event, "body", None)
    if body is not None:
        leaves.check_body(event, salt=bytes(body.salt), payload=bytes(body.payload))
    elif not hasattr(event, "erasure"):
        raise leaves.Altered(f"{leaves.name(event)} has lost its words, and no erasure says so.")


def _tails(subjects: set[UUID]) -> dict[UUID, Tail]:
    """Return each subject's tail as it is, an empty one for those who have none."""
    wanted = sorted(subjects)
    known: dict[UUID, Tail] = {}
    for at in range(0, len(wanted), _CHUNK):
        known |= Tail.objects.in_bulk(wanted[at : at + _CHUNK])
    for subject in wanted:
        if subject not in known:
            known[subject] = Tail(subject=subject, count=0, last=verify.ZERO, salt=secrets.token_bytes(32))
    return known
