"""Acting for a patient who has no keys: a small child, somebody without an account. Two verifiers sign for it.

Such a record is sealed to the escrow alone. Each verifier saw the papers and signs the terms with their own keys; then
the keyholder lets the keys of the named parts go, once, to who acts for the patient, against a committed line. They
sign their own permission, and the lockboxes stay as they are. When the patient claims the record, all of it ends.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from audit.models import Event
from consent import authority, escrow, keys, proofs
from consent.access.acting import delegate_party, told_of
from consent.acting import Right, why_not
from consent.delegates import naming
from consent.delegates.naming import CannotName
from consent.models import Delegation, Grant, Vouching
from consent.sharing import grants
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from patients.models import Patient

VOUCHES = "consent.vouch_delegation"
PAPERS = ("birth-certificate", "court-order", "power-of-attorney", "adoption-order")


def begin(
    patient: Patient,
    *,
    by: User,
    keyring: OpenKeyring | None,
    email: str,
    basis: str,
    rights: Iterable[str],
    categories: Iterable[str],
    ends: datetime,
    document: str,
) -> Delegation:
    """Vouch, as the first of two, that somebody with an account acts for a patient without one. Raises CannotName."""
    terms = naming.of(basis=basis, rights=rights, categories=categories, ends=min(ends, _longest(patient, basis)))
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=patient.pk)
        if patient.user_id:
            raise CannotName(_("This patient has an account, so they name somebody themselves."))
        if problem := naming.problem_of(patient, terms):
            raise CannotName(problem)
        known = User.objects.proven_as(email).first()
        reader = Reader.objects.filter(user=known, keyring__isnull=False).first() if known else None
        if reader is None:
            raise CannotName(_("Nobody signs in here with this address or name. Ask them to sign up first."))
        made = Delegation(
            id=uuid.uuid4(),
            patient=patient,
            reader=reader,
            asked=known.signs_in_with,
            starts=clock.now().replace(microsecond=0),
            **terms.columns(),
        )
        made.sentence = naming.sentence_of(made, name=known.name, patient_name=patient.name)
        _require_may(made, by, keyring)
        if _standing_with(made).exists():
            raise CannotName(_("This is begun already. Confirm it as the second person, or end it first."))
        made.save(force_insert=True)
        _vouch(made, by=by, keyring=keyring, document=document)
        return made


def _longest(patient: Patient, basis: str) -> datetime:
    grown = authority.of_age(patient)
    return (
        grown if basis == Delegation.Basis.PARENT and grown > clock.now() else datetime.max.replace(tzinfo=grown.tzinfo)
    )


def _standing_with(made: Delegation):
    return Delegation.objects.filter(
        patient=made.patient_id, reader=made.reader_id, ended_at__isnull=True, ends__gt=clock.now()
    )


def confirm(delegation: Delegation, *, by: User, keyring: OpenKeyring | None, document: str) -> Delegation:
    """Vouch as the second of two, having seen the papers too. Then who acts is told. Raises CannotName."""
    with transaction.atomic():
        delegation = _locked(delegation)
        if delegation.ended_at or delegation.patient.user_id:
            raise CannotName(_("This is over, so there is nothing to confirm."))
        _require_may(delegation, by, keyring)
        if delegation.vouchings.filter(by=by).exists():
            raise CannotName(_("You have confirmed this already. A second person must confirm it too."))
        _vouch(delegation, by=by, keyring=keyring, document=document)
        return delegation


def _require_may(delegation: Delegation, by: User, keyring: OpenKeyring | None) -> None:
    if not (by.is_active and by.has_perm(VOUCHES)):
        raise CannotName(_("Your role does not include confirming who acts for somebody. Ask an identity checker."))
    if delegation.reader.user_id == by.pk:
        raise CannotName(_("This is about yourself. Ask two colleagues."))
    if keyring is None or not accounts.is_theirs(keyring, by.pk):
        raise CannotName(_("Your keys are locked. Unlock them, then confirm: you sign this with your own keys."))


def _vouch(delegation: Delegation, *, by: User, keyring: OpenKeyring, document: str) -> None:
    Vouching.objects.create(
        delegation=delegation,
        by=by,
        key_version_id=keyring.version_id,
        signature=keyring.sign(proofs.delegation_message(delegation)),
        document=document,
    )
    enough = len(authority.vouched_by(delegation)) >= authority.VERIFIERS_NEEDED
    staff = log.Party("person", by.pk, by.name, "staff", "")
    naming.note("delegation.made" if enough else "delegation.vouched", delegation, actor=staff, because=document)
    if enough:
        key = f"delegation-confirmed:{delegation.pk}"
        notices.notify(delegation.reader.user, "delegation-confirmed", about=delegation.pk, key=key)


def take_up(delegation: Delegation, *, by: User, keyring: OpenKeyring | None) -> Delegation:
    """Agree to what two verifiers signed, and be handed the keys of the parts one may see. Twice is once.

    The line is committed first, and what the keyholder lets go is sealed to a key it names. Call it outside a
    transaction. Raises CannotName, and `consent.escrow.NotReleased`.
    """
    if keyring is None or not accounts.is_theirs(keyring, by.pk):
        raise CannotName(_("Your keys are locked. Unlock them, then go on."))
    delegation = naming.accept(delegation, by=by)
    _require_holds(delegation)
    if _own(delegation).exists():
        return delegation
    secrets = _released(delegation, by) if Right.READ in delegation.rights else {}
    with transaction.atomic():
        delegation = _locked(delegation)
        _require_holds(delegation)
        grant = naming.own_grant(delegation)
        if grant is None or _own(delegation).exists():
            return delegation
        boxes = keys.boxes_of(delegation.patient, secrets, delegation.categories)
        grants.make(grant, keyring, by=delegate_party(by), boxes=boxes)
    return delegation


def _require_holds(delegation: Delegation) -> None:
    if delegation.signed_by_id or why_not(authority.facts(delegation), at=clock.now()):
        raise CannotName(_("This is not confirmed by two people, or over. Ask where you showed your papers."))


def _own(delegation: Delegation):
    return Grant.objects.filter(delegation=delegation, kind=Grant.Kind.DELEGATE)


def _released(delegation: Delegation, by: User) -> dict[tuple[str, int], bytes]:
    def record(to: str) -> Event:
        return log.record(
            "claim.released",
            actor=delegate_party(by),
            subject=delegation.patient_id,
            outcome="allowed",
            categories=delegation.categories,
            because="delegation",
            details={"to": to, **told_of(delegation)},
        )

    return escrow.released(delegation.patient, why="claim", record=record)


def withdraw(delegation: Delegation, *, by: User, reason: str) -> Delegation:
    """End, as staff, that somebody acts for a patient without keys. Twice is once. Raises CannotName."""
    if not (by.is_active and by.has_perm(VOUCHES)):
        raise CannotName(_("Your role does not include this. Ask an identity checker."))
    with transaction.atomic():
        delegation = _locked(delegation)
        if delegation.patient.user_id or delegation.signed_by_id:
            raise CannotName(_("The patient named them, so only the patient ends it."))
        if delegation.ended_at is None:
            delegation.ended_at, delegation.ended_by = clock.now(), "staff"
            delegation.save(update_fields=["ended_at", "ended_by"])
            staff = log.Party("person", by.pk, by.name, "staff", "")
            naming.note("delegation.withdrawn", delegation, actor=staff, because=reason)
            naming.end_what_hangs(delegation, actor=log.SYSTEM)
            key = f"delegation-ended:{delegation.pk}"
            notices.notify(delegation.reader.user, "delegation-ended", about=delegation.pk, key=key)
        return delegation


def _locked(delegation: Delegation) -> Delegation:
    Patient.objects.select_for_update().get(pk=delegation.patient_id)
    return Delegation.objects.select_related("patient__user", "reader__user").get(pk=delegation.pk)
