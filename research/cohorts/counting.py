"""Counts, in a worker: keys for the run, everybody's share, and one number that says nothing of one of them.

Clear text and the true number are in this process's memory and nowhere else. Who was counted is kept under the study's
keys, for later counts to be held against: groups that differ by few people have one answer.
"""

import json
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import transaction

from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from research import budget, criteria, queries, snapshots
from research.criteria.parts import parts_for
from research.disclosure import Answered, earlier_answer, shown
from research.models import CohortCount, Study
from research.snapshots import Snapshot
from research.studies import running, work
from research.studies.proposing import log_people
from research.words import Act

State = CohortCount.State
_ID_BYTES, _SIZE_BYTES = 16, 4
_LABEL = "cohort members"


def due() -> list[UUID]:
    """Return the counts that wait for a worker, those first that wait longest."""
    return work.due(CohortCount)


def count(count_id: UUID) -> str:
    """Make one count and return the state it is in then. May run any number of times, and in two workers at once."""
    return work.carry(CohortCount, count_id, _count)


def _count(row: CohortCount) -> None:
    study, at = row.study, clock.now()
    run = work.run_of(study)
    keyring = running.keys_for(run, because="count")
    snapshot = snapshots.take(run, keyring=keyring, watch=work.watch(row))
    members = meeting(criteria.read(row.criteria), snapshot, at.date())
    with transaction.atomic():
        budget.locked_budget(study)  # one count after another, or two would not know of each other
        row = work.mine(row).select_for_update(of=("self",)).first()
        if row is None:
            raise work.Given
        _put_down(row, members, snapshot, keyring)


def meeting(asked: criteria.Criteria, snapshot: Snapshot, today: date) -> frozenset[UUID]:
    """Return who meets criteria, of those who share each part that the answer depends on."""
    parts = parts_for(asked)
    share = {str(one.patient_id): one.patient_id for one in snapshot.joinings if parts <= set(one.categories)}
    resources: dict[str, list[dict]] = {}
    for owner, document in snapshot.documents:
        if owner in share:
            resources.setdefault(owner, []).append(json.loads(document))
    return frozenset(
        patient for owner, patient in share.items() if criteria.matches(asked, resources.get(owner, ()), today)
    )


def _put_down(row: CohortCount, members: frozenset[UUID], snapshot: Snapshot, keyring: OpenKeyring) -> None:
    """Write what is said, and a line for everybody whose record was looked at, whether they were counted or not."""
    rules = queries.rules()
    before = _answered(row.study, keyring)
    key = keyring.grant_key(b"differencing")
    near = earlier_answer(members, digest=bytes(row.digest), answered=before.values(), key=key, rules=rules)
    row.said = near.said if near else shown(len(members), rules)
    row.same_as_id = next((pk for pk, one in before.items() if one is near), None)
    row.members = keyring.keep(_packed(members, len(snapshot.joinings)), label=_LABEL)
    row.state, row.ended_at = State.READY, clock.now()
    row.save(update_fields=["said", "same_as", "members", "state", "ended_at"])
    people = [one.patient_id for one in snapshot.joinings]
    log_people(Act.COUNTED, row.study, people, actor=running.party(row.study), count=str(row.pk))


def _answered(study: Study, keyring: OpenKeyring) -> dict[UUID, Answered]:
    """Return the answers that were given in a study and who was counted in each, the first first.

    Where an earlier answer stood for a group, it is the earlier group that others are held against, or answers would
    wander: each a few people from the one before, the last far from the first.
    """
    rows = CohortCount.objects.filter(study=study, state=State.READY, same_as=None).order_by("ended_at", "pk")
    return {
        one.pk: Answered(bytes(one.digest), _unpacked(keyring.kept(bytes(one.members or b""), label=_LABEL)), one.said)
        for one in rows
    }


def _packed(members: Iterable[UUID], everybody: int) -> bytes:
    """Return ids in as many bytes as all ids would take: how long it is does not tell how many there are."""
    ids = sorted(one.bytes for one in members)
    return len(ids).to_bytes(_SIZE_BYTES, "big") + b"".join(ids).ljust(everybody * _ID_BYTES, b"\x00")


def _unpacked(packed: bytes) -> frozenset[UUID]:
    size, ids = int.from_bytes(packed[:_SIZE_BYTES], "big"), packed[_SIZE_BYTES:]
    return frozenset(UUID(bytes=ids[at * _ID_BYTES : (at + 1) * _ID_BYTES]) for at in range(size))
