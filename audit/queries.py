"""Reading the log: one patient's story, its head, and what waits."""

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import BinaryField, Func, IntegerField, Q, Value
from django.db.models.lookups import GreaterThan

from audit import leaves
from audit.leaves import Altered
from audit.log import Party
from audit.merkle import EMPTY_ROOT
from audit.models import Anchor, Case, Checkpoint, Event, EventBody, Head, Queued
from ehr.statements import Statement

__all__ = ["Altered"]

_ON_CHAIN = (Anchor.Status.CONFIRMED, Anchor.Status.FINAL)


@dataclass(frozen=True, slots=True)
class Line:
    """One event as it was recorded. `number` is None until it has its place; `erased_at` where its words are gone."""

    number: int | None
    event_id: UUID
    time: datetime
    subject: UUID | None
    actor: Party | None = None
    action: str = ""
    outcome: str = ""
    categories: tuple[str, ...] = ()
    purpose: str = ""
    grant: UUID | None = None
    because: str = ""
    page: UUID | None = None
    sealed: Mapping[str, bytes] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """The log's signed head, and the block up to which the chain has it."""

    size: int
    root: bytes
    checkpoint_at: datetime | None
    anchored_block: int | None
    anchored_size: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What an operator watches: events waiting for a place, leaves without a signature, anchors on their way, cases."""

    leaves: int
    waiting: int
    unsigned: int
    checkpoints: int
    anchors_waiting: int
    anchors_failed: int
    cases_open: int


def story(subject: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Line]:
    """Return a subject's events, newest first; `before` is the id of the last event of the page shown before."""
    events = Event.objects.filter(subject=subject).select_related("body", "leaf", "erasure").order_by("-id")
    if before:
        events = events.filter(id__lt=before)
    return [line(event) for event in events[:limit]]


def find(event_id: UUID) -> Line | None:
    """Return one event, or None."""
    event = Event.objects.filter(id=event_id).select_related("body", "leaf", "erasure").first()
    return line(event) if event else None


def proven(event_id: UUID) -> Line | None:
    """Return one event as `find` does, once its words are held against their hash. Raises Altered; None without words.

    For whoever acts on an event because it is there: the id, the time and the subject are those that were hashed.
    """
    event = Event.objects.filter(id=event_id).select_related("body", "leaf", "erasure").first()
    if event is None or not hasattr(event, "body"):
        return None
    leaves.check_body(event, salt=bytes(event.body.salt), payload=bytes(event.body.payload))
    return line(event)


class _Position(Func):
    """Where some bytes begin in a column, counted from 1; 0 where they do not stand in it."""

    function = "INSTR"
    output_field = IntegerField()

    def as_postgresql(self, compiler, connection, **_more):
        turned = self.copy()
        turned.set_source_expressions(list(reversed(self.get_source_expressions())))
        return turned.as_sql(compiler, connection, template="POSITION(%(expressions)s)", arg_joiner=" IN ")


def with_action(actions: Collection[str], *, since: datetime | None = None) -> Iterator[Line]:
    """Yield all events that say one of these actions, oldest first, by one pass over the log, or its part since."""
    said = Q(pk__in=[])
    for action in actions:
        asked = Value(b'"action":' + json.dumps(action).encode(), output_field=BinaryField())
        said |= Q(GreaterThan(_Position("body__payload", asked), 0))
    events = Event.objects.filter(said).select_related("body", "leaf", "erasure").order_by("id")
    if since is not None:
        events = events.filter(time__gte=since)
    # The words may stand in an event's details too, so what was found is read before it counts.
    return (found for found in map(line, events.iterator(chunk_size=500)) if found.action in actions)


def facts(event_id: UUID) -> Mapping[str, object] | None:
    """Return what one event's body says, without its place in the tree; None when there is no such body."""
    found = _BODY.rows(event=event_id)
    return json.loads(bytes(found[0][0])) if found else None


_BODY = Statement(lambda event: EventBody.objects.filter(pk=event).values_list("payload"))


def line(event: Event) -> Line:
    """Return an event as it was recorded, from rows read with its body, leaf and erasure."""
    leaf, body, erasure = (getattr(event, name, None) for name in ("leaf", "body", "erasure"))
    number = leaf.number if leaf else None
    if body is None:
        at = erasure.at if erasure else None
        return Line(number=number, event_id=event.id, time=event.time, subject=event.subject, erased_at=at)
    facts = json.loads(bytes(body.payload))
    return Line(
        number=number,
        event_id=event.id,
        time=event.time,
        subject=event.subject,
        actor=party(facts["actor"]),
        action=facts["action"],
        outcome=facts["outcome"],
        categories=tuple(facts["categories"]),
        purpose=facts["purpose"],
        grant=_uuid(facts["grant"]),
        because=facts["because"],
        page=_uuid(facts["page"]),
        sealed={name: base64.b64decode(blob) for name, blob in facts["sealed"].items()},
        details=facts["details"],
    )


def party(facts: Mapping[str, str]) -> Party:
    """Return a party as it was written down."""
    return Party(facts["kind"], _uuid(facts["id"]), facts["name"], facts["role"], facts["place"])


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def head() -> HeadFacts:
    """Return the log's signed head; the empty tree's before the first checkpoint."""
    last = Checkpoint.objects.last()
    anchor = anchored()
    return HeadFacts(
        size=last.size if last else 0,
        root=bytes(last.root) if last else EMPTY_ROOT,
        checkpoint_at=last.at if last else None,
        anchored_block=anchor.block if anchor else None,
        anchored_size=anchor.checkpoint.size if anchor else 0,
    )


def anchored(*, within: int | None = None) -> Anchor | None:
    """Return the latest anchor the chain took, of those over at most `within` leaves."""
    found = Anchor.objects.filter(status__in=_ON_CHAIN).select_related("checkpoint").order_by("-checkpoint__size")
    return found.filter(checkpoint__size__lte=within).first() if within is not None else found.first()


def counts() -> Counts:
    """Return what an operator watches, in a handful of indexed counts."""
    size = Head.objects.filter(id=1).values_list("size", flat=True).first() or 0
    last = Checkpoint.objects.last()
    return Counts(
        leaves=size,
        waiting=Queued.objects.count(),
        unsigned=size - (last.size if last else 0),
        checkpoints=Checkpoint.objects.count(),
        anchors_waiting=Anchor.objects.filter(status=Anchor.Status.QUEUED).count(),
        anchors_failed=Anchor.objects.filter(status=Anchor.Status.FAILED).count(),
        cases_open=Case.objects.filter(state=Case.State.OPEN).count(),
    )
