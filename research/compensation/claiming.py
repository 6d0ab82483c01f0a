"""What people say about a share of theirs: to which account it goes, or that the institution keeps it and pays them.

It is said once, signed by the key of the share's one-time address, which the person's own keyring makes for this act.
"""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from eth_utils.address import is_address, is_checksum_address

from audit import log
from consent.access import KeysLocked, own_party
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.chain import deployments, signing, stealth, studies, typed_data
from ehr.chain.models import Deployment
from ehr.words import Purpose
from patients.models import Patient
from providers.rules import NotPossible
from research.compensation import shares
from research.compensation.stages import Stage, stage
from research.models import Due
from research.words import Act

__all__ = ["KeysLocked", "claim", "due_of", "leave"]


def due_of(patient: Patient, due_id: int) -> Due | None:
    """Return one of the things a patient is due, or None for anybody else's."""
    rows = Due.objects.filter(pk=due_id, patient=patient)
    return rows.select_related("release__study__institution", "payout", "set_aside__release__study").first()


def claim(due: Due, *, keyring: OpenKeyring | None, payee: str) -> Due:
    """Have a share sent to an account on chain, for good. Saying the same twice is saying it once.

    Raises NotPossible for an address that is none, or was given before, and where there is nothing to claim;
    KeysLocked.
    """
    return _choose(due, keyring=keyring, payee=_checked(payee.strip()), to_institution=False)


def leave(due: Due, *, keyring: OpenKeyring | None) -> Due:
    """Leave a share with the institution, which then owes it and pays from a file. Raises NotPossible, KeysLocked.

    The share goes back to it on chain. Where the keys that make the share's are lost it goes back with what nobody
    claims, and the institution owes it from now on all the same.
    """
    return _choose(due, keyring=keyring, payee=studies.sponsor(), to_institution=True)


def moment() -> datetime:
    """Return a random moment within the next hour or so, that tells nothing about when somebody was here."""
    return clock.now() + timedelta(seconds=secrets.randbelow(settings.GRANT_RELAY_DELAY_SECONDS + 1))


def _choose(due: Due, *, keyring: OpenKeyring | None, payee: str, to_institution: bool) -> Due:
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=due.patient_id)
        if keyring is None or not accounts.is_theirs(keyring, patient.user_id):
            raise KeysLocked(_("Your keys are locked. Unlock them with your passphrase."), because="locked")
        due = _again(due)
        if due.chosen_at is not None:
            if (due.to_institution, due.payee) != (to_institution, payee):
                raise NotPossible(_("You have said before where it goes. That cannot be changed."))
            return due
        _require_ready(due)
        if not to_institution:
            _require_fresh(payee, due)
        private = _private(due, keyring)
        due.payee, due.to_institution, due.chosen_at = payee, to_institution, clock.now()
        if private is not None:
            _queue(due, private)
        elif to_institution:
            due.way = Due.Way.FILE
        else:
            raise NotPossible(
                _("The keys with which you joined are not among yours any more. Leave it with the institution.")
            )
        due.save(update_fields=["payee", "to_institution", "chosen_at", "way"])
        _log(due, own_party(patient))
    return due


def _again(due: Due) -> Due:
    rows = Due.objects.select_for_update(of=("self",))
    return rows.select_related("release__study", "set_aside__release__study", "key_version", "payout").get(pk=due.pk)


def _require_ready(due: Due) -> None:
    at = stage(due)
    if at == Stage.ON_ITS_WAY:
        raise NotPossible(_("It is still on its way. Come back in some minutes."))
    if at != Stage.READY:
        raise NotPossible(_("There is nothing to claim here any more. The list says what became of it."))
    if clock.now() >= shares.until(due.release.study):
        raise NotPossible(_("The time to claim it is over. Ask the institution that ran the study."))


def _private(due: Due, keyring: OpenKeyring) -> bytes | None:
    """Return the key of a share's one-time address; None where these keys do not make it."""
    try:
        held = keyring.past(due.key_version_id or 0)
    except CannotOpen:
        return None
    if held is None:
        return None
    private = stealth.private_key(held.stealth_spend, held.stealth_view, bytes(due.ephemeral or b""))
    if typed_data.address_of(private) != due.claimant:
        raise NotPossible(_("This share is not at an address of yours: somebody changed it. Tell the operator."))
    return private


def _queue(due: Due, private: bytes) -> None:
    made, place = due.set_aside, deployments.find(studies.CONTRACT)
    if made is None or place is None:
        raise NotPossible(_("It is still on its way. Come back in some minutes."))
    try:
        levels = shares.levels_of(made)
    except ValueError as changed:
        raise NotPossible(
            _("What was set aside is not what is written down here: somebody changed it. Tell the operator.")
        ) from changed
    digest, own = bytes(due.release.digest or b""), shares.share(due, made.unit)
    where = studies.domain(place.address, place.chain_id)
    studies.claim(
        digest,
        own,
        payee=due.payee,
        signature=studies.sign_claim(private, digest, due.payee, where),
        proof=studies.proof(levels, own.leaf),
        due=moment(),
    )


def _checked(payee: str) -> str:
    if not is_address(payee):
        raise NotPossible(_("This is no address of an account: it has 0x and 40 letters and digits after it. Copy it."))
    if not is_checksum_address(payee) or not int(payee, 16):
        raise NotPossible(
            _("The capital letters in an address guard it against mistakes, and here they do not fit. Copy it anew.")
        )
    if payee in _ours():
        raise NotPossible(_("This address is the operator’s or the study’s, not yours. Give one of your own wallet."))
    return payee


def _require_fresh(payee: str, due: Due) -> None:
    """Raise NotPossible for an account that the same person had something sent to. Call it under their lock."""
    if Due.objects.filter(patient=due.patient_id, payee=payee).exclude(pk=due.pk).exists():
        raise NotPossible(
            _("You have used this address before. Everybody would see that both are yours: take a fresh one.")
        )


def _ours() -> set[str]:
    return {signing.relayer(), studies.sponsor(), *Deployment.objects.values_list("address", flat=True)}


def _log(due: Due, by: log.Party) -> None:
    study = due.release.study
    log.append(
        str(Act.LEFT if due.to_institution else Act.CLAIMED),
        actor=by,
        subject=due.patient_id,
        outcome="done",
        purpose=Purpose.HRESCH,
        details=told(due, study),
    )


def told(due: Due, study) -> dict[str, object]:
    """Return what a line about a due says: which study and release, and how much."""
    return {
        "study": str(study.pk),
        "release": str(due.release_id),
        "amount": due.amount,
        "currency": due.currency,
        "reader": str(study.reader_id),
        "reader_name": study.title,
    }
