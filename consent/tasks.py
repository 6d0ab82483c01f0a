"""What workers do for consent. Each may run twice, and finds its work in the database."""

import logging
from datetime import timedelta
from hashlib import sha256
from operator import attrgetter

from celery import shared_task
from django.db import connection, transaction
from django.db.models import Min

from audit import log
from consent import emergency, proofs, queries, recovering
from consent.delegates import telling
from consent.models import ContactParcel, Ending, Grant, GrantParcel
from consent.sharing import grants, standing
from ehr import clock
from ehr.chain import client, tokens, transactions
from ehr.chain.models import Status
from ehr.notices import operations as notices
from ehr.outbox import delivery
from providers.team_queries import to_tell

logger = logging.getLogger(__name__)
BATCH = 100
WARN_BEFORE = timedelta(days=3)
# The order of a batch's items: the chain answers by their places. A parcel's key is random and stays here; the order
# in which they fell due would tell, after an outage, in which order they were made.
_IN_BATCH = "pk"
ARRIVED = "arrived"


@shared_task
def relay_grants() -> int:
    """Put due mints and burns into transactions, a batch each; return how many parcels went."""
    return sum(_relay(kind) for kind in GrantParcel.Kind)


def _relay(kind: str) -> int:
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        due = GrantParcel.objects.filter(kind=kind, delivered_at__isnull=True, due_at__lte=clock.now())
        parcels = list(due.select_for_update(skip_locked=skip, of=("self",)).order_by("due_at")[:BATCH])
        parcels.sort(key=attrgetter(_IN_BATCH))
        if not parcels:
            return 0
        rows = Grant.objects.select_related("ending", "key_version", "reader")
        found = rows.in_bulk([parcel.grant_id for parcel in parcels])
        parcels = [parcel for parcel in parcels if _may_leave(parcel, found[parcel.grant_id])]
        if not parcels:
            return 0
        item, method = (_mint, "grant") if kind == GrantParcel.Kind.MINT else (_burn, "revoke")
        digest = sha256("\n".join(sorted(parcel.key for parcel in parcels)).encode()).digest()
        args = [[item(found[parcel.grant_id]) for parcel in parcels]]
        transactions.queue(digest, contract=tokens.CONTRACT, method=method, args=args)
        rows = GrantParcel.objects.filter(pk__in=[parcel.pk for parcel in parcels])
        return rows.update(delivered_at=clock.now(), batch=digest)


def _may_leave(parcel: GrantParcel, grant: Grant) -> bool:
    """Keep back what is not as it was signed: it would take the holder's only slot, or stop the whole batch."""
    if proofs.intact(grant):
        return True
    GrantParcel.objects.filter(pk=parcel.pk).update(delivered_at=clock.now(), outcome="altered")
    _alarm(parcel, "altered")
    return False


def _mint(grant: Grant) -> tuple:
    return tokens.grant_item(proofs.token_grant(grant), (bytes(grant.signature_r), bytes(grant.signature_vs)))


def _burn(grant: Grant) -> tuple:
    signature = (bytes(grant.ending.signature_r), bytes(grant.ending.signature_vs))
    return tokens.revoke_item(grant.signer, proofs.token_grant(grant), signature)


@shared_task
def follow_tokens() -> int:
    """Hear what the chain made of batches, once that is final; return how many items were noted.

    An item that was passed over changed nothing on chain: here all goes on, but nobody could verify the consent
    there, or its end. That is on the patient's log, and the operators are told.
    """
    waiting = GrantParcel.objects.filter(batch__isnull=False, outcome="").values("batch")
    oldest = waiting.annotate(since=Min("delivered_at")).order_by("since")[:BATCH]
    return sum(_hear_of(bytes(one["batch"])) for one in oldest)


def _hear_of(batch: bytes) -> int:
    found = transactions.outcome(batch)
    if found is None or found.status not in {Status.FINAL, Status.FAILED}:
        return 0
    with transaction.atomic():
        rows = GrantParcel.objects.select_for_update(of=("self",)).filter(batch=batch).order_by(_IN_BATCH)
        parcels = list(rows.select_related("grant__ending", "grant"))
        skipped = {}
        if parcels and found.status == Status.FINAL:
            skipped = tokens.skipped(found.logs, parcels[0].grant.contract)
        for place, parcel in enumerate(parcels):
            outcome = "batch-failed" if found.status == Status.FAILED else skipped.get(place, ARRIVED)
            if parcel.outcome == "":
                GrantParcel.objects.filter(pk=parcel.pk).update(outcome=outcome)
                if outcome != ARRIVED and not _ended_before_it_arrived(parcel, outcome):
                    _alarm(parcel, outcome)
        return len(parcels)


def _ended_before_it_arrived(parcel: GrantParcel, outcome: str) -> bool:
    """Tell whether a mint met the tombstone of its own end: then nothing is amiss."""
    ending = getattr(parcel.grant, "ending", None)
    burnt = ending is not None and ending.signature_r is not None
    return parcel.kind == GrantParcel.Kind.MINT and outcome == "holder-used" and burnt


def _alarm(parcel: GrantParcel, outcome: str) -> None:
    log.append(
        "grant.token-skipped",
        actor=log.SYSTEM,
        subject=parcel.grant.patient_id,
        outcome="refused",
        grant=parcel.grant_id,
        because=outcome,
        details={
            "kind": parcel.kind,
            "batch": bytes(parcel.batch or b"").hex(),
            "reader_name": parcel.grant.reader.name,
        },
    )
    for operator in queries.operators():
        notices.notify(
            operator, "desk.token-skipped", about=parcel.grant_id, key=f"token-skipped:{parcel.pk}:{operator.pk}"
        )
    logger.error("The chain passed over the %s of grant %s: %s", parcel.kind, parcel.grant_id, outcome)


@shared_task
def follow_recoveries() -> int:
    """Hear what the chain made of lost keys; return how many recoveries it stopped, or did not take."""
    try:
        return recovering.follow_chain()
    except client.Unavailable:
        # `ehr.chain.tasks` says so; what was not heard now is heard later.
        return 0


@shared_task
def tell_contacts() -> int:
    """Send what emergency contacts are told; return how many letters left."""
    return delivery.deliver(ContactParcel, emergency.tell_contact, limit=BATCH)


@shared_task
def tell_of_overdue_reviews() -> int:
    """Tell officers, once, of emergencies that nobody reviewed in time; return how many."""
    return emergency.tell_of_overdue()


@shared_task
def end_what_is_over() -> int:
    """Note the ending of grants whose time is over and delete their seals; reading ended by itself before."""
    at = clock.now()
    over = list(Grant.objects.filter(ending__isnull=True, ends__lte=at).order_by("ends")[:BATCH])
    # By its report it is over before the end that it names.
    reported = Grant.objects.standing(at).filter(report__isnull=False, report_days__isnull=False)
    over += [grant for grant in reported.select_related(*queries.DECIDED_BY) if queries.facts(grant).ends <= at]
    for grant in over:
        grants.end(grant, keyring=None, cause=Ending.Cause.TIME, by=log.SYSTEM)
    return len(over)


@shared_task
def tell_of_endings() -> int:
    """Tell both sides, once, of access that ends within three days."""
    at = clock.now()
    soon = Grant.objects.active(at).filter(ends__lte=at + WARN_BEFORE).select_related("patient__user", "reader__user")
    count = 0
    for grant in soon:
        with transaction.atomic():
            # Who acts for a patient sees on each page until when.
            others = [] if grant.kind == Grant.Kind.DELEGATE else to_tell(grant.reader)
            for user in (*queries.whom_to_tell(grant.patient), *others):
                notices.notify(user, "access-ends-soon", about=grant.pk, key=f"ends-soon:{grant.pk}:{user.pk}")
        count += 1
    return count


@shared_task
def follow_the_log() -> int:
    """Hear of licences and institutions that no longer hold, and end what was shared because of them; tell those who
    act for a patient what happened to the record. Returns how many lines were read."""
    return standing.follow() + telling.follow()
