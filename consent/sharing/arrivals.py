"""How a record and its patient come together: signing up, arriving before one's patient, claiming."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import sha256

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from consent import escrow, keys, queries, upkeep
from consent.access import own_party
from consent.models import Claim, Delegation, Ending, Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts import codes
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.notices import operations as notices
from patients import operations as patients
from patients.models import Patient
from patients.operations import AlreadyKnown

__all__ = ["AlreadyKnown", "ClaimRefused"]

INVITATION_DAYS = 30
STAFF_NEEDED = queries.STAFF_NEEDED


class ClaimRefused(Exception):
    """This claim cannot go on; the message says why and whom to ask."""


def register(
    user: User, *, name: str, birth_date: date, sex: str, identifiers: Iterable[tuple[str, str]], keyring: OpenKeyring
) -> Patient:
    """Return the new record of somebody who signed up: six empty parts, sealed to them, shared with nobody.

    Whoever has one already, as from the same form sent twice, gets that one, unchanged. Raises AlreadyKnown, with a
    line on the log, for an identifier that somebody has shown to be theirs.
    """
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if own := Patient.objects.filter(user=user).first():
                return own
            patient = patients.add_patient(
                name=name, birth_date=birth_date, sex=sex, identifiers=identifiers, user=user
            )
            keys.begin_record(patient, signer=keyring)
            log.append(
                "record.begun", actor=own_party(patient), subject=patient.pk, outcome="done", because="signed-up"
            )
            return patient
    except AlreadyKnown:
        log.record(
            "identity.refused",
            actor=log.Party("person", user.pk, user.name, "", ""),
            subject=None,
            outcome="refused",
            because="identifier-known",
        )
        raise


def expect(*, name: str, birth_date: date, sex: str, identifiers: Iterable[tuple[str, str]], source: str) -> Patient:
    """Return a record for somebody who is not here yet, sealed to the escrow alone. Call it inside a transaction."""
    patient = patients.add_patient(
        name=name, birth_date=birth_date, sex=sex, identifiers=identifiers, user=None, verified=True
    )
    keys.begin_record(patient)
    log.append(
        "record.begun",
        actor=log.Party("system", None, source, "source", ""),
        subject=patient.pk,
        outcome="done",
        because="arrived-before-patient",
    )
    return patient


# --- Claiming ------------------------------------------------------------------------------------
def _digest(code: str) -> bytes:
    return sha256(b"claim\x00" + codes.plain(code).encode()).digest()


def _staff(user: User) -> log.Party:
    return log.Party("person", user.pk, user.name, "staff", "")


def invite(patient: Patient, *, by: User) -> tuple[Claim, str]:
    """Return a claim and its code (100 random bits), to be handed over on paper. Only the code's digest is stored.

    It ends what was made for this record before and is unused: paper gets lost. Raises ClaimRefused, and CannotCheck
    for somebody whose job this is not.
    """
    patients.may_check(by)
    code = "-".join("".join(secrets.choice(codes.ALPHABET) for _i in range(5)) for _j in range(4))
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=patient.pk)
        if patient.user_id:
            raise ClaimRefused(_("This record has its patient already. No invitation is needed."))
        now = clock.now()
        Claim.objects.filter(patient=patient, claimant__isnull=True, expires_at__gt=now).update(expires_at=now)
        claim = Claim.objects.create(
            patient=patient,
            code_digest=_digest(code),
            invited_by=by,
            expires_at=now + timedelta(days=INVITATION_DAYS),
        )
        log.append("claim.invited", actor=_staff(by), subject=patient.pk, outcome="done")
    return claim, code


def take_up(code: str, *, user: User) -> Claim:
    """Return the claim that an invitation opens, now waiting for staff to check who its claimant is.

    Raises ClaimRefused, in the same words whether the code is unknown, used or too old.
    """
    with transaction.atomic():
        claim = (
            Claim.objects.select_for_update()
            .filter(code_digest=_digest(code), claimant__isnull=True, expires_at__gt=clock.now())
            .first()
        )
        if claim is None or not _may_be_left(user):
            raise ClaimRefused(_("This invitation cannot be used. Check the code, or ask for a new invitation."))
        claim.claimant, claim.claimed_at = user, clock.now()
        claim.save(update_fields=["claimant", "claimed_at"])
        log.append(
            "claim.taken-up",
            actor=log.Party("person", user.pk, user.name, "", ""),
            subject=claim.patient_id,
            outcome="done",
        )
    return claim


def _may_be_left(user: User) -> bool:
    """Tell whether somebody has no record yet, or one with nothing in it, shared with nobody: that one is left behind.

    It happens to people who signed up before their record arrived under the same number.
    """
    own = Patient.objects.filter(user=user).first()
    return own is None or not (own.entries.exists() or own.grants.exists())


def check_claim(claim: Claim, *, by: User, document: str) -> bool:
    """Note that a staff member saw the claimant's document; return whether that makes two.

    Raises ClaimRefused, and CannotCheck for somebody whose job this is not.
    """
    patients.may_check(by)
    with transaction.atomic():
        claim = Claim.objects.select_for_update().get(pk=claim.pk)
        _confirm_open(claim)
        if claim.claimant_id == by.pk:
            raise ClaimRefused(_("You cannot confirm your own identity. Ask two colleagues."))
        if claim.checks.filter(by=by).exists():
            raise ClaimRefused(_("You have confirmed this claim already. A second person must confirm it too."))
        claim.checks.create(by=by, document=document)
        enough = queries.is_checked(claim)
        log.append("claim.checked", actor=_staff(by), subject=claim.patient_id, outcome="done", because=document)
        if enough:
            notices.notify(claim.claimant, "claim-ready", about=claim.pk, key=f"claim-ready:{claim.pk}")
        return enough


def _confirm_open(claim: Claim) -> None:
    """Raise ClaimRefused for a claim that is not taken up, or over, or lapsed."""
    if Claim.objects.taken_up(clock.now()).filter(pk=claim.pk).exists():
        return
    if Claim.objects.waiting().filter(pk=claim.pk, claimant__isnull=False).exists():
        raise ClaimRefused(_("This claim has waited for too long. Ask the desk for a new invitation."))
    raise ClaimRefused(_("This claim is not waiting for a check."))


def refuse_claim(claim: Claim, *, by: User, because: str) -> None:
    """End a claim whose claimant is not the patient. The log holds who refused and why. Raises as `check_claim`."""
    patients.may_check(by)
    with transaction.atomic():
        claim = Claim.objects.select_for_update().get(pk=claim.pk)
        if claim.finished_at:
            raise ClaimRefused(_("This claim is finished already."))
        claim.refused_at = clock.now()
        claim.save(update_fields=["refused_at"])
        log.append("claim.refused", actor=_staff(by), subject=claim.patient_id, outcome="refused", because=because)


def ready_claim(user: User) -> Claim | None:
    """Return the claim that only waits for its claimant's keys, or None."""
    waiting = Claim.objects.taken_up(clock.now()).filter(claimant=user)
    return next((claim for claim in waiting if queries.is_checked(claim)), None)


def finish_claim(claim: Claim, *, keyring: OpenKeyring) -> Patient:
    """Hand the record to its patient: the escrow opens it once, new epochs begin, the escrow's use is counted.

    The event is committed first, and what the keyholder opens is sealed to a key that it names. Call it outside a
    transaction. Raises ClaimRefused, and `consent.escrow.NotReleased`.
    """
    _confirm_ready(claim)
    if not accounts.is_theirs(keyring, claim.claimant_id):
        raise ClaimRefused(_("Only who claimed this record takes it over, with their own keys. Unlock them first."))

    def record(to: str) -> Event:
        return log.record(
            "claim.released",
            actor=log.Party("person", claim.claimant_id, claim.claimant.name, "patient", ""),
            subject=claim.patient_id,
            outcome="allowed",
            because="two-staff-checked",
            details={"claim": str(claim.pk), "to": to},
        )

    return _take_over(claim, escrow.released(claim.patient, why="claim", record=record), keyring)


def _confirm_ready(claim: Claim) -> None:
    claim.refresh_from_db()
    _confirm_open(claim)
    if not queries.is_checked(claim):
        raise ClaimRefused(_("Two members of staff must confirm who you are first. You will be told."))
    if not _may_be_left(claim.claimant):
        raise ClaimRefused(_("You have a record with entries by now. Ask the desk to bring the two together."))


def _take_over(claim: Claim, secrets: Mapping[tuple[str, int], bytes], keyring: OpenKeyring) -> Patient:
    with transaction.atomic():
        claim = Claim.objects.select_for_update(of=("self",)).select_related("patient", "claimant").get(pk=claim.pk)
        _confirm_ready(claim)
        patients.leave_empty(claim.claimant, to=claim.patient)
        patients.claim(claim.patient, user=claim.claimant)
        ended = _end_what_others_held(claim.patient)
        keys.take_over(claim.patient, secrets=secrets, signer=keyring)
        for ending in ended:
            upkeep.complete(ending, keyring=keyring)
        claim.finished_at = clock.now()
        claim.save(update_fields=["finished_at"])
        log.append("record.claimed", actor=own_party(claim.patient), subject=claim.patient_id, outcome="done")
        _close_others(claim)
        return claim.patient


def _close_others(won: Claim) -> None:
    """Close what else was under way for a record that has its patient now, and tell whoever had taken it up."""
    now = clock.now()
    others = Claim.objects.filter(patient=won.patient_id, finished_at=None, refused_at=None).exclude(pk=won.pk)
    others.filter(claimant=None, expires_at__gt=now).update(expires_at=now)
    for claim in others.filter(claimant__isnull=False).select_related("claimant"):
        claim.refused_at = now
        claim.save(update_fields=["refused_at"])
        log.append(
            "claim.closed",
            actor=log.SYSTEM,
            subject=won.patient_id,
            outcome="done",
            because="claimed-by-another",
            details={"claim": str(claim.pk)},
        )
        notices.notify(claim.claimant, "claim-refused", about=claim.pk, key=f"claim-refused:{claim.pk}")


def _end_what_others_held(patient: Patient) -> list[Ending]:
    """End that anybody acts for a patient who is here themselves from now on, and what those let others see.

    Return the endings: the epochs that the claim begins are theirs too.
    """
    now = clock.now()
    for delegation in Delegation.objects.filter(patient=patient, ended_at__isnull=True).select_related("reader"):
        delegation.ended_at, delegation.ended_by = now, "claim"
        delegation.save(update_fields=["ended_at", "ended_by"])
        log.append(
            "delegation.ended",
            actor=own_party(patient),
            subject=patient.pk,
            outcome="done",
            because="claimed",
            details={
                "delegation": str(delegation.pk),
                "reader_name": delegation.reader.name if delegation.reader else delegation.asked,
            },
        )
    held = Grant.objects.filter(patient=patient).standing(now)
    return [grants.end(one, keyring=None, cause=Ending.Cause.PARENT, by=own_party(patient)) for one in held]
