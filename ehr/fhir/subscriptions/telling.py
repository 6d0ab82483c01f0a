"""Following the log, and posting to who wants to know. What is posted was decided in the same commit as its line.

An app is told of a part that it may read at that moment, by the door's own decision; nothing is opened for it. A
message that waits is posted only while its app still may.
"""

import json
import uuid
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.db import transaction

from audit import feed, log
from audit.queries import Line
from consent.judging import judge
from ehr import clock
from ehr.accounts import stored
from ehr.fhir import kinds
from ehr.fhir.models import Followed, Notification, Subscription
from ehr.fhir.subscriptions import terms
from ehr.notices import posting, signatures
from ehr.outbox.delivery import GivenUp, NotYet
from ehr.smart import standing
from ehr.smart.models import Authorization
from ehr.words import Action, Category, Purpose
from patients.models import Patient

NEWS = frozenset({"entry.added", "entry.added-for", "entry.changed", "entry.removed"})
HEADER, SECRET = "subscription-header", "subscription-secret"
State = Subscription.State
_ABOUT = ("authorization__app", "authorization__user", "authorization__version__reader", "patient")


class Over(GivenUp):
    """Whoever wanted to know may not any more."""


def live(row: Subscription) -> bool:
    """Tell whether a subscription holds: it was not ended, its time is not over, and what its app was let do is not."""
    at = clock.now()
    if row.state == State.OFF or (row.ends_at and row.ends_at <= at):
        return False
    return standing.lives(row.authorization, at)


def state_of(row: Subscription) -> str:
    """Return a subscription's state at this moment."""
    return str(row.state) if live(row) else str(State.OFF)


def may_know(row: Subscription, parts: Iterable[str]) -> tuple[Category, ...]:
    """Return those parts that its app may read now: the very decision by which they would open."""
    authorization = row.authorization
    own = authorization.kind == Authorization.Kind.PATIENT
    asked = {*row.parts} & {*authorization.categories} & {*parts}
    chosen = tuple(part for part in Category if part in asked)
    reader = authorization.version.reader if own else authorization.user
    purpose = Purpose.PATRQT if own else Purpose.TREAT
    return tuple(judge(row.patient, reader, action=Action.READ, purpose=purpose, parts=chosen).allowed)


def follow(*, limit: int = 500) -> int:
    """Read what is new on the log, and write a message for each who wants to know; return how many. May run twice."""
    with transaction.atomic():
        cursor = Followed.objects.select_for_update().get_or_create(pk=1)[0]
        news = feed.since(cursor.next, limit)
        if not news:
            return 0
        told = sum(_tell(line) for _number, line in news if line.action in NEWS)
        cursor.next = news[-1][0] + 1
        cursor.save(update_fields=["next"])
        return told


def _tell(line: Line) -> int:
    rows = Subscription.objects.filter(patient=line.subject).exclude(state=State.OFF).select_related(*_ABOUT)
    return sum(_tell_one(row, line) for row in rows)


def _tell_one(row: Subscription, line: Line) -> bool:
    parts = may_know(row, line.categories) if live(row) else ()
    if not parts:
        return False
    held = Subscription.objects.select_for_update().get(pk=row.pk)
    held.events += 1
    held.save(update_fields=["events"])
    Notification.objects.create(
        subscription=held,
        number=held.events,
        kind="event-notification",
        key=f"{held.pk}:{line.event_id}",
        payload={"at": line.time.isoformat().replace("+00:00", "Z")},
    )
    note(row, "subscription.told", parts=parts)
    return True


def begin(row: Subscription) -> None:
    """Write the first message: the address must answer it before it is told anything else."""
    Notification.objects.create(subscription=row, number=0, kind="handshake", key=f"{row.pk}:handshake")


def send(parcel: Notification) -> None:
    """Post one message. Raises NotYet while an earlier one waits, Over, and what posting raises."""
    row = Subscription.objects.select_related(*_ABOUT).get(pk=parcel.subscription_id)
    if not live(row):
        _give_up(row)
        raise Over
    earlier = row.notifications.filter(delivered_at=None, gave_up_at=None, number__lt=parcel.number)
    if held_up := earlier.order_by("number").first():
        raise NotYet(max(held_up.due_at, clock.now()))
    body = json.dumps(message(row, parcel), separators=(",", ":")).encode()
    posting.post(row.endpoint, body, _headers(row, parcel, body))
    # Whoever answers is there, the first time or again.
    Subscription.objects.filter(pk=row.pk, state__in=[State.REQUESTED, State.ERROR]).update(state=State.ACTIVE)


def _headers(row: Subscription, parcel: Notification, body: bytes) -> dict[str, str]:
    secret = stored.take_out(bytes(row.sealed_secret), about=row.pk.bytes, label=SECRET)
    at = int(clock.now().timestamp())
    told = signatures.headers(secret, message_id=str(parcel.pk), timestamp=at, body=body)
    if row.sealed_header:
        own = stored.take_out(bytes(row.sealed_header), about=row.pk.bytes, label=HEADER).decode()
        name, _, value = own.partition(": ")
        told[name] = value
    return told | {"Content-Type": terms.JSON}


def message(row: Subscription, parcel: Notification) -> dict[str, object]:
    """Return the Bundle that is posted: its status, and for id-only whose record it is."""
    event = parcel.payload if parcel.number else None
    told = terms.status(row, state=str(row.state), kind=parcel.kind, events=parcel.number, event=event)
    inner = {
        "fullUrl": f"urn:uuid:{uuid.uuid5(parcel.pk, 'status')}",
        "resource": told,
        "request": {"method": "GET", "url": f"{kinds.base()}/Subscription/{row.pk}/$status"},
        "response": {"status": "200"},
    }
    profile = f"{terms.BACKPORT}backport-subscription-notification-r4"
    return {
        "resourceType": "Bundle",
        "id": str(parcel.pk),
        "meta": {"profile": [profile]},
        "type": "history",
        "timestamp": parcel.created_at.isoformat().replace("+00:00", "Z"),
        "entry": [inner],
    }


def _give_up(row: Subscription) -> None:
    """Post nothing more of what waits."""
    waiting = Notification.objects.filter(subscription=row, delivered_at=None, gave_up_at=None)
    waiting.update(gave_up_at=clock.now(), last_problem=Over.__name__)


def end(row: Subscription) -> None:
    """End a subscription; ending one twice changes nothing."""
    with transaction.atomic():
        held = Subscription.objects.select_for_update().get(pk=row.pk)
        if held.state == State.OFF:
            return
        Subscription.objects.filter(pk=row.pk).update(state=State.OFF)
        _give_up(row)
        note(row, "subscription.ended")


def mark_unanswered() -> int:
    """Say of subscriptions whose messages were given up that their address answers no more; return how many."""
    silent = Notification.objects.filter(gave_up_at__isnull=False).exclude(last_problem=Over.__name__)
    rows = Subscription.objects.filter(state__in=[State.REQUESTED, State.ACTIVE], pk__in=silent.values("subscription"))
    return rows.update(state=State.ERROR)


def note(row: Subscription, action: str, *, parts: Iterable[str] = ()) -> None:
    """Write the line of a subscription on the patient's list; call it in the transaction of what it tells of."""
    authorization = row.authorization
    name = authorization.app.name
    log.append(
        action,
        actor=log.Party("app", authorization.version.reader_id if authorization.version else None, name, "app", ""),
        subject=row.patient_id,
        outcome="done",
        categories=sorted(map(str, parts or row.parts)),
        purpose=str(Purpose.PATRQT if authorization.kind == Authorization.Kind.PATIENT else Purpose.TREAT),
        grant=authorization.grant_id,
        because="app",
        details={"host": urlsplit(row.endpoint).hostname or "", "via": name},
    )


def of(patient: Patient) -> list[Subscription]:
    """Return the subscriptions about a record that hold, newest first."""
    rows = Subscription.objects.filter(patient=patient).exclude(state=State.OFF).select_related(*_ABOUT)
    return [row for row in rows.order_by("-made_at") if live(row)]
