"""Asks back what left of people who withdrew: the worker's part. Each withdrawal is told once for each release."""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent.escrow import KeyholderAway, NotReleased
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.models import Reader, User
from ehr.crypto import sealing
from ehr.crypto.digests import joined
from ehr.notices import operations as notices
from ehr.notices.operations import News
from providers.rules import NotPossible
from research import queries
from research.leaving import crowds
from research.models import Crowd, Inclusion, Recall, Recalled, Release
from research.studies import running
from research.studies.proposing import committee, log_people, log_study
from research.words import Act

# What the agreement says: destroyed within 30 days of being told.
DAYS = timedelta(days=30)
# Withdrawals of one release are gathered for a day, so that no message is about one hour's.
GATHERED = timedelta(days=1)
WHOLE = b"[]"


def left(release: Release | None = None) -> QuerySet[Inclusion]:
    """Return the parts in fetched releases whose people withdrew since, and for whom nothing was asked back yet.

    Whose part ended with its term, or with the study, has not withdrawn.
    """
    rows = Inclusion.objects.filter(release__state=Release.State.FETCHED, recalled__isnull=True)
    rows = rows.filter(joining__withdrawn_at__isnull=False, joining__withdrawn_at__lt=F("joining__until"))
    study_ran = Q(release__study__closed_at__isnull=True) | Q(joining__withdrawn_at__lt=F("release__study__closed_at"))
    rows = rows.filter(study_ran)
    return rows.filter(release=release) if release else rows


def tell() -> int:
    """Ask back what is due to be, one release after another; return how many were asked for. May run twice."""
    waiting = left().order_by().values_list("release", flat=True).distinct()
    releases = Release.objects.filter(pk__in=list(waiting)).select_related("study__reader", "study__institution")
    return sum(_tell(release) for release in releases)


def flag() -> int:
    """Tell the committee and the recipient what is overdue, each once; return how many are so newly."""
    count = 0
    for pk in Recall.objects.filter(attested_at=None, late_at=None, due_at__lte=clock.now()).values_list("pk"):
        with transaction.atomic():
            recall = _locked(pk[0])
            if recall.attested_at is None and recall.late_at is None:
                recall.late_at = clock.now()
                recall.save(update_fields=["late_at"])
                study = recall.release.study
                log_study(
                    "study.destruction-overdue", study, None, recall=str(recall.pk), release=str(recall.release_id)
                )
                news = [
                    News(one, "desk.destruction-overdue", f"destruction-overdue:{recall.pk}:{one.pk}", recall.pk)
                    for one in committee()
                ]
                news.append(_news(recall, "study.destruction-overdue"))
                notices.tell(news)
                count += 1
    return count


def remind(recall: Recall, *, by: User) -> Recall:
    """Remind the recipient of what is to be destroyed, once a day at most; who did is on the log."""
    with transaction.atomic():
        recall = _locked(recall.pk)
        if recall.attested_at is not None:
            raise NotPossible(_("It is destroyed already."))
        log_study("study.destruction-reminded", recall.release.study, by, recall=str(recall.pk))
        key = f"destruction-reminded:{recall.pk}:{clock.now().date().isoformat()}"
        notices.tell([News(recall.release.asked_by, "study.destruction-reminded", key, recall.pk)])
    return recall


def info(recall_id: uuid.UUID) -> bytes:
    """Return what the list of a recall is bound to where it is sealed."""
    return joined(b"recall/v1", recall_id.bytes)


def _locked(pk: uuid.UUID) -> Recall:
    rows = Recall.objects.select_for_update(of=("self",))
    return rows.select_related("release__study__researcher__clinician__user", "release__asked_by").get(pk=pk)


def _news(recall: Recall, kind: str) -> News:
    return News(recall.release.asked_by, kind, f"{kind}:{recall.pk}", recall.pk)


def _tell(release: Release) -> bool:
    now = clock.now()
    gone = list(left(release).select_related("joining"))
    latest = release.recalls.first()
    if not gone or (latest is not None and latest.at > now - GATHERED):
        return False
    whole = release.recalls.filter(rows=0).first()
    try:
        rows = () if whole else _rows(release, gone, now)
    except KeyholderAway:
        return False
    with transaction.atomic():
        held = Release.objects.select_for_update(of=("self",)).select_related("study__reader", "asked_by")
        release = held.get(pk=release.pk)
        if Recalled.objects.filter(inclusion__in=gone).exists():
            return False  # another worker was faster
        recall = whole or _write(release, rows, now)
        Recalled.objects.bulk_create(Recalled(recall=recall, inclusion=one) for one in gone)
        _log(recall, gone)
        if not whole:
            notices.tell([_news(recall, "study.withdrawn")])
    return True


def _rows(release: Release, gone: Sequence[Inclusion], now: datetime) -> tuple[str, ...]:
    """Return the pseudonyms to be deleted: everybody who looks like one who withdrew. Empty for the whole file.

    It is the whole file, too, where nobody let the study run, so that its keys stay shut, or where fewer rows would be
    left than may stand. While the keyholder is away this waits a day at most; then KeyholderAway is raised no more.
    """
    study = release.study
    run = queries.run_at(study, now)
    if run is None:
        return ()
    try:
        keyring = running.keys_for(run, because="withdrawn")
    except KeyholderAway:
        if min(one.joining.withdrawn_at for one in gone) > now - GATHERED:
            raise
        return ()
    except (NotReleased, NotPossible):
        return ()
    rows = crowds.around(release, [str(one.joining.patient_id) for one in gone], keyring)
    before = sum(release.recalls.values_list("rows", flat=True))
    return rows if release.people - before - len(rows) >= queries.rules().small else ()


def _write(release: Release, rows: tuple[str, ...], now: datetime) -> Recall:
    recall = Recall(release=release, at=now, due_at=now + DAYS, rows=len(rows))
    body = json.dumps(rows, separators=(",", ":")).encode() if rows else WHOLE
    recall.digest = sha256(body).digest()
    if rows:
        version = accounts.present_version(Reader.objects.get(user=release.asked_by_id))
        recall.sealed = sealing.seal(bytes(version.kem_public), body, info=info(recall.pk))
    else:
        Crowd.objects.filter(release=release).delete()
    recall.save(force_insert=True)
    log_study(
        "study.destruction-asked",
        release.study,
        None,
        recall=str(recall.pk),
        release=str(release.pk),
        rows=recall.rows,
        until=recall.due_at.isoformat(),
    )
    return recall


def _log(recall: Recall, gone: Sequence[Inclusion]) -> None:
    people = [one.joining.patient_id for one in gone]
    told = {"release": str(recall.release_id), "recall": str(recall.pk), "until": recall.due_at.isoformat()}
    log_people(Act.RECALLED, recall.release.study, people, actor=log.SYSTEM, **told)
