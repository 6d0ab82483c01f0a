"""What workers do about pay through the contract: learn what became final, and let the institution pay the rest.

Everything here may run any number of times, and finds its work in the database.
"""

from contextlib import suppress
from datetime import timedelta

from django.db import transaction

from audit import log
from consent import queries as consent
from ehr import clock
from ehr.chain import client, studies, transactions
from ehr.chain.models import Status
from ehr.notices import operations as notices
from ehr.notices.operations import News
from ehr.words import Purpose
from research.compensation import shares
from research.compensation.claiming import moment, told
from research.models import Due, SetAside
from research.words import Act

# After the last day, for a claim that was signed on it and is still on its way.
GRACE = timedelta(days=7)
# So long before the last day who has said nothing is told once more.
REMINDED = timedelta(days=14)


def follow() -> int:
    """Note what became of shares; return of how many something is new. Work that needs the chain waits for it."""
    count = sum(_refused(made) or _ready(made) or _reminded(made) for made in _open())
    waiting = Due.objects.filter(way=Due.Way.CONTRACT, chosen_at__isnull=False, taken_at=None, lapsed_at=None)
    count += sum(_settled(due_id) for due_id in list(waiting.values_list("pk", flat=True)))
    with suppress(client.Unavailable):
        count += sum(_over(made) for made in _open())
    return count


def _open() -> list[SetAside]:
    return list(SetAside.objects.filter(refused_at=None, over_at=None).select_related("release__study"))


def _refused(made: SetAside) -> int:
    """Let the institution pay where the chain never took what is due, and send the deposit back after the study."""
    digest = bytes(made.release.digest or b"")
    if not _never(studies.find("accrue", digest)):
        return 0
    with transaction.atomic():
        made = SetAside.objects.select_for_update(of=("self",)).select_related("release__study").get(pk=made.pk)
        if made.refused_at is not None:
            return 0
        made.refused_at = clock.now()
        made.save(update_fields=["refused_at"])
        dues = list(made.dues.select_for_update().filter(way=Due.Way.CONTRACT))
        _to_file(dues)
        studies.give_back(made.release.study_id, due=made.release.study.ends + shares.WINDOW / 2 + GRACE)
    return len(dues)


def _ready(made: SetAside) -> int:
    """Note that the chain holds what is due for good, and tell everybody that they may say where it goes."""
    sent = studies.find("accrue", bytes(made.release.digest or b""))
    if made.ready_at is not None or sent is None or sent.status != Status.FINAL:
        return 0
    return _noted(made, "ready_at", "study-pay-ready")


def _reminded(made: SetAside) -> int:
    """Tell once who has not said where it goes that the time to do so ends."""
    last, now = shares.until(made.release.study), clock.now()
    if made.ready_at is None or made.reminded_at is not None or not last - REMINDED <= now < last:
        return 0
    return _noted(made, "reminded_at", "study-pay-ends")


def _noted(made: SetAside, name: str, kind: str) -> int:
    with transaction.atomic():
        if not SetAside.objects.filter(pk=made.pk, **{name: None}).update(**{name: clock.now()}):
            return 0
        waiting = made.dues.filter(way=Due.Way.CONTRACT, chosen_at=None).select_related("patient__user")
        whom = [(due, one) for due in waiting for one in consent.whom_to_tell(due.patient)]
        notices.tell([News(one, kind, f"{kind}:{due.pk}:{one.pk}", made.release_id) for due, one in whom])
    return len(whom)


def _settled(due_id: int) -> int:
    """Note that a claim is final: it is paid, or it is the institution's to pay. One that failed is the latter."""
    with transaction.atomic():
        rows = Due.objects.select_for_update(of=("self",)).select_related("release__study")
        due = rows.get(pk=due_id)
        if due.way != Due.Way.CONTRACT or due.taken_at is not None:
            return 0
        digest = bytes(due.release.digest or b"")
        sent = studies.find("claim", studies.about_share(digest, due.claimant or ""))
        if sent is None:
            return 0
        if _never(sent) or (sent.status == Status.FINAL and due.to_institution):
            _to_file([due], because=Act.NOT_TAKEN if not due.to_institution else None)
            return 1
        if sent.status != Status.FINAL:
            return 0
        due.taken_at = clock.now()
        due.save(update_fields=["taken_at"])
        # Whoever has an account may have nothing to pay a fee with.
        studies.collect(digest, due.claimant or "", payee=due.payee, due=moment())
        _log(Act.CREDITED, [due])
    return 1


def _over(made: SetAside) -> int:
    """Send back what nobody claimed in time, and note when it is back. Raises Unavailable."""
    if clock.now() < shares.until(made.release.study) + GRACE:
        return 0
    under_way = made.dues.filter(way=Due.Way.CONTRACT, chosen_at__isnull=False, taken_at=None)
    digest = bytes(made.release.digest or b"")
    if under_way.exists() or made.ready_at is None:
        return 0
    if studies.standing(digest).left:
        studies.give_back_unclaimed(digest)
        return 0
    with transaction.atomic():
        made = SetAside.objects.select_for_update(of=("self",)).select_related("release__study").get(pk=made.pk)
        if made.over_at is not None:
            return 0
        made.over_at = clock.now()
        made.save(update_fields=["over_at"])
        dues = list(made.dues.select_for_update().filter(way=Due.Way.CONTRACT, chosen_at=None))
        for due in dues:
            due.lapsed_at = made.over_at
        Due.objects.bulk_update(dues, ["lapsed_at"])
        _log(Act.LAPSED, dues)
    return len(dues) or 1


def _never(sent) -> bool:
    return sent is not None and transactions.is_over(sent) and sent.status == Status.FAILED


def _to_file(dues: list[Due], because: Act | None = Act.NOT_TAKEN) -> None:
    Due.objects.filter(pk__in=[one.pk for one in dues]).update(way=Due.Way.FILE)
    if because and dues:
        _log(because, dues)


def _log(act: Act, dues: list[Due]) -> None:
    if dues:
        details = told(dues[0], dues[0].release.study)
        subjects = sorted(one.patient_id for one in dues)
        log.append_page(
            act, actor=log.SYSTEM, subjects=subjects, outcome="done", purpose=Purpose.HRESCH, details=details
        )
