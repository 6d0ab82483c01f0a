"""What workers do for consent. Each may run twice, and finds its work in the database."""

from datetime import timedelta
from hashlib import sha256

from celery import shared_task
from django.db import connection, transaction

from audit import log
from consent import proofs
from consent.models import Ending, Grant, GrantParcel
from consent.sharing import grants, standing
from ehr import clock
from ehr.chain import tokens, transactions
from ehr.notices import operations as notices

BATCH = 100
WARN_BEFORE = timedelta(days=3)


@shared_task
def relay_grants() -> int:
    """Put due mints and burns into transactions, a batch each; return how many parcels went."""
    return sum(_relay(kind) for kind in GrantParcel.Kind)


def _relay(kind: str) -> int:
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        due = GrantParcel.objects.filter(kind=kind, delivered_at__isnull=True, due_at__lte=clock.now())
        parcels = list(due.select_for_update(skip_locked=skip, of=("self",)).order_by("due_at")[:BATCH])
        if not parcels:
            return 0
        found = Grant.objects.select_related("ending").in_bulk([parcel.grant_id for parcel in parcels])
        item, method = (_mint, "grant") if kind == GrantParcel.Kind.MINT else (_burn, "revoke")
        digest = sha256("\n".join(sorted(parcel.key for parcel in parcels)).encode()).digest()
        args = [[item(found[parcel.grant_id]) for parcel in parcels]]
        transactions.queue(digest, contract=tokens.CONTRACT, method=method, args=args)
        rows = GrantParcel.objects.filter(pk__in=[parcel.pk for parcel in parcels])
        return rows.update(delivered_at=clock.now(), batch=digest)


def _mint(grant: Grant) -> tuple:
    return tokens.grant_item(proofs.token_grant(grant), (bytes(grant.signature_r), bytes(grant.signature_vs)))


def _burn(grant: Grant) -> tuple:
    signature = (bytes(grant.ending.signature_r), bytes(grant.ending.signature_vs))
    return tokens.revoke_item(grant.signer, proofs.token_grant(grant), signature)


@shared_task
def end_what_is_over() -> int:
    """Note the ending of grants whose time is over and delete their seals; reading ended by itself before."""
    over = Grant.objects.filter(ending__isnull=True, ends__lte=clock.now()).select_related("patient", "reader")
    count = 0
    for grant in over.order_by("ends")[:BATCH]:
        grants.end(grant, keyring=None, cause=Ending.Cause.TIME, by=log.SYSTEM)
        count += 1
    return count


@shared_task
def tell_of_endings() -> int:
    """Tell both sides, once, of access that ends within three days."""
    at = clock.now()
    soon = Grant.objects.active(at).filter(ends__lte=at + WARN_BEFORE).select_related("patient__user", "reader__user")
    count = 0
    for grant in soon:
        with transaction.atomic():
            for user in (grant.patient.user, grant.reader.user):
                notices.notify(user, "access-ends-soon", about=grant.pk, key=f"ends-soon:{grant.pk}:{user.pk}")
        count += 1
    return count


@shared_task
def follow_the_log() -> int:
    """Hear of licences and institutions that no longer hold, and end what was shared because of them."""
    return standing.follow()
