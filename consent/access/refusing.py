"""What a refusal is, and how it is written down: the line is committed before anybody is told."""

from collections.abc import Iterable, Mapping

from audit import log
from consent import queries, sentences
from consent.judging import Verdict
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.notices import operations as notices
from ehr.words import Category, Purpose
from patients.models import Patient


class AccessDenied(Exception):
    """The reader may not do this. The message says why and what to do next; `because` is the log's word for it."""

    def __init__(self, message: str, *, because: str) -> None:
        super().__init__(message)
        self.because = because


class KeysLocked(AccessDenied):
    """Signed in, but the keyring is locked: nothing opens until the passphrase is given."""


def refuse(
    verdict: Verdict,
    patient: Patient,
    action: str,
    *,
    because: str,
    purpose: str,
    parts: Iterable[Category],
    told: Mapping[str, str] | None = None,
) -> AccessDenied:
    """Log a refusal and return the exception to raise. The subject's list holds the attempt.

    `told` is what the line says besides: through which program somebody tried.
    """
    event = log.record(
        action,
        actor=verdict.party(),
        subject=patient.pk,
        outcome="refused",
        categories=sorted(parts),
        purpose=purpose,
        because=because,
        details=told,
    )
    if because == "seal-does-not-open":
        for officer in queries.officers():
            key = f"grant-altered:{patient.pk}:{event.time:%Y-%m-%d}:{officer.pk}"
            notices.notify(officer, "desk.grant-altered", about=event.pk, key=key)
    # What the reader is told must not tell a block from a permission that was stopped; the log may.
    because = verdict.told if because == "blocked" else because
    kind = KeysLocked if because == "locked" else AccessDenied
    message = sentences.refusal(because, name=patient.name, standing_message=verdict.standing.message)
    return kind(message, because=because)


def own_party(patient: Patient) -> log.Party:
    """Return a patient as the log writes them down."""
    return log.Party("person", patient.user_id, patient.name, "patient", "")


def own_event(
    patient: Patient,
    keyring: OpenKeyring | None,
    action: str,
    parts: Iterable[Category],
    *,
    told: Mapping[str, str] | None = None,
) -> None:
    """Commit the line of a patient opening what is theirs. Raises KeysLocked, its line committed too."""
    keyring = keyring if accounts.is_theirs(keyring, patient.user_id) else None
    log.record(
        action,
        actor=own_party(patient),
        subject=patient.pk,
        outcome="allowed" if keyring else "refused",
        categories=sorted(parts),
        purpose=Purpose.PATRQT,
        because="own" if keyring else "locked",
        details=told,
    )
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")


def own_refusal(
    patient: Patient, action: str, parts: Iterable[Category], *, because: str, told: Mapping[str, str]
) -> AccessDenied:
    """Log that a patient was refused something of their own, and return the exception to raise."""
    log.record(
        action,
        actor=own_party(patient),
        subject=patient.pk,
        outcome="refused",
        categories=sorted(parts),
        purpose=Purpose.PATRQT,
        because=because,
        details=told,
    )
    return AccessDenied(sentences.refusal(because, name=patient.name), because=because)
