"""Giving and ending: the grant is signed, the keys are handed over, the log holds both, the chain follows."""

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import keys, proofs, queries, sentences, upkeep
from consent.access import KeysLocked, own_party, own_recorded_between
from consent.models import Delegation, Ending, Grant, GrantParcel, Mandate
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.chain import stealth, tokens, typed_data
from ehr.crypto.sealing import seal
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import entries_in
from providers.queries import standing

LONGEST = timedelta(days=366 * 2)


class CannotGive(Exception):
    """This permission cannot be given; the message says why and what to change."""


@dataclass(frozen=True)
class Narrow:
    """What narrows a grant within its parts: chosen entries by FHIR id, or record dates, both included; places."""

    entries: frozenset[str] = frozenset()
    record_from: date | None = None
    record_until: date | None = None
    places: frozenset[str] = frozenset()

    def columns(self) -> dict[str, object]:
        return {
            "entries": sorted(self.entries),
            "record_from": self.record_from,
            "record_until": self.record_until,
            "places": sorted(self.places),
        }


@dataclass(frozen=True)
class Origin:
    """Where a grant comes from, when it is not simply given: what it hangs from, and who signs for the patient."""

    kind: str = Grant.Kind.GIVEN
    parent: Grant | None = None
    report_days: int | None = None
    mandate: Mandate | None = None
    delegation: Delegation | None = None

    def columns(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "parent": self.parent,
            "report_days": self.report_days,
            "mandate": self.mandate,
            "delegation": self.delegation,
        }


# Endings of which the reader is not told as such: over by itself; replaced, of which the new grant tells; a block.
_UNTOLD = frozenset({Ending.Cause.TIME, Ending.Cause.CHANGED, Ending.Cause.BLOCK})
WHOLE = Narrow()
BY_PATIENT = Origin()


def propose(
    patient: Patient,
    *,
    reader: User,
    categories: Iterable[str],
    actions: Iterable[str],
    purpose: Purpose,
    starts: datetime,
    ends: datetime,
    narrow: Narrow = WHOLE,
    origin: Origin = BY_PATIENT,
) -> Grant:
    """Return the unsaved, unsigned grant, with the sentence that the patient is to confirm. Raises CannotGive."""
    chosen = [str(part) for part in Category if part in set(categories)]
    allowed = [str(action) for action in Action if action in set(actions)]
    now = clock.now()
    seen = standing(reader, now)
    longest = None if origin.kind == Grant.Kind.LEGAL_COPY else LONGEST
    problem = _problem(patient, reader, chosen, allowed, starts, ends, now, longest) or _problem_of_narrowing(
        narrow, now
    )
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
        entries=len(narrow.entries),
        record_from=narrow.record_from,
        record_until=narrow.record_until,
        places=narrow.places,
        report_days=origin.report_days,
        legal_copy=origin.kind == Grant.Kind.LEGAL_COPY,
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
        **narrow.columns(),
        **origin.columns(),
    )


def _problem_of_narrowing(narrow: Narrow, now: datetime) -> str:
    if narrow.entries and (narrow.record_from or narrow.record_until):
        return _("Choose either single entries or dates of the record, not both.")
    if narrow.record_until and narrow.record_until > now.date():
        return _("Choose a last day of the record that is not in the future, or leave it open.")
    if narrow.record_from and narrow.record_until and narrow.record_from > narrow.record_until:
        return _("Choose a first day of the record that is before the last one.")
    return ""


def _problem(patient, reader, chosen, allowed, starts, ends, now, longest) -> str:
    if patient.user_id == reader.pk:
        return _("This is you. Your own record is always open to you.")
    if not chosen:
        return _("Choose at least one part of your record.")
    if not allowed:
        return _("Choose what they may do.")
    if ends <= max(starts, now):
        return _("Choose an end that is later than now and later than the start.")
    if longest is not None and ends - now > longest:
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
    narrow: Narrow = WHOLE,
    origin: Origin = BY_PATIENT,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Grant:
    """Sign a grant with the patient's keys, hand the keys over, log it and queue its token, in one transaction.

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
        Patient.objects.select_for_update().get(pk=patient.pk)
        existing = queries.of_patient(patient, once) if once else None
        return existing or _make(propose(patient, **asked), own, entries=entries, once=once, sentence=sentence)


def _own(patient: Patient, keyring: OpenKeyring | None) -> OpenKeyring:
    """Return a patient's own open keyring. Raises KeysLocked for none, and for anybody else's."""
    if keyring is None or not accounts.is_theirs(keyring, patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    return keyring


def _make(
    grant: Grant, keyring: OpenKeyring, *, entries: Iterable[uuid.UUID], once: uuid.UUID | None, sentence: str | None
) -> Grant:
    """Sign a proposed grant and all that follows from it. Call it inside the transaction that holds the patient."""
    patient = grant.patient
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
        keys.hand_over(grant, keyring=keyring, entries=entries)
    except keys.KeyExchanged as problem:
        raise CannotGive(
            _("%(name)s’s keys are not the ones they registered, so nothing was shared. Tell the privacy officer.")
            % {"name": grant.reader.name}
        ) from problem
    upkeep.post(grant, GrantParcel.Kind.MINT)
    if grant.reader.user is not None:
        notices.notify(grant.reader.user, "access-given", about=grant.pk, key=f"access-given:{grant.pk}")
    notices.notify(patient.user, "somebody-let-in", about=grant.pk, key=f"let-in:{grant.pk}")
    return grant


def chosen_entries(
    patient: Patient, categories: Iterable[str], narrow: Narrow, *, keyring: OpenKeyring
) -> frozenset[uuid.UUID]:
    """Return the row ids of the entries whose keys a bundle holds; none for a grant of whole parts.

    Dates are read in the patient's own session, before the grant. Raises CannotGive where a chosen entry is in none
    of the parts, or nothing is left to share.
    """
    if narrow.entries:
        found = entries_in(patient, narrow.entries)
        parts = {part for _row, held in found.values() for part in held}
        if len(found) < len(narrow.entries) or not parts <= set(map(str, categories)):
            raise CannotGive(_("One of the chosen entries is not in the parts you share. Choose again."))
        return frozenset(row for row, _held in found.values())
    if narrow.record_until is None:
        return frozenset()
    found = own_recorded_between(patient, list(categories), narrow.record_from, narrow.record_until, keyring=keyring)
    if not found:
        raise CannotGive(_("Nothing in these parts was recorded in that time. Choose other dates or other parts."))
    return found


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
    if grant.reader.user is None or grant.kind != Grant.Kind.GIVEN:
        raise CannotGive(_("This permission cannot be changed. You can stop it and give another."))
    asked = {
        "reader": grant.reader.user,
        "categories": tuple(categories),
        "actions": tuple(actions),
        "purpose": Purpose(grant.purpose),
        "starts": starts or max(clock.now(), grant.starts),
        "ends": ends,
        "narrow": narrow,
    }
    entries = chosen_entries(patient, asked["categories"], narrow, keyring=own)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (made := queries.of_patient(patient, once)):
            return made
        if Ending.objects.filter(grant=grant).exists():
            raise CannotGive(_("This permission is over already. Give a new one instead."))
        # First the new one, so that the turn of the epochs that the old one's end brings finds it there.
        made = _make(propose(patient, **asked), own, entries=entries, once=once, sentence=sentence)
        end(grant, keyring=own, cause=Ending.Cause.CHANGED, by=own_party(patient))
    return made


def _told(grant: Grant) -> dict[str, object]:
    return {
        "reader": str(grant.reader_id),
        "reader_name": grant.reader.name,
        "actions": grant.actions,
        "starts": grant.starts.isoformat(),
        "ends": grant.ends.isoformat(),
        "digest": proofs.digest(grant).hex(),
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
        if cause not in _UNTOLD and grant.reader.user_id:
            notices.notify(grant.reader.user, "access-ended", about=grant.pk, key=f"access-ended:{grant.pk}")
        return ending
