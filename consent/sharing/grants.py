"""Giving and ending: the grant is signed, the keys are handed over, the log holds both, the chain follows."""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import deployed, keys, proofs, queries, sentences, upkeep
from consent.access import KeysLocked, own_party
from consent.keys import OpenBox
from consent.models import Ending, Grant, GrantParcel
from consent.sharing import institutions
from consent.sharing.proposing import (
    BY_PATIENT,
    LONGEST,
    WHOLE,
    CannotGive,
    Narrow,
    Origin,
    chosen_entries,
    propose,
)
from ehr import clock, statements
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.chain import stealth, tokens, typed_data
from ehr.crypto.sealing import seal
from ehr.notices import operations as notices
from ehr.notices.operations import News
from ehr.statements import Statement
from ehr.words import Action, Purpose
from patients.models import Patient
from providers.team_queries import to_tell

__all__ = ["BY_PATIENT", "LONGEST", "WHOLE", "CannotGive", "Narrow", "Origin", "propose"]

_HOLD = Statement(lambda patient: Patient.objects.select_for_update().filter(pk=patient).values_list("pk"))
# Endings of which the reader is not told as such: over by itself; replaced, of which the new grant tells; a block.
_UNTOLD = frozenset({Ending.Cause.TIME, Ending.Cause.CHANGED})


def give(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    reader: User | Reader,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ,),
    purpose: Purpose = Purpose.TREAT,
    starts: datetime,
    ends: datetime,
    narrow: Narrow = WHOLE,
    origin: Origin = BY_PATIENT,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Grant:
    """Sign a grant with the patient's keys, hand the keys over, log it and queue its token, in one transaction.

    `reader` is a person, or a team as a reader.
    `once` names one confirmation: the same one sent twice makes one grant and returns it. `sentence` is what the
    patient read; when the facts have changed since, nothing is given. Raises CannotGive, KeysLocked.
    """
    own = _own(patient, keyring)
    asked = {
        "reader": reader,
        "categories": tuple(categories),
        "actions": tuple(actions),
        "purpose": purpose,
        "starts": starts,
        "ends": ends,
        "narrow": narrow,
        "origin": origin,
    }
    entries = chosen_entries(patient, asked["categories"], narrow, keyring=own)
    with transaction.atomic():
        # One row per patient orders their own changes, so that a second click waits for the first.
        _HOLD.rows(patient=patient.pk)
        if once and (existing := queries.of_patient(patient, once)):
            return existing
        return make(propose(patient, **asked), own, entries=entries, once=once, sentence=sentence)


def check_not_kept_out(patient: Patient, reader: User | Reader, *, by: log.Party | None = None) -> None:
    """See that a patient does not keep out by name whom they let in: no key is sealed to somebody who is out.

    `by` is who signs for the patient: they do not read that there is a block. Raises CannotGive. Call it with the
    patient's row held.
    """
    user = reader if isinstance(reader, User) else reader.user
    if user is None or not queries.is_blocked(patient, user):
        return
    told = {"name": user.name, "patient": patient.name}
    if by is not None:
        raise CannotGive(_("Nothing was shared with %(name)s. Ask %(patient)s to share with them in person.") % told)
    raise CannotGive(_("You keep %(name)s out by name. Lift that first, if you want to let them in.") % told)


def _own(patient: Patient, keyring: OpenKeyring | None) -> OpenKeyring:
    """Return a patient's own open keyring. Raises KeysLocked for none, and for anybody else's."""
    if keyring is None or not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    return keyring


def make(
    grant: Grant,
    keyring: OpenKeyring,
    *,
    entries: Iterable[uuid.UUID] = (),
    once: uuid.UUID | None = None,
    sentence: str | None = None,
    by: log.Party | None = None,
    boxes: Mapping[str, OpenBox] | None = None,
) -> Grant:
    """Sign a proposed grant and do all that follows from it. Call it inside the transaction that holds the patient.

    `by` and `boxes` are for somebody who signs for the patient: who they are, and what their own permission opened.
    Every key that is handed over by a permission passes here, so here nobody who is kept out gets one.
    """
    patient = grant.patient
    check_not_kept_out(patient, grant.reader, by=by)
    if sentence is not None and sentence != grant.sentence:
        raise CannotGive(_("Something changed since you read the sentence. Read it again, then confirm."))
    grant.id = once or grant.id
    digest = _sign(grant, keyring)
    statements.insert([grant])
    log.append(
        "grant.made",
        actor=by or own_party(patient),
        subject=patient.pk,
        outcome="done",
        categories=grant.categories,
        purpose=grant.purpose,
        grant=grant.pk,
        details=_told(grant, digest),
    )
    try:
        keys.hand_over(grant, keyring=keyring, entries=entries, boxes=boxes)
    except keys.KeyExchanged as problem:
        raise CannotGive(
            _("%(name)s’s keys are not the ones they registered, so nothing was shared. Tell the privacy officer.")
            % {"name": grant.reader.name}
        ) from problem
    upkeep.post(grant, GrantParcel.Kind.MINT)
    # Who acts for a patient is told of that as a whole.
    if grant.kind != Grant.Kind.DELEGATE:
        given = [
            News(one, "access-given", f"access-given:{grant.pk}:{one.pk}", grant.pk) for one in to_tell(grant.reader)
        ]
        patients = queries.whom_to_tell(patient)
        kind = "let-in-for-you" if grant.delegation_id else "somebody-let-in"
        notices.tell([*given, *(News(one, kind, f"let-in:{grant.pk}:{one.pk}", grant.pk) for one in patients)])
        institutions.tell(grant, "access-given")
    return grant


def change(
    grant: Grant,
    *,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    actions: Iterable[str],
    ends: datetime,
    starts: datetime | None = None,
    narrow: Narrow = WHOLE,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Grant:
    """Widen, narrow or extend: another grant in this one's place, in one transaction, with no moment of neither.

    On chain it is a burn and a mint, each at its own random moment. Raises CannotGive, KeysLocked.
    """
    patient, own = grant.patient, _own(grant.patient, keyring)
    asked = _changed(grant, categories, actions, starts=starts, ends=ends, narrow=narrow)
    entries = chosen_entries(patient, asked["categories"], narrow, keyring=own)
    with transaction.atomic():
        _HOLD.rows(patient=patient.pk)
        if once and (made := queries.of_patient(patient, once)):
            return made
        _check_not_over(grant)
        # First the new one, so that the turn of the epochs that the old one's end brings finds it there.
        made = make(propose(patient, **asked), own, entries=entries, once=once, sentence=sentence)
        end(grant, keyring=own, cause=Ending.Cause.CHANGED, by=own_party(patient))
    return made


def propose_change(
    grant: Grant,
    *,
    categories: Iterable[str],
    actions: Iterable[str],
    ends: datetime,
    starts: datetime | None = None,
    narrow: Narrow = WHOLE,
) -> Grant:
    """Return the unsaved grant that would take this one's place, with its sentence. Raises CannotGive."""
    asked = _changed(grant, categories, actions, starts=starts, ends=ends, narrow=narrow)
    _check_not_over(grant)
    return propose(grant.patient, **asked)


def _check_not_over(grant: Grant) -> None:
    """See that a permission was neither ended nor ran out: its time may be over before its row says so."""
    if not Grant.objects.filter(pk=grant.pk).standing(clock.now()).exists():
        raise CannotGive(_("This permission is over already. Give a new one instead."))


def _changed(
    grant: Grant, categories: Iterable[str], actions: Iterable[str], *, starts: datetime | None, ends, narrow: Narrow
) -> dict[str, object]:
    if grant.reader.kind not in {Reader.Kind.PERSON, Reader.Kind.TEAM} or grant.kind != Grant.Kind.GIVEN:
        raise CannotGive(_("This permission cannot be changed. You can stop it and give another."))
    return {
        "reader": grant.reader,
        "categories": tuple(categories),
        "actions": tuple(actions),
        "purpose": Purpose(grant.purpose),
        "starts": starts or max(clock.now(), grant.starts),
        "ends": ends,
        "narrow": narrow,
    }


def _told(grant: Grant, digest: bytes) -> dict[str, object]:
    return {
        "reader": str(grant.reader_id),
        "reader_name": grant.reader.name,
        "actions": grant.actions,
        "starts": grant.starts.isoformat(),
        "ends": grant.ends.isoformat(),
        "digest": digest.hex(),
        **{name: value for name, value in _narrowed(grant).items() if value},
    }


def _narrowed(grant: Grant) -> dict[str, object]:
    """Return how a grant is narrowed, for the log: how many entries, not which."""
    return {
        "entries": len(grant.entries),
        "record_from": grant.record_from and grant.record_from.isoformat(),
        "record_until": grant.record_until and grant.record_until.isoformat(),
        "places": grant.places,
        "kind": grant.kind if grant.kind != Grant.Kind.GIVEN else "",
        "parent": str(grant.parent_id or ""),
    }


def _sign(grant: Grant, keyring: OpenKeyring) -> bytes:
    """Fill in a one-time address on each side, the commitment's salt and both signatures; return what was signed."""
    version = grant.reader.keyring.version
    one_time = stealth.generate(bytes(version.stealth_spend_public), bytes(version.stealth_view_public))
    private = keyring.grant_key(grant.pk.bytes)
    grant.key_version = version
    grant.patient_version_id = keyring.version_id
    grant.chain_id, grant.contract = deployed.token_contract()
    grant.holder, grant.signer = one_time.address, typed_data.address_of(private)
    grant.ephemeral = seal(bytes(version.kem_public), one_time.ephemeral_public, info=b"ephemeral/v1" + grant.pk.bytes)
    grant.salt = secrets.token_bytes(32)
    signature = tokens.sign_grant(private, proofs.token_grant(grant), proofs.domain(grant))
    grant.signature_r, grant.signature_vs = signature
    digest = proofs.digest(grant)
    grant.binding = keyring.sign(proofs.binding_message(grant.patient_id, digest, grant.signer))
    return digest


def end(grant: Grant, *, keyring: OpenKeyring | None, cause: str = Ending.Cause.PATIENT, by: log.Party) -> Ending:
    """Stop a grant now; ending one twice changes nothing. Stopping never needs an unlocked keyring.

    The next decision refuses, the seals are gone with this commit, and with the patient's keyring at hand a new
    epoch begins and the burn is signed in the same transaction; else both follow when it is next unlocked.
    """
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=grant.patient_id)
        grant = Grant.objects.select_related("reader__user").get(pk=grant.pk)
        ending, made = Ending.objects.get_or_create(grant=grant, defaults={"cause": cause})
        if not made:
            return ending
        log.append(
            "grant.ended",
            actor=by,
            subject=patient.pk,
            outcome="done",
            categories=grant.categories,
            purpose=grant.purpose,
            grant=grant.pk,
            because=str(cause),
            details={"reader": str(grant.reader_id), "reader_name": grant.reader.name},
        )
        keys.take_back(grant)
        # What hangs from it is over by rule at once; with this commit it has no keys either.
        hanging = [
            end(child, keyring=None, cause=Ending.Cause.PARENT, by=log.SYSTEM)
            for child in Grant.objects.filter(parent=grant).standing(ending.at)
        ]
        if keyring is not None:
            upkeep.turn(patient, [ending, *hanging], keyring=keyring)
        untold = cause in _UNTOLD or grant.kind == Grant.Kind.DELEGATE
        for told in () if untold else to_tell(grant.reader):
            notices.notify(told, "access-ended", about=grant.pk, key=f"access-ended:{grant.pk}:{told.pk}")
        if not untold:
            institutions.tell(grant, "access-ended")
        return ending
