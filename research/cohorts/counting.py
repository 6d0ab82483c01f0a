"""Counts, in a worker: keys for the run, everybody's share, and one number that says nothing of one of them.

Clear text and the true number are in this process's memory and nowhere else. Who was counted is kept under the study's
keys, for later counts to be held against: groups that differ by few people have one answer.
"""

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent.escrow import KeyholderAway, NotReleased
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.words import Purpose
from providers.rules import NotPossible
from research import budget, criteria, queries, snapshots
from research.criteria.parts import parts_for
from research.disclosure import Answered, earlier_answer, shown
from research.models import CohortCount, Study
from research.snapshots import Snapshot
from research.studies import running
from research.words import Act

State = CohortCount.State
# A worker that was not seen for this long is taken for dead; after three of them a count stops.
SILENT = timedelta(minutes=10)
MOST_ATTEMPTS = 3
_ID_BYTES, _SIZE_BYTES = 16, 4
_LABEL = "cohort members"


class Given(Exception):
    """Somebody cancelled, or another worker took over: nothing of this one counts."""


def due() -> list[UUID]:
    """Return the counts that wait for a worker, those first that wait longest."""
    silent = Q(state=State.RUNNING, seen_at__lte=clock.now() - SILENT)
    rows = CohortCount.objects.filter(Q(state=State.ASKED) | silent)
    return list(rows.order_by("asked_at").values_list("pk", flat=True))


def count(count_id: UUID) -> str:
    """Make one count and return the state it is in then. May run any number of times, and in two workers at once."""
    row = _claimed(count_id)
    if row is None:
        return ""
    try:
        _count(row)
    except Given:
        pass
    except KeyholderAway:
        _mine(row).update(state=State.ASKED, attempt=None, attempts=row.attempts - 1)
    except NotReleased as problem:
        words = _("The study’s keys stay where they are: %(because)s. Ask the committee.") % {
            "because": problem.because
        }
        _mine(row).update(state=State.STOPPED, because=words[:500], ended_at=clock.now())
    except NotPossible as problem:
        _mine(row).update(state=State.STOPPED, because=str(problem)[:500], ended_at=clock.now())
    row.refresh_from_db()
    return row.state


def _count(row: CohortCount) -> None:
    study, at = row.study, clock.now()
    run = queries.run_at(study, at)
    if run is None:
        raise NotPossible(_("Nobody lets this study read at the moment. Ask the committee to let it run."))
    keyring = running.keys_for(run, because="count")
    snapshot = snapshots.take(run, keyring=keyring, watch=_watch(row))
    members = meeting(criteria.read(row.criteria), snapshot, at.date())
    with transaction.atomic():
        budget.locked_budget(study)  # one count after another, or two would not know of each other
        row = _mine(row).select_for_update(of=("self",)).first()
        if row is None:
            raise Given
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
    study = row.study
    log.append_page(
        Act.COUNTED,
        actor=running.party(study),
        subjects=[one.patient_id for one in snapshot.joinings],
        outcome="done",
        purpose=Purpose.HRESCH,
        details={
            "reader": str(study.reader_id),
            "reader_name": study.title,
            "study": str(study.pk),
            "count": str(row.pk),
        },
    )


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


# --- Claiming and being watched ------------------------------------------------------------------
def _claimed(count_id: UUID) -> CohortCount | None:
    with transaction.atomic():
        rows = CohortCount.objects.select_for_update(of=("self",)).select_related("study__reader", "study__institution")
        row = rows.filter(pk=count_id, state__in=[State.ASKED, State.RUNNING]).first()
        now = clock.now()
        if row is None or (row.state == State.RUNNING and row.seen_at and row.seen_at > now - SILENT):
            return None
        if row.attempts >= MOST_ATTEMPTS:
            row.state, row.ended_at = State.STOPPED, now
            row.because = _("It was begun three times and never came to an end. Tell the operator.")
            row.save(update_fields=["state", "ended_at", "because"])
            return None
        row.state, row.attempt, row.seen_at = State.RUNNING, uuid.uuid4(), now
        row.attempts += 1
        row.save(update_fields=["state", "attempt", "seen_at", "attempts"])
    return row


def _mine(row: CohortCount) -> QuerySet[CohortCount]:
    """Return the row while it is this worker's."""
    rows = CohortCount.objects.filter(pk=row.pk, state=State.RUNNING, attempt=row.attempt)
    return rows.select_related("study__reader", "study__institution") if row.attempt else rows.none()


def _watch(row: CohortCount) -> Callable[[int, int], None]:
    """Return what writes down how far it is. It raises Given once the count is not this worker's any more."""

    def told(done: int, total: int) -> None:
        if not CohortCount.objects.filter(pk=row.pk, state=State.RUNNING, attempt=row.attempt).update(
            done=done, total=total, seen_at=clock.now()
        ):
            raise Given

    return told
