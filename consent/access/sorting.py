"""Everything in the part where it belongs: what turns out to be sensitive is moved, in its patient's own session.

The rules become stricter, or what an entry refers to arrives later and tells what it is about. An entry is only ever
moved into sensitive parts: nothing that was kept closer is kept less close by itself.
"""

import logging
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping

from django.db import transaction

from audit import log
from consent import keys
from consent.models import Grant
from ehr.accounts.keyrings import OpenKeyring
from ehr.r4 import labels
from ehr.words import SENSITIVE, Category, Purpose
from patients import vault
from patients.models import BundledKey, Patient
from patients.naming import Naming
from patients.queries import sorting
from patients.vault import IndexedEntry

logger = logging.getLogger(__name__)


def sort_if_due(patient: Patient, *, keyring: OpenKeyring) -> None:
    """Sort a record where that is due. Whatever keeps it from being sorted keeps nobody from reading their own."""
    try:
        sort(patient, keyring=keyring)
    except Exception as problem:  # noqa: BLE001 -- a row that somebody altered is no reason to shut a record
        logger.error("The entries of patient %s were not sorted: %s", patient.pk, type(problem).__name__)


def sort(patient: Patient, *, keyring: OpenKeyring) -> int:
    """Move what is sensitive by the rules of now into its part; return how many versions moved. May run twice.

    Does nothing where neither the rules changed nor a feed sent anything since the last time. The line is committed
    before anything is opened; call it outside a transaction, with the patient's own keys.
    """
    now = sorting(patient)
    if patient.sorted_by == now:
        return 0
    log.record(
        "record.sorted",
        actor=log.SYSTEM,
        subject=patient.pk,
        categories=sorted(map(str, Category)),
        purpose=Purpose.PATRQT,
        because="labels",
    )
    boxes = keys.own_boxes(patient, tuple(Category), keyring=keyring)
    index = vault.search(patient, boxes, all_versions=True)
    index.fetch(index.entries)
    wanted = dict(_misplaced(patient, index.entries))
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        moved = vault.move(patient, {pk: parts for pk, (_from, parts) in wanted.items()}, boxes)
        _take_back(patient, {pk: wanted[pk][1] for pk in moved})
        ways = Counter(wanted[pk] for pk in moved)
        for (before, after), count in sorted(ways.items()):
            log.append(
                "entry.moved",
                actor=log.SYSTEM,
                subject=patient.pk,
                outcome="done",
                categories=sorted(after),
                because="labels",
                details={"count": count, "from": list(before)},
            )
        Patient.objects.filter(pk=patient.pk).update(sorted_by=now)
    patient.sorted_by = now
    return len(moved)


def _misplaced(
    patient: Patient, entries: list[IndexedEntry]
) -> Iterator[tuple[uuid.UUID, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Yield the row id of each version that belongs into a sensitive part it is not in, with where it is and goes."""
    names = Naming(patient)
    read = {
        one.entry_id: names.resource(one.resource, source=one.source)
        for one in entries
        if not one.deleted and one.resource
    }
    context = {
        f"{read[one.entry_id]['resourceType']}/{one.logical_id}": read[one.entry_id]
        for one in entries
        if one.current and one.entry_id in read
    }
    for one in entries:
        if one.entry_id in read:
            sensitive = SENSITIVE & set(labels.label(read[one.entry_id], context=context).categories)
            if not sensitive <= set(one.parts):
                kept = SENSITIVE & set(map(Category, one.parts))
                yield one.entry_id, (one.parts, tuple(sorted(map(str, sensitive | kept))))


def _take_back(patient: Patient, moved: Mapping[uuid.UUID, tuple[str, ...]]) -> None:
    """Delete what grants for chosen entries hold of those that moved where these grants name no part of."""
    held = BundledKey.objects.filter(entry__in=list(moved))
    granted = {grant.pk: set(grant.categories) for grant in Grant.objects.filter(patient=patient)}
    late = [one.pk for one in held if not set(moved[one.entry_id]) <= granted.get(one.grant_id, set())]
    BundledKey.objects.filter(pk__in=late).delete()
