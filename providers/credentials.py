"""Licences: handed in, decided by somebody else, withdrawn, restored. Each verb logs beside its change."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.notices import operations as notices
from providers import queries, registry, rules, teams
from providers.models import Approval, Clinician, Credential, Evidence, Membership
from providers.roles import approvers_needed
from providers.rules import NotPossible
from providers.telling import tell

EVIDENCE_BYTES = 5 * 1024 * 1024
_EVIDENCE_KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_EVIDENCE_LABEL = "credential-evidence"


@dataclass(frozen=True)
class Licence:
    """What a clinician says about one licence. `expires_at` is the first moment at which it no longer counts."""

    role: str
    number: str
    issuing_body: str
    country: str
    training: str
    expires_at: datetime


def _media_type(evidence: bytes) -> str:
    for start, media_type in _EVIDENCE_KINDS.items():
        if evidence.startswith(start):
            return media_type
    raise NotPossible(_("The evidence is neither a PDF nor a PNG or JPEG picture. Scan the licence as one of these."))


def _check_evidence(evidence: bytes) -> str:
    if len(evidence) > EVIDENCE_BYTES:
        raise NotPossible(_("The evidence is larger than 5 MB. Hand in a smaller scan."))
    return _media_type(evidence)


def _check_nobody_elses(clinician: Clinician, digest: bytes) -> None:
    if Credential.objects.live().filter(digest=digest).exclude(clinician=clinician).exists():
        raise NotPossible(_("This licence is on file for somebody else. Call the desk, which will look into it."))


def _check_not_waiting(clinician: Clinician, digest: bytes, role: str) -> None:
    if clinician.credentials.filter(digest=digest, role=role, status=Credential.Status.PENDING).exists():
        raise NotPossible(_("This licence is already waiting for a verifier. We will tell you when it is decided."))


def submit_credential(clinician: Clinician, *, licence: Licence, evidence: bytes, by: User) -> Credential:
    """Hand in a licence for one role, with the document that shows it (PDF, PNG or JPEG, up to 5 MB).

    Raises NotPossible for somebody else's registration, a licence that has ended or is on file for another
    person, and for evidence that cannot be read; ValidationError for a field out of shape.
    """
    media_type = _check_evidence(evidence)
    if by.pk != clinician.user_id:
        raise NotPossible(_("Only the clinician hands in their own licence. Ask them to do so."))
    if licence.expires_at <= clock.now():
        raise NotPossible(_("This licence has already ended. Hand in the renewed one."))
    with transaction.atomic():
        Clinician.objects.select_for_update().get(pk=clinician.pk)
        digest = rules.licence_digest(licence.issuing_body, licence.number)
        _check_nobody_elses(clinician, digest)
        _check_not_waiting(clinician, digest, licence.role)
        credential = Credential(
            clinician=clinician,
            role=licence.role,
            licence_number=licence.number.strip(),
            issuing_body=licence.issuing_body.strip(),
            country=licence.country,
            training=licence.training.strip(),
            expires_at=licence.expires_at,
            digest=digest,
            submitted_by=by,
        )
        credential.full_clean(validate_constraints=False)
        credential.save(force_insert=True)
        sealed = stored.put_away(evidence, about=credential.pk.bytes, label=_EVIDENCE_LABEL)
        Evidence.objects.create(credential=credential, media_type=media_type, sealed=sealed, size=len(evidence))
        _log("credential.submitted", credential, by=by)
        for verifier in queries.verifiers().exclude(pk=by.pk):
            notices.notify(
                verifier, "desk.credential-waiting", about=credential.pk, key=f"waiting/{credential.pk}/{verifier.pk}"
            )
    return credential


def open_evidence(credential: Credential, *, by: User) -> tuple[bytes, str]:
    """Return the evidence and its media type to a verifier; the look is on the log before the document is opened.

    Call it outside a transaction. Raises NotPossible for anybody but a verifier, NotOurs for an altered document.
    """
    if not by.has_perm("providers.decide_credential"):
        log.record(
            "evidence.refused",
            actor=queries.party(by),
            subject=None,
            outcome="refused",
            details={"credential": str(credential.pk)},
        )
        raise NotPossible(_("Only a credential verifier opens the evidence."))
    log.record("evidence.opened", actor=queries.party(by), subject=None, details={"credential": str(credential.pk)})
    evidence = credential.evidence
    return (
        stored.take_out(bytes(evidence.sealed), about=credential.pk.bytes, label=_EVIDENCE_LABEL),
        evidence.media_type,
    )


def _log(action: str, credential: Credential, *, by: User | None):
    return log.append(
        action,
        actor=queries.party(by) if by else log.SYSTEM,
        subject=None,
        outcome="done",
        details={
            "credential": str(credential.pk),
            "user": str(credential.clinician.user_id),
            "role": credential.role,
            "licence": bytes(credential.digest).hex(),
        },
    )


def _tell(credential: Credential, kind: str, once: object) -> None:
    tell(credential.clinician.user, kind, about=credential.pk, key=f"{kind}/{credential.pk}/{once}")


def _locked(credential: Credential) -> Credential:
    """Return the row as it is now, held until the transaction ends: two verifiers decide one after the other."""
    return Credential.objects.select_for_update(of=("self",)).select_related("clinician__user").get(pk=credential.pk)


def _check_decider(credential: Credential, by: User, reason: str) -> None:
    if not by.is_active or not by.has_perm("providers.decide_credential"):
        raise NotPossible(_("Only a credential verifier decides about licences."))
    if by.pk in {credential.submitted_by_id, credential.clinician.user_id}:
        raise NotPossible(_("This is your own licence. Somebody else decides about it."))
    if not reason.strip():
        raise NotPossible(_("Say in a few words what the decision rests on."))


def _decide(credential: Credential, by: User, decision: str, reason: str) -> None:
    if credential.status != Credential.Status.PENDING:
        raise NotPossible(
            _("This licence was already decided: %(status)s.") % {"status": credential.get_status_display()}
        )
    if credential.approvals.filter(by=by).exists():
        raise NotPossible(_("You have already approved this licence. The second approval is somebody else's."))
    Approval.objects.create(
        credential=credential, by=by, submitted_by=credential.submitted_by, decision=decision, reason=reason.strip()
    )


def approve(credential: Credential, *, by: User, reason: str) -> Credential:
    """Approve a licence as one verifier. An emergency role waits for a second one; the last approval makes it count.

    That one also confirms the institutions the clinician had named by then, and writes the public registry.
    Raises NotPossible for the submitter, the same verifier twice, a decided or an ended licence.
    """
    _check_decider(credential, by, reason)
    with transaction.atomic():
        credential = _locked(credential)
        if credential.expires_at <= clock.now():
            raise NotPossible(
                _("This licence has ended since it was handed in. Refuse it, and ask for the renewed one.")
            )
        _check_nobody_elses(credential.clinician, bytes(credential.digest))
        _decide(credential, by, Approval.Decision.APPROVED, reason)
        if credential.first_approver_id is None:
            credential.first_approver = by
        else:
            credential.second_approver = by
        if credential.approvals.filter(decision=Approval.Decision.APPROVED).count() < approvers_needed(credential.role):
            credential.save(update_fields=["first_approver", "second_approver"])
            _log("credential.half-approved", credential, by=by)
            return credential
        _bring_into_force(credential, by=by)
    return credential


def _bring_into_force(credential: Credential, *, by: User) -> None:
    at = clock.now()
    same = Credential.objects.filter(digest=bytes(credential.digest))
    # The renewed licence takes the place of the one it renews; they are never two.
    same.filter(role=credential.role, status__in=Credential.LIVE).update(status=Credential.Status.REPLACED)
    credential.serial = _next_serial(same)
    credential.status, credential.decided_at, credential.confirmed_at = Credential.Status.APPROVED, at, at
    credential.check_problem = ""
    credential.save()
    Membership.objects.filter(
        clinician=credential.clinician,
        confirmed_at__isnull=True,
        ended_at__isnull=True,
        created_at__lte=credential.submitted_at,
    ).update(confirmed_at=at, confirmed_by=by)
    event = _log("credential.approved", credential, by=by)
    _attest(credential, event.pk)
    _tell(credential, "credential.approved", credential.serial)


def _next_serial(same) -> int:
    """Return the registry entry a licence may use now: the one after its last withdrawal."""
    withdrawn = same.filter(status__in=Credential.WITHDRAWN).aggregate(last=Max("serial"))["last"]
    return (withdrawn or 0) + 1


def _attest(credential: Credential, event_id) -> None:
    """Say on the registry that the licence is good for as long as the longest of its roles."""
    same = Credential.objects.filter(digest=bytes(credential.digest), status=Credential.Status.APPROVED)
    until = same.aggregate(last=Max("expires_at"))["last"]
    registry.attest(_on_chain(credential), until, event_id=event_id)


def _on_chain(credential: Credential) -> bytes:
    return rules.licence_digest(credential.issuing_body, credential.licence_number, credential.serial)


def refuse(credential: Credential, *, by: User, reason: str) -> Credential:
    """Refuse a licence; the clinician reads why and may hand it in again. Raises NotPossible as `approve` does."""
    _check_decider(credential, by, reason)
    with transaction.atomic():
        credential = _locked(credential)
        _decide(credential, by, Approval.Decision.REFUSED, reason)
        credential.status, credential.decided_at = Credential.Status.REFUSED, clock.now()
        credential.reason = reason.strip()
        credential.save(update_fields=["status", "decided_at", "reason"])
        _log("credential.refused", credential, by=by)
        _tell(credential, "credential.refused", "")
    return credential


def suspend(credential: Credential, *, by: User | None, reason: str) -> list[Credential]:
    """Suspend a licence with all its roles until somebody restores it, and return them. `by` None is the register."""
    return _withdraw(credential, by, reason, status=Credential.Status.SUSPENDED, of=[Credential.Status.APPROVED])


def revoke(credential: Credential, *, by: User | None, reason: str) -> list[Credential]:
    """Revoke a licence with all its roles for good, and return them. `by` None is the register."""
    return _withdraw(credential, by, reason, status=Credential.Status.REVOKED, of=list(Credential.LIVE))


def _withdraw(credential: Credential, by: User | None, reason: str, *, status: str, of: list[str]) -> list[Credential]:
    if by is not None:
        _check_decider(credential, by, reason)
    with transaction.atomic():
        found = Credential.objects.select_for_update(of=("self",)).select_related("clinician__user")
        fallen = list(found.filter(digest=bytes(credential.digest), status__in=of).order_by("pk"))
        if not fallen:
            raise NotPossible(_("This licence is not in force, so there is nothing to withdraw."))
        on_registry = [one for one in fallen if one.status == Credential.Status.APPROVED]
        for one in fallen:
            one.status, one.reason, one.decided_at = status, reason.strip()[:500], clock.now()
            one.save(update_fields=["status", "reason", "decided_at"])
            event = _log(f"credential.{status}", one, by=by)
            _tell(one, f"credential.{status}", one.serial)
        teams.let_go(credential.clinician.user, by=by)
        if on_registry:
            registry.withdraw(_on_chain(fallen[0]), event_id=event.pk)
    return fallen


def restore(credential: Credential, *, by: User, reason: str) -> list[Credential]:
    """End the suspension of a licence with all its roles, under the next entry of the registry, and return them."""
    _check_decider(credential, by, reason)
    with transaction.atomic():
        same = Credential.objects.filter(digest=bytes(credential.digest))
        held = same.filter(status=Credential.Status.SUSPENDED).select_for_update(of=("self",)).order_by("pk")
        rising = list(held.select_related("clinician__user"))
        if not rising:
            raise NotPossible(_("This licence is not suspended, so there is nothing to restore."))
        serial, at = _next_serial(same), clock.now()
        for one in rising:
            one.status, one.serial, one.decided_at, one.confirmed_at = Credential.Status.APPROVED, serial, at, at
            one.reason = reason.strip()[:500]
            one.save(update_fields=["status", "serial", "decided_at", "confirmed_at", "reason"])
            event = _log("credential.restored", one, by=by)
            _tell(one, "credential.restored", serial)
        if any(one.expires_at > at for one in rising):
            _attest(rising[0], event.pk)
    return rising
