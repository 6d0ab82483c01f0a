"""What the worker does about licences each night. Every step may run twice."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction

from audit import log
from ehr import clock
from ehr.notices import operations as notices
from ehr.notices.queries import told_before
from providers import checks, credentials, queries, rules, teams
from providers.models import Credential
from providers.telling import tell

logger = logging.getLogger(__name__)
# How long after an end the word of it may still come, should the nightly task have been down.
ENDED_LATELY = timedelta(days=14)
_REASONS = {
    "suspended": "The register reports this licence as suspended.",
    "revoked": "The register reports this licence as revoked.",
    "expired": "The register reports that this licence has ended.",
}


@shared_task
def recheck_credentials() -> dict[str, int]:
    """Confirm each approved licence with the register and warn of ends to come; return counts by outcome.

    The task only notes what it heard. That an unconfirmed licence stops counting after its grace is decided at each
    use, so a worker that never runs closes the door as surely as a register that never answers.
    """
    counts = {"confirmed": 0, "withdrawn": 0, "unanswered": 0, "warned": warn_of_ends()}
    if settings.CREDENTIAL_CHECK_URL:
        register = checks.Register(settings.CREDENTIAL_CHECK_URL)
        approved = Credential.objects.filter(status=Credential.Status.APPROVED, expires_at__gt=clock.now())
        for credential in approved.select_related("clinician__user").order_by("pk"):
            counts[_recheck(credential, register)] += 1
    logger.info("Licences re-checked: %s", counts)
    return counts


def _recheck(credential: Credential, register: checks.Register) -> str:
    try:
        status = register.ask(credential.issuing_body, credential.licence_number)
    except checks.NoAnswer as silence:
        return _note_silence(credential, str(silence))
    if status in _REASONS:
        return _note_withdrawal(credential, status)
    Credential.objects.filter(pk=credential.pk).update(confirmed_at=clock.now(), check_problem="")
    return "confirmed"


def _note_withdrawal(credential: Credential, status: str) -> str:
    verb = credentials.revoke if status == "revoked" else credentials.suspend
    try:
        verb(credential, by=None, reason=_REASONS[status])
    except rules.NotPossible:
        # Another role of the same licence was met first in this round and took this one along.
        return "withdrawn"
    return "withdrawn"


def _note_silence(credential: Credential, problem: str) -> str:
    """Keep the last confirmation as it was, log the silence, and alert the verifiers once a day and licence."""
    day = clock.now().date().isoformat()
    with transaction.atomic():
        Credential.objects.filter(pk=credential.pk).update(check_problem=problem[:60])
        log.append(
            "credential.unconfirmed",
            actor=log.SYSTEM,
            subject=None,
            outcome="refused",
            because=problem[:60],
            details={"credential": str(credential.pk), "user": str(credential.clinician.user_id)},
        )
        for verifier in queries.verifiers():
            notices.notify(
                verifier,
                "desk.check-failed",
                about=credential.pk,
                key=f"check-failed/{credential.pk}/{verifier.pk}/{day}",
            )
    logger.warning("Licence %s could not be confirmed: %s", credential.pk, problem[:60])
    return "unanswered"


def warn_of_ends() -> int:
    """Tell clinicians 30 and 7 days before their licence ends, and once it has, once each; return how many were due."""
    at, due = clock.now(), []
    for span in rules.WARN_BEFORE:
        due += [(one, "credential.expiring", str(span.days)) for one in queries.expiring(at, span)]
    due += [(one, "credential.expired", "ended") for one in queries.expiring(at - ENDED_LATELY, ENDED_LATELY)]
    for credential, kind, once in due:
        with transaction.atomic():
            Credential.objects.select_for_update().get(pk=credential.pk)
            key = f"expiring/{credential.pk}/{once}"
            if kind == "credential.expired" and not told_before(key):
                _log_end(credential)
            tell(credential.clinician.user, kind, about=credential.pk, key=key)
    return len(due)


def _log_end(credential: Credential) -> None:
    """Write the end on the log, from where those above hear of it and tell the patients concerned."""
    log.append(
        "credential.expired",
        actor=log.SYSTEM,
        subject=None,
        outcome="done",
        details={"credential": str(credential.pk), "user": str(credential.clinician.user_id), "role": credential.role},
    )


@shared_task
def take_keys_of_leavers() -> int:
    """Take a team's keys from people whose dates there are over; return how many. Nothing opened for them since."""
    return teams.end_what_is_over()
