"""An entry in the wrong record goes where it belongs without being sent again: its patient hands it back, two move it.

Who holds which key: the wrong patient opens the entry in their own session and closes it, in that request, under a
key of its own, which is sealed to the keyholder's repair key. Staff see nothing of it. When the second of two says so,
the keyholder hands that key to this process for one use, against a committed event; the entry is sealed to the right
record's lockboxes, and its keys in the wrong one are destroyed, in one commit.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from consent import escrow
from consent.queries import NotSetUp
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from ehr.r4 import references, text
from patients.models import Chunk, Entry, Patient
from patients.queries import by_identifiers

from . import people, storing, strays
from .models import Feed, Stray

KEPT = timedelta(days=30)


def feed_of(patient: Patient, logical_id: UUID) -> Feed | None:
    """Return which feed sent what an entry says now, where that can be handed back; None where it has a file beside it,
    or nobody is registered who sent it."""
    rows = Entry.objects.filter(patient=patient, current=True, logical_id=logical_id)
    found = rows.select_related("manifest").first()
    if found is None or Chunk.objects.filter(entry=found).exists():
        return None
    return Feed.objects.select_related("source").filter(source=found.manifest.source_id).first()


def handed_back(feed: Feed, resource: Mapping) -> Callable[[UUID], dict]:
    """Return what closes an entry for a stray's row, as `strays.named_by_patient` takes it.

    Where it cannot be closed now nothing is handed back, and its sender sends it again.
    """
    content = text.dumps(dict(resource))

    def closed(stray_id: UUID) -> dict:
        try:
            kept = escrow.kept_for_repair(stray_id, content)
        except (escrow.NotReleased, NotSetUp):
            return {}
        return {"feed": feed, "key_version": kept.version, "sealed_key": kept.sealed_key, "body": kept.body}

    return closed


def send_on(asked: Stray, *, system: str, number: str, by: User) -> None:
    """Say, as one of two, to whom an entry belongs that its patient handed back. Raises Refused."""
    strays.may(by)
    found = by_identifiers([(system, number)])
    with transaction.atomic():
        stray = strays.held(asked, by)
        if not stray.body:
            raise Refused(_("Its patient handed nothing back. Take it out, and have it sent again."))
        if found is None or found.pk == stray.patient_id:
            raise Refused(_("No other record is known for certain under this number. Compare it once more."))
        if found.user_id == by.pk:
            raise Refused(_("This is your own record. Ask a colleague."))
        stray.target, stray.target_by = found, by
        stray.save(update_fields=["target", "target_by"])
        strays.tell("stray.addressed", stray, accounts.party(by, role="staff"))


def move(asked: Stray, *, by: User) -> int:
    """Seal an entry to the record where it belongs and take it out of the wrong one, as the second of two.

    Returns how many entries the right record got: none where it has this already. Raises Refused, NotReleased. Call it
    outside a transaction: the line that opens it is committed first.
    """
    strays.may(by)
    _may_move(asked, by)
    resource = text.loads(_opened(asked, by))
    with transaction.atomic():
        # The lower id first, so that two who move between the same two records do not wait for each other.
        list(Patient.objects.select_for_update().filter(pk__in=[asked.patient_id, asked.target_id]).order_by("pk"))
        stray = strays.held(asked, by)
        target = _may_move(stray, by)
        moved = storing.seal(
            target, [_about(resource, target, stray.feed)], feed=stray.feed, control_id=f"moved {stray.pk}"
        )[1]
        count, actor = strays.take_out(stray), accounts.party(by, role="staff")
        stray.moved = True
        strays.decided(stray, by, removed=True)
        strays.tell("stray.moved", stray, actor, count=count)
        details = {"stray": str(stray.pk), "count": len(moved)}
        log.append("stray.arrived", actor=actor, subject=target.pk, outcome="done", details=details)
        return len(moved)


def forget() -> int:
    """Destroy what was handed back and nobody moved in time; return how many. May run any number of times."""
    late = Stray.objects.filter(decided_at=None, said_at__lt=clock.now() - KEPT).exclude(body=b"")
    return late.update(sealed_key=b"", body=b"", target=None, target_by=None)


def _may_move(stray: Stray, by: User) -> Patient:
    """Return to whom it goes; raise Refused where nobody said so, or `by` may not be the second."""
    if stray.target is None or not stray.body:
        raise Refused(_("Nobody has said yet to whom this belongs, or it is kept no longer. Look at the list again."))
    if by.pk == stray.target_by_id:
        raise Refused(_("You have said so yourself. A second person must decide."))
    if by.pk in (stray.target.user_id, stray.patient.user_id):
        raise Refused(_("This is your own record. Ask a colleague."))
    return stray.target


def _opened(stray: Stray, by: User) -> bytes:
    def record(to: str, sealed: str) -> Event:
        return log.record(
            "institution.stray-opened",
            actor=accounts.party(by, role="staff"),
            subject=None,
            outcome="allowed",
            because="moved",
            details={"message": str(stray.pk), "feed": str(stray.feed_id), "to": to, "sealed": sealed},
        )

    return escrow.message_opened(stray.pk, bytes(stray.sealed_key), bytes(stray.body), record=record)


def _about(resource: dict, target: Patient, feed: Feed) -> dict:
    """Return a sender's resource as it would have said it of the right person, by a name that leads to their record."""
    right = f"Patient/{target.pk}"
    people.remember(target, source=feed.source.name, names_there=[right])
    return _renamed(resource, references.subject_of(resource), right)


def _renamed(value: Any, wrong: str, right: str) -> Any:
    if isinstance(value, dict):
        return {
            name: right if name == "reference" and item == wrong else _renamed(item, wrong, right)
            for name, item in value.items()
        }
    return [_renamed(item, wrong, right) for item in value] if isinstance(value, list) else value
