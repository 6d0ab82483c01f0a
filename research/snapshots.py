"""Everybody's share of a study, as it stands now: opened through the door, one after another, for one run.

What is returned is clear text, in this process's memory and nowhere else.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from consent.access import AccessDenied, open_for_study
from consent.judging import Presence
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.crypto.digests import joined
from research import queries
from research.models import Joining, Run

# Called before each person with how many are done, and how many there are. What it raises ends the snapshot.
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Snapshot:
    """Who was let in with, and what opened: (owner, JSON text) of each entry. An owner is the patient's id as text.

    `digest` is 32 bytes over which versions of which entries these are; it says nothing to who does not have their ids.
    """

    joinings: tuple[Joining, ...]
    documents: tuple[tuple[str, str], ...] = field(repr=False)
    digest: bytes


def take(run: Run, *, keyring: OpenKeyring, watch: Watch, only: Collection[UUID] | None = None) -> Snapshot:
    """Return what a study may read now. Whoever the door does not let it to is left out; their list says so.

    With `only` it is these patients' records that are opened. Call it outside a transaction: each opening commits its
    line first.
    """
    presence, reader = Presence(run=run.pk), accounts.reader(keyring.reader_id)
    wanted = [one for one in queries.participants(run.study) if only is None or one.patient_id in only]
    found: list[Joining] = []
    documents: list[tuple[str, str]] = []
    versions: list[bytes] = []
    for number, joining in enumerate(wanted):
        watch(number, len(wanted))
        try:
            chart = open_for_study(
                joining.patient, reader=reader, keyring=keyring, presence=presence, study=str(run.study_id)
            )
        except AccessDenied:
            continue
        found.append(joining)
        for entry in chart.entries:
            if entry.raw is not None:
                documents.append((str(joining.patient_id), entry.raw.decode()))
                versions.append(entry.entry_id.bytes)
    # Under the study's id, or two studies of the same people would say so by one value.
    told = joined(b"snapshot/v2", run.study_id.bytes, *sorted(versions))
    return Snapshot(tuple(found), tuple(documents), sha256(told).digest())
