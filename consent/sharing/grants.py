"""Giving and ending: the grant is signed, the keys are handed over, the log holds both, the chain follows."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import keys, proofs, queries, sentences, upkeep
from consent.access import KeysLocked, own_party
from consent.models import Ending, Grant, GrantParcel
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.chain import stealth, tokens, typed_data
from ehr.crypto.sealing import seal
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.queries import standing

LONGEST = timedelta(days=366 * 2)


class CannotGive(Exception):
    """This permission cannot be given; the message says why and what to change."""


def propose(
    patient: Patient,
    *,
    reader: User,
    categories: Iterable[str],
    actions: Iterable[str],
    purpose: Purpose,
    starts: datetime,
    ends: datetime,
) -> Grant:
    """Return the unsaved, unsigned grant, with the sentence that the patient is to confirm. Raises CannotGive."""
    chosen = [str(part) for part in Category if part in set(categories)]
    allowed = [str(action) for action in Action if action in set(actions)]
    now = clock.now()
    seen = standing(reader, now)
    problem = _problem(patient, reader, chosen, allowed, starts, ends, now)
    if not seen.ok:
        problem = _("%(name)s’s licence is not confirmed at the moment, so nothing can be shared with them.") % {
            "name": seen.name or reader.name
        }
    if problem:
        raise CannotGive(problem)
    sentence = sentences.grant_sentence(
        reader=seen.name or reader.name,
        place=seen.institution.name if seen.institution else "",
        categories=chosen,
        actions=allowed,
        purpose=purpose,
        starts=starts,
        ends=ends,
        now=now,
        zone=patient.user.time_zone,
        language=patient.user.language,
    )
    # Moments are kept to the second, so that what is signed and what a database returns are the same.
    return Grant(
        patient=patient,
        reader=Reader.objects.select_related("keyring__version").get(user=reader),
        categories=chosen,
        actions=allowed,
        purpose=str(purpose),
        starts=starts.replace(microsecond=0),
        ends=ends.replace(microsecond=0),
        sentence=sentence,
    )


def _problem(patient, reader, chosen, allowed, starts, ends, now) -> str:
    if patient.user_id == reader.pk:
        return _("This is you. Your own record is always open to you.")
    if not chosen:
        return _("Choose at least one part of your record.")
    if not allowed:
        return _("Choose what they may do.")
    if ends <= max(starts, now):
        return _("Choose an end that is later than now and later than the start.")
    if ends - now > LONGEST:
        return _("Choose an end within two years. You can always extend it.")
    return ""


def give(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    reader: User,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ,),
    purpose: Purpose = Purpose.TREAT,
    starts: datetime,
    ends: datetime,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Grant:
    """Sign a grant with the patient's keys, hand the keys over, log it and queue its token, in one transaction.

    `once` names one confirmation: the same one sent twice makes one grant and returns it. `sentence` is what the
    patient read; when the facts have changed since, nothing is given. Raises CannotGive, KeysLocked.
    """
    if not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    with transaction.atomic():
        # One row per patient orders their own changes, so that a second click waits for the first.
        Patient.objects.select_for_update().get(pk=patient.pk)
        existing = queries.of_patient(patient, once) if once else None
        if existing:
            return existing
        grant = propose(
            patient, reader=reader, categories=categories, actions=actions, purpose=purpose, starts=starts, ends=ends
        )
        if sentence is not None and sentence != grant.sentence:
            raise CannotGive(_("Something changed since you read the sentence. Read it again, then confirm."))
        grant.id = once or grant.id
        _sign(grant, keyring)
        grant.save(force_insert=True)
        log.append(
            "grant.made",
            actor=own_party(patient),
            subject=patient.pk,
            outcome="done",
            categories=grant.categories,
            purpose=grant.purpose,
            grant=grant.pk,
            details=_told(grant),
        )
        try:
            keys.hand_over(grant, keyring=keyring)
        except keys.KeyExchanged as problem:
            raise CannotGive(
                _("%(name)s’s keys are not the ones they registered, so nothing was shared. Tell the privacy officer.")
                % {"name": grant.reader.name}
            ) from problem
        upkeep.post(grant, GrantParcel.Kind.MINT)
        notices.notify(reader, "access-given", about=grant.pk, key=f"access-given:{grant.pk}")
        notices.notify(patient.user, "somebody-let-in", about=grant.pk, key=f"let-in:{grant.pk}")
        return grant


def _told(grant: Grant) -> dict[str, object]:
    return {
        "reader": str(grant.reader_id),
        "reader_name": grant.reader.name,
        "actions": grant.actions,
        "starts": grant.starts.isoformat(),
        "ends": grant.ends.isoformat(),
        "digest": proofs.digest(grant).hex(),
    }


def _sign(grant: Grant, keyring: OpenKeyring) -> None:
    """Fill in a one-time address on each side, the commitment's salt and both signatures."""
    version = grant.reader.keyring.version
    one_time = stealth.generate(bytes(version.stealth_spend_public), bytes(version.stealth_view_public))
    private = keyring.grant_key(grant.pk.bytes)
    grant.key_version = version
    grant.patient_version_id = keyring.version_id
    grant.chain_id, grant.contract = queries.token_contract()
    grant.holder, grant.signer = one_time.address, typed_data.address_of(private)
    grant.ephemeral = seal(bytes(version.kem_public), one_time.ephemeral_public, info=b"ephemeral/v1" + grant.pk.bytes)
    grant.salt = secrets.token_bytes(32)
    signature = tokens.sign_grant(private, proofs.token_grant(grant), proofs.domain(grant))
    grant.signature_r, grant.signature_vs = signature
    grant.binding = keyring.sign(proofs.binding_message(grant.patient_id, proofs.digest(grant), grant.signer))


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
        if keyring is not None:
            upkeep.turn(patient, [ending], keyring=keyring)
        if cause != Ending.Cause.TIME and grant.reader.user_id:
            notices.notify(grant.reader.user, "access-ended", about=grant.pk, key=f"access-ended:{grant.pk}")
        return ending
