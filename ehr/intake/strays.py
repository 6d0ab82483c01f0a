"""Entries that landed on the wrong person: two people say so, and their keys there are destroyed, their rows with them.

Nothing is opened for that, and no copy is made: it comes to the right record by being sent again for the right person,
as every message does, or by `moving`, where its patient handed it back. Who says so first is a member of staff, who
names the sender's message, or the patient, who found it in their record; who decides is another member of staff. Who
holds which key: nobody here; keys are deleted unopened.
"""

import os
from collections.abc import Callable, Iterable
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import access
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import User
from ehr.accounts.operations import Refused
from patients.models import BundledKey, Chunk, Entry, Patient, WrappedKey

from .models import Feed, Said, Stray, Taken
from .storing import digests


def named_by_staff(feed: Feed, *, control_id: str, by: User, reason: str) -> list[Stray]:
    """Say that a sender's message is about somebody else than it said; a second person decides. Raises Refused.

    `control_id` is what the sender calls the message: MSH-10, or a document's number.
    """
    may(by)
    control, _body = digests(feed, control_id.strip(), b"")
    with transaction.atomic():
        found = Taken.objects.filter(feed=feed, control_digest=control, patient__isnull=False)
        made = [
            Stray.objects.create(
                patient=one.patient, taken=one, entries=there, reason=reason, said_by=by, said_at=clock.now()
            )
            for one in found.select_related("patient")
            if (there := _there(one.patient, one.entries)) and not one.strays.filter(decided_at=None).exists()
        ]
        for one in made:
            tell("stray.named", one, accounts.party(by, role="staff"))
    if not made:
        raise Refused(_("No entry of such a message is here. Ask the sender for its control id, letter by letter."))
    return made


def named_by_patient(
    patient: Patient, logical_id: UUID, *, by: User, reason: str, handed: Callable[[UUID], dict] | None = None
) -> Stray:
    """Say, as its patient, that an entry another system sent is about somebody else. Raises Refused.

    It stays where it is until a member of staff has looked at it with the sender. `handed` closes it for the row of
    that id, so that it can go where it belongs (`moving.handed_back`).
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        rows = Entry.objects.filter(patient=patient, logical_id=logical_id, manifest__source__isnull=False)
        ids = [str(one) for one in rows.values_list("pk", flat=True)]
        if not ids:
            raise Refused(_("Only what another system sent can be somebody else's. What a person wrote, they correct."))
        waiting = Stray.objects.filter(patient=patient, decided_at=None, said_by=by)
        if same := next((one for one in waiting if set(one.entries) & set(ids)), None):
            return same
        new_id = uuid4()
        back = handed(new_id) if handed else {}
        made = Stray.objects.create(
            id=new_id, patient=patient, entries=ids, reason=reason, said_by=by, said_at=clock.now(), **back
        )
        tell("stray.named", made, access.own_party(patient))
        return made


def sent_by_systems(patient: Patient) -> set[UUID]:
    """Return the logical ids of those entries whose newest version another system signed."""
    rows = Entry.objects.filter(patient=patient, current=True, manifest__source__isnull=False)
    return set(rows.values_list("logical_id", flat=True))


def remove(asked: Stray, *, by: User) -> int:
    """Destroy the keys of entries in the wrong record, and the entries; return how many. Raises Refused.

    An earlier version that another message brought is the newest again.
    """
    may(by)
    with transaction.atomic():
        stray = held(asked, by)
        count = take_out(stray)
        decided(stray, by, removed=True)
        tell("stray.removed", stray, accounts.party(by, role="staff"), count=count)
        return count


def take_out(stray: Stray) -> int:
    """Destroy the keys of entries, and the entries; return how many. Call it where the row is `held`."""
    rows = list(Entry.objects.filter(patient=stray.patient, pk__in=stray.entries))
    for table in (WrappedKey, BundledKey, Chunk):
        table.objects.filter(entry__in=rows).delete()
    logical = {row.logical_id for row in rows}
    Entry.objects.filter(pk__in=[row.pk for row in rows]).delete()
    _make_current(stray.patient, logical)
    Said.objects.filter(logical_id__in=logical).delete()
    if stray.taken is not None:
        # Sent again byte for byte it is a message again, and not one that is known.
        Taken.objects.filter(pk=stray.taken_id).update(content_digest=os.urandom(32))
    return len(rows)


def keep(asked: Stray, *, by: User, reason: str) -> None:
    """Say that entries are the patient's after all. Raises Refused."""
    may(by)
    with transaction.atomic():
        stray = held(asked, by)
        stray.reason = reason
        decided(stray, by, removed=False)
        tell("stray.kept", stray, accounts.party(by, role="staff"))


def _make_current(patient: Patient, logical: Iterable[UUID]) -> None:
    for one in logical:
        left = Entry.objects.filter(patient=patient, logical_id=one).order_by("-version").first()
        if left is not None and not left.current:
            Entry.objects.filter(pk=left.pk).update(current=True)


def _there(patient: Patient, ids: list[str]) -> list[str]:
    return [str(one) for one in Entry.objects.filter(patient=patient, pk__in=ids).values_list("pk", flat=True)]


def held(asked: Stray, by: User) -> Stray:
    """Return the row, held, and its patient's; raise Refused where it is decided, or `by` may not be the second."""
    Patient.objects.select_for_update().get(pk=asked.patient_id)
    stray = Stray.objects.select_for_update(of=("self",)).select_related("patient", "taken").get(pk=asked.pk)
    if stray.decided_at is not None:
        raise Refused(_("Somebody has decided this meanwhile. Look at the list again."))
    if stray.said_by_id == by.pk:
        raise Refused(_("You have said so yourself. A second person must decide."))
    if stray.patient.user_id == by.pk:
        raise Refused(_("This is your own record. Ask a colleague."))
    return stray


def decided(stray: Stray, by: User, *, removed: bool) -> None:
    """Note who decided, and keep nothing of what its patient handed back."""
    stray.decided_by, stray.decided_at, stray.removed = by, clock.now(), removed
    stray.sealed_key = stray.body = b""
    stray.save(update_fields=["decided_by", "decided_at", "removed", "reason", "moved", "sealed_key", "body"])


def may(by: User) -> None:
    """Raise Refused unless this is somebody's job."""
    if not by.is_active or not by.has_perm("intake.remove_stray"):
        raise Refused(_("Your desk role does not include this."))


def tell(action: str, stray: Stray, actor: log.Party, **more: object) -> None:
    """Put a line on the list of the record where the entries are."""
    details = {"stray": str(stray.pk), "entries": stray.entries[:100], **more}
    log.append(action, actor=actor, subject=stray.patient_id, outcome="done", details=details)
