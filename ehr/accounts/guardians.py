"""Guardians: who keeps a share of another person's way back to their keys, and sees nothing of their record."""

import hashlib
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts import attempts, letters, lost_keys, names, queries
from ehr.accounts.keyrings import CannotOpen, NotOnTheLog, OpenKeyring, shares
from ehr.accounts.models import Guardian, Keyring, KeyVersion, Reader, Recovery, Share, User
from ehr.accounts.operations import Refused
from ehr.crypto import digests, signing


def ask(*, user: User, email: str, address: str) -> Guardian:
    """Ask whoever signs in with this address, or sign-in name, to be one's guardian. Raises Refused.

    Whether it is anybody's here is not told.
    """
    email = names.folded(email)
    try:
        attempts.begin("own-letter", account=user.signs_in_with, address=address)
    except attempts.TooMany as stop:
        raise Refused(stop.message) from stop
    if email in (user.email, user.sign_in_name):
        raise Refused(_("This is your own address or name. A guardian is somebody else."))
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        present = queries.guardian_of(user)
        if present is not None and present.accepted_at:
            raise Refused(_("You have a guardian. End that first, then ask somebody else."))
        if present is not None:
            _end(present)
        known = User.objects.proven_as(email).first()
        asked = Guardian.objects.create(user=user, asked=email, guardian=known)
        _tell(asked, "guardian.asked", by=user)
        if known is not None:
            letters.write(known, "guardian-invited", key=f"guardian-invited-{asked.pk}")
    return asked


def agree(asked: Guardian, *, by: User, keyring: OpenKeyring | None) -> None:
    """Agree to keep a share for somebody, signed. Nothing is handed over yet. Raises Refused."""
    if keyring is None or not queries.is_theirs(keyring, by.pk):
        raise Refused(_("Your keys are locked. Unlock them, then agree."))
    with transaction.atomic():
        asked = _mine(asked, guardian=by)
        if asked.accepted_at:
            return
        asked.accepted_at, asked.accepted_with_id = clock.now(), keyring.version_id
        asked.signature = keyring.sign(_promise(asked))
        asked.save(update_fields=["accepted_at", "accepted_with", "signature"])
        _tell(asked, "guardian.agreed", by=by)
        letters.write(asked.user, "guardian-agreed", key=f"guardian-agreed-{asked.pk}")


def entrust(asked: Guardian, *, user: User, keyring: OpenKeyring | None) -> None:
    """Seal a share to somebody who agreed, and let it open the keys together with any other. Raises Refused."""
    if keyring is None or not queries.is_theirs(keyring, user.pk):
        raise Refused(_("Your keys are locked. Unlock them, then give the share."))
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(reader__user=user)
        asked = _mine(asked, user=user)
        if not asked.accepted_at or not _promised(asked):
            raise Refused(_("They have not agreed yet. Ask them to sign in and answer."))
        if asked.entrusted_at:
            return
        present = queries.guardians_key(user)
        try:
            shares.entrust(stored, keyring, Share.Holder.GUARDIAN, present)
        except NotOnTheLog as problem:
            raise Refused(_("Their keys do not match the log, so nothing was given. Call for help.")) from problem
        if (custodian := queries.custodian()) and Share.Holder.INSTITUTION not in queries.shares_of(user):
            shares.entrust(stored, keyring, Share.Holder.INSTITUTION, custodian)
        asked.entrusted_at = clock.now()
        asked.save(update_fields=["entrusted_at"])
        _tell(asked, "guardian.entrusted", by=user)


def end(asked: Guardian, *, by: User, keyring: OpenKeyring | None = None) -> None:
    """End it, from either side; the guardian's share opens nothing from now on. Ending needs no keys.

    With the person's keys at hand the institution's share is made anew too, so that nothing of before fits.
    """
    with transaction.atomic():
        stored = Keyring.objects.select_for_update().get(reader__user=asked.user_id)
        asked = Guardian.objects.select_for_update(of=("self",)).select_related("user", "guardian").get(pk=asked.pk)
        if asked.ended_at is not None:
            return
        if by.pk not in (asked.user_id, asked.guardian_id):
            raise Refused(_("This is somebody else’s guardian."))
        _end(asked)
        shares.forget(stored, Share.Holder.GUARDIAN)
        if keyring is not None and queries.is_theirs(keyring, asked.user_id):
            lost_keys.share_out(asked.user, stored, keyring)
        _tell(asked, "guardian.ended", by=by)
        other = asked.user if by.pk == asked.guardian_id else asked.guardian
        if other is not None and asked.accepted_at:
            letters.write(other, "guardian-ended", key=f"guardian-ended-{asked.pk}")


def waits_for(guardian: Guardian) -> Recovery | None:
    """Return the recovery for which a guardian's share is asked, or None."""
    return queries.recovery_under_way(guardian.user) if guardian.entrusted_at else None


def hand_over(
    asked: Guardian, *, by: User, keyring: OpenKeyring | None, spoken: str, subject: UUID | None = None
) -> None:
    """Give one's share to a person who is getting their keys back. Raises Refused.

    spoken is what they read out from their screen: so the share goes to the key in their browser and no other. The
    line on the log comes before the share is opened.
    """
    if keyring is None or not queries.is_theirs(keyring, by.pk):
        raise Refused(_("Your keys are locked. Unlock them, then give the share."))
    asked = _mine(asked, guardian=by, locked=False)
    recovery = waits_for(asked)
    if recovery is None:
        raise Refused(_("They are not getting their keys back now, so nothing is asked of you."))
    lost_keys.fits(recovery, spoken, by=by, subject=subject)
    share = (
        Share.objects.select_related("sealed_to").filter(reader__user=asked.user, holder=Share.Holder.GUARDIAN).first()
    )
    event = log.record(
        "recovery.share-given",
        actor=queries.party(by),
        subject=subject,
        outcome="done",
        because=Share.Holder.GUARDIAN,
        details={"recovery": str(recovery.pk), "to": hashlib.sha256(recovery.public).hexdigest()},
    )
    try:
        if share is None:
            raise CannotOpen("There is no such share.")
        blob = shares.hand_on(share, keyring, to=bytes(recovery.public), info=shares.handed_info(event.pk))
    except CannotOpen as problem:
        raise Refused(_("Your share does not open any more. Tell them to use the other two.")) from problem
    lost_keys.give(recovery, Share.Holder.GUARDIAN, event_id=event.pk, blob=blob)


def _mine(asked: Guardian, *, locked: bool = True, **whose: User) -> Guardian:
    """Return it as it stands, for one of the two it is between. Raises Refused."""
    rows = Guardian.objects.select_for_update(of=("self",)) if locked else Guardian.objects
    found = rows.select_related("user", "guardian", "accepted_with").filter(pk=asked.pk, ended_at=None, **whose)
    if (one := found.first()) is None:
        raise Refused(_("This has ended meanwhile."))
    return one


def _promise(asked: Guardian) -> bytes:
    """Return what a guardian signs: for whom, and with which key."""
    key = KeyVersion.objects.get(pk=asked.accepted_with_id)
    return digests.joined(b"chartseal guardian v1", asked.pk.bytes, asked.user_id.bytes, key.digest)


def _promised(asked: Guardian) -> bool:
    """Tell whether the guardian themselves agreed, with a key that the log has for them."""
    key = asked.accepted_with
    theirs = key is not None and Reader.objects.filter(pk=key.reader_id, user=asked.guardian_id).exists()
    return theirs and queries.is_logged(key) and signing.verify(key.author_public, _promise(asked), asked.signature)


def _end(asked: Guardian) -> None:
    asked.ended_at = clock.now()
    asked.save(update_fields=["ended_at"])


def _tell(asked: Guardian, action: str, *, by: User) -> None:
    log.append(
        action,
        actor=queries.party(by),
        subject=None,
        outcome="done",
        details={"of": str(asked.user_id), "guardian": str(asked.guardian_id or "")},
    )
