"""A team's keyring: its text sealed to each member, and kept in no other way.

Who is a member is decided above. Here a seal is made to whoever is named, and only to a key that the log has for them.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress

from django.db import transaction

from audit import log
from ehr.accounts.history import is_logged, is_present
from ehr.accounts.keyrings.history import succeed
from ehr.accounts.keyrings.locked import same_owner
from ehr.accounts.keyrings.opened import OpenKeyring, make
from ehr.accounts.models import Keyring, KeyVersion, MemberSeal, Reader
from ehr.crypto import digests, sealing
from ehr.crypto.opening import CannotOpen


class NotOnTheLog(Exception):
    """A member's stored key is not the newest one that the log has for them. Nothing was sealed to it."""


@transaction.atomic
def make_shared(team: Reader, members: Iterable[KeyVersion], *, by: log.Party = log.SYSTEM) -> OpenKeyring:
    """Make a team's keyring, seal it to each member's key, and return it open.

    Raises NotOnTheLog for a member's key that is not the one on the log.
    """
    keyring = make(team)
    Keyring.objects.create(reader=team, version_id=keyring.version_id)
    _seal_to_all(keyring, members, by)
    return keyring


def open_shared(team_id: uuid.UUID, *, keyring: OpenKeyring) -> OpenKeyring | None:
    """Return a team's keyring through a member's own, or None for whoever is no member.

    A seal says nothing of who made it, so what it holds must be the keys that the log has for the team. Raises
    CannotOpen where it is not, or where it was changed.
    """
    team = Keyring.objects.select_related("version").filter(reader_id=team_id, reader__kind=Reader.Kind.TEAM).first()
    if team is None:
        return None
    seals = MemberSeal.objects.select_related("member").filter(
        reader_id=team_id, version_id=team.version_id, member__reader_id=keyring.reader_id
    )
    seal = seals.order_by("-member__number").first()
    if seal is None:
        return None
    text = keyring.open_seal(bytes(seal.blob), info=_info(team.version, seal.member), version_id=seal.member_id)
    opened = OpenKeyring(reader_id=team_id, version_id=team.version_id, version_number=team.version.number, text=text)
    if not (opened.belongs_to(team.version) and is_logged(team.version)):
        raise CannotOpen("What is sealed as this team's keyring holds other keys than the team's.")
    return opened


@transaction.atomic
def share(team_keyring: OpenKeyring, member: KeyVersion, *, by: log.Party = log.SYSTEM) -> None:
    """Seal a team's present keyring to one more member. Doing it twice changes nothing.

    Raises NotOnTheLog, and ValueError where the team's keys were turned since this keyring was opened.
    """
    same_owner(_locked(team_keyring.reader_id), team_keyring)
    _seal_to_all(team_keyring, [member], by)


@transaction.atomic
def unshare(team: Reader, member: Reader, *, by: log.Party = log.SYSTEM) -> int:
    """Delete a member's seals to a team's keyring, which needs no key; return how many there were.

    It is the end of opening. Whoever opened it before may remember the keys, so `turn_shared` follows.
    """
    _locked(team.pk)
    count, _rows = MemberSeal.objects.filter(reader=team, member__reader=member).delete()
    if count:
        details = {"reader": str(team.pk), "member": str(member.pk)}
        log.append("key.unshared", actor=by, subject=None, outcome="done", details=details)
    return count


@transaction.atomic
def turn_shared(team_keyring: OpenKeyring, members: Iterable[KeyVersion], *, by: log.Party = log.SYSTEM) -> OpenKeyring:
    """Return fresh keys of a team, sealed to the members who stay and to nobody else.

    The keys before are kept under the fresh ones and in no other way. Raises NotOnTheLog, and ValueError where the
    keys were turned since this keyring was opened.
    """
    fresh = succeed(_locked(team_keyring.reader_id), team_keyring, because="members-changed")
    MemberSeal.objects.filter(reader_id=fresh.reader_id).delete()
    _seal_to_all(fresh, members, by)
    return fresh


def follow(keyring: OpenKeyring) -> int:
    """Seal every team's keyring that a member opens with older keys to their newest instead; return how many.

    Call it inside the transaction that renewed them. What does not open stays as it is, and opens nothing.
    """
    present = KeyVersion.objects.get(pk=keyring.version_id)
    older = MemberSeal.objects.select_related("version", "member").filter(member__reader_id=keyring.reader_id)
    count = 0
    for seal in older.exclude(member=present):
        with suppress(CannotOpen):
            info = _info(seal.version, seal.member)
            text = keyring.open_seal(bytes(seal.blob), info=info, version_id=seal.member_id)
            seal.blob = sealing.seal(bytes(present.kem_public), text, info=_info(seal.version, present))
            seal.member = present
            seal.save(update_fields=["blob", "member"])
            count += 1
    return count


def _locked(team_id: uuid.UUID) -> Keyring:
    """Return a team's stored keyring, its row held until the transaction ends."""
    return Keyring.objects.select_for_update().get(reader_id=team_id, reader__kind=Reader.Kind.TEAM)


def _seal_to_all(keyring: OpenKeyring, members: Iterable[KeyVersion], by: log.Party) -> None:
    version = KeyVersion.objects.get(pk=keyring.version_id)
    for member in members:
        if not is_present(member):
            raise NotOnTheLog(f"Key {member.pk} of reader {member.reader_id} is not the one on the log.")
        blob = keyring.seal_to(member, info=_info(version, member))
        _seal, made = MemberSeal.objects.get_or_create(
            reader_id=keyring.reader_id, version=version, member=member, defaults={"blob": blob}
        )
        if made:
            details = {"reader": str(keyring.reader_id), "number": version.number, "member": str(member.reader_id)}
            log.append("key.shared", actor=by, subject=None, outcome="done", details=details)


def _info(version: KeyVersion, member: KeyVersion) -> bytes:
    """Return what a member's seal is bound to: the team, its keys and the member's."""
    return digests.joined(b"chartseal shared keyring v1", version.reader_id.bytes, version.digest, member.digest)
