"""Naming who acts for a patient: asked by their address, they agree, the patient signs. Ending it, from either side."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent import authority, proofs, sentences, upkeep
from consent.access import KeysLocked, own_party
from consent.access.acting import delegate_party
from consent.acting import ABOUT_PARTS, Right
from consent.delegates.wording import Basis, delegation_sentence
from consent.models import Delegation, Ending, Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts import attempts, names
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.rules import NotPossible

LONGEST = timedelta(days=366 * 2)
_DOES = {Right.READ: Action.READ, Right.ADD: Action.WRITE}


class CannotName(NotPossible):
    """This person cannot be named, or not in this way; the message says why and what to change."""


@dataclass(frozen=True)
class Terms:
    """What somebody is to do for a patient, and until when."""

    basis: str
    rights: frozenset[str]
    categories: frozenset[str]
    ends: datetime

    def columns(self) -> dict[str, object]:
        return {
            "basis": str(Basis(self.basis)),
            "rights": [str(right) for right in Right if right in self.rights],
            "categories": [str(part) for part in Category if part in self.categories],
            "ends": self.ends.replace(microsecond=0),
        }


def of(*, basis: str, rights: Iterable[str], categories: Iterable[str], ends: datetime) -> Terms:
    """Return terms; where no right is about parts, no part is named."""
    held = frozenset(str(right) for right in rights)
    parts = frozenset(str(part) for part in categories) if held & {str(right) for right in ABOUT_PARTS} else frozenset()
    return Terms(basis, held, parts, ends)


def ask(patient: Patient, *, email: str, terms: Terms, address: str = "", once: uuid.UUID | None = None) -> Delegation:
    """Ask whoever signs in with this to act for a patient: an address, or a sign-in name. Whose it is is not told.

    Nothing is signed or handed over yet. The same `once` sent twice asks once. Raises CannotName.
    """
    email = names.folded(email)
    if patient.user is not None and email in (patient.user.email, patient.user.sign_in_name):
        raise CannotName(_("This is your own address or name. Name somebody else."))
    if problem := problem_of(patient, terms):
        raise CannotName(problem)
    try:
        attempts.begin("letter", account=f"delegate:{patient.pk}", address=address)
    except attempts.TooMany as stop:
        raise CannotName(stop.message) from stop
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (before := Delegation.objects.filter(pk=once).first()):
            if before.patient_id == patient.pk:
                return before
            once = None
        known = User.objects.proven_as(email).first()
        reader = Reader.objects.filter(user=known, keyring__isnull=False).first() if known else None
        asked = Delegation(
            id=once or uuid.uuid4(),
            patient=patient,
            reader=reader,
            asked=email,
            starts=clock.now().replace(microsecond=0),
            **terms.columns(),
        )
        asked.sentence = sentence_of(asked, name=email)
        asked.save(force_insert=True)
        note("delegation.asked", asked, actor=own_party(patient), name=email)
        if reader is not None:
            notices.notify(known, "delegation-asked", about=asked.pk, key=f"delegation-asked:{asked.pk}")
    return asked


def problem_of(patient: Patient, terms: Terms) -> str:
    """Return why terms cannot be; empty where they can."""
    now = clock.now()
    if not terms.rights:
        return _("Choose what they may do.")
    if terms.rights & {str(right) for right in ABOUT_PARTS} and not terms.categories:
        return _("Choose which parts of the record it is about.")
    if Right.SHARE in terms.rights and Right.READ not in terms.rights:
        return _("Who lets others see a part must be able to see it. Tick that too, or leave this out.")
    if Right.BOOK in terms.rights and Right.APPOINTMENTS not in terms.rights:
        return _("Who books visits must be able to see them. Tick that too, or leave this out.")
    if not now < terms.ends <= now + LONGEST:
        return _("Choose an end within two years. You can name them again then.")
    if terms.basis == Basis.PARENT and authority.of_age(patient) <= now:
        return _("Nobody acts as a parent for somebody who is of age. Choose “carer” or “attorney”.")
    return ""


def sentence_of(delegation: Delegation, *, name: str, patient_name: str = "") -> str:
    """Return the sentence that states a delegation to somebody called by this name."""
    told = delegation.patient.user or delegation.reader.user
    return delegation_sentence(
        name=name,
        basis=delegation.basis,
        rights=delegation.rights,
        categories=delegation.categories,
        ends=authority.over_at(delegation),
        zone=told.time_zone,
        language=told.language,
        patient_name=patient_name,
    )


# --- The one who was asked ------------------------------------------------------------------------
def accept(delegation: Delegation, *, by: User) -> Delegation:
    """Agree to act for somebody. They see one's name from now on, and sign next. Twice is once. Raises CannotName."""
    with transaction.atomic():
        delegation = _locked(delegation)
        if delegation.reader is None or delegation.reader.user_id != by.pk or delegation.ended_at:
            raise CannotName(_("This was taken back, so there is nothing to agree to."))
        if delegation.accepted_at is None:
            delegation.accepted_at = clock.now()
            delegation.save(update_fields=["accepted_at"])
            note("delegation.accepted", delegation, actor=delegate_party(by))
            if delegation.patient.user is not None:
                key = f"delegation-agreed:{delegation.pk}"
                notices.notify(delegation.patient.user, "delegation-agreed", about=delegation.pk, key=key)
        return delegation


# --- The patient signs ---------------------------------------------------------------------------
def propose(delegation: Delegation) -> str:
    """Return the sentence that a patient is to confirm about somebody who agreed. Raises CannotName."""
    if delegation.accepted_at is None or delegation.reader is None:
        raise CannotName(_("They have not agreed yet. You are told when they do."))
    if problem := problem_of(delegation.patient, _terms_of(delegation)):
        raise CannotName(problem)
    return sentence_of(delegation, name=delegation.reader.user.name)


def _terms_of(delegation: Delegation) -> Terms:
    return Terms(
        delegation.basis, frozenset(delegation.rights), frozenset(delegation.categories), authority.over_at(delegation)
    )


def sign(delegation: Delegation, *, keyring: OpenKeyring | None, sentence: str | None = None) -> Delegation:
    """Sign a delegation and hand over the keys of what may be read. From now on they may act. Twice is once.

    `sentence` is what the patient read; when the facts have changed since, nothing is signed. Raises CannotName,
    KeysLocked.
    """
    if keyring is None or not accounts.is_theirs(keyring, delegation.patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=delegation.patient.name), because="locked")
    with transaction.atomic():
        delegation = _locked(delegation)
        if delegation.ended_at:
            raise CannotName(_("This is over already. Name them again."))
        if delegation.signed_by_id:
            return delegation
        said = propose(delegation)
        if sentence is not None and sentence != said:
            raise CannotName(_("Something changed since you read the sentence. Read it again, then confirm."))
        if _acting_already(delegation):
            raise CannotName(_("They act for you already. End that first, then sign this."))
        delegation.starts, delegation.sentence = clock.now().replace(microsecond=0), said
        delegation.ends = authority.over_at(delegation)
        delegation.signed_by_id = keyring.version_id
        delegation.signature = keyring.sign(proofs.delegation_message(delegation))
        delegation.save(update_fields=["starts", "ends", "sentence", "signed_by", "signature"])
        note("delegation.made", delegation, actor=own_party(delegation.patient))
        if (grant := own_grant(delegation)) is not None:
            try:
                grants.make(grant, keyring)
            except grants.CannotGive as problem:
                raise CannotName(str(problem)) from problem
        notices.notify(
            delegation.reader.user, "delegation-made", about=delegation.pk, key=f"delegation-made:{delegation.pk}"
        )
        return delegation


def _acting_already(delegation: Delegation) -> bool:
    others = Delegation.objects.filter(
        patient=delegation.patient_id, reader=delegation.reader_id, ended_at__isnull=True, ends__gt=clock.now()
    )
    return others.filter(signed_by__isnull=False).exclude(pk=delegation.pk).exists()


def own_grant(delegation: Delegation) -> Grant | None:
    """Return the unsigned grant of what a delegate may see and add to; None where they may do neither."""
    actions = [str(_DOES[right]) for right in Right if right in delegation.rights and right in _DOES]
    if not actions:
        return None
    return Grant(
        patient=delegation.patient,
        reader=Reader.objects.select_related("keyring__version", "user").get(pk=delegation.reader_id),
        categories=delegation.categories,
        actions=sorted(actions),
        purpose=str(Purpose.PATRQT),
        starts=delegation.starts,
        ends=delegation.ends,
        sentence=delegation.sentence,
        kind=Grant.Kind.DELEGATE,
        delegation=delegation,
    )


# --- Ending --------------------------------------------------------------------------------------
def end(delegation: Delegation, *, by: User, keyring: OpenKeyring | None = None) -> Delegation:
    """End it from the patient's side or the delegate's, also before it began. Ending needs no keys. Twice is once.

    What they were handed is taken back, and whom they let in in the patient's name is let in no more. With the
    patient's keys at hand the epochs turn at once, else at the next visit. Raises CannotName for anybody else.
    """
    with transaction.atomic():
        delegation = _locked(delegation)
        patient, delegate = delegation.patient, delegation.reader.user if delegation.reader else None
        if by.pk not in {patient.user_id, delegate.pk if delegate else None}:
            raise CannotName(_("Only the patient, or who acts for them, ends this."))
        if delegation.ended_at is not None:
            return delegation
        theirs = by.pk == patient.user_id
        actor = own_party(patient) if theirs else delegate_party(by)
        delegation.ended_at, delegation.ended_by = clock.now(), "patient" if theirs else "delegate"
        delegation.save(update_fields=["ended_at", "ended_by"])
        name = delegate.name if delegate and delegation.accepted_at else delegation.asked
        note("delegation.ended", delegation, actor=actor, name=name)
        end_what_hangs(delegation, actor=actor)
        if keyring is not None and accounts.is_theirs(keyring, patient.user_id):
            upkeep.tidy(patient, keyring=keyring)
        other = delegate if theirs else patient.user
        if other is not None and delegation.accepted_at:
            notices.notify(other, "delegation-ended", about=delegation.pk, key=f"delegation-ended:{delegation.pk}")
        return delegation


def end_what_hangs(delegation: Delegation, *, actor: log.Party) -> None:
    """End what a delegate was handed, and what they gave in the patient's name."""
    for grant in Grant.objects.filter(delegation=delegation).standing(clock.now()):
        by = actor if grant.kind == Grant.Kind.DELEGATE else log.SYSTEM
        grants.end(grant, keyring=None, cause=Ending.Cause.PARENT, by=by)


def _locked(delegation: Delegation) -> Delegation:
    Patient.objects.select_for_update().get(pk=delegation.patient_id)
    return Delegation.objects.select_related("patient__user", "reader__user", "signed_by").get(pk=delegation.pk)


def note(action: str, delegation: Delegation, *, actor: log.Party, because: str = "", name: str = "") -> None:
    """Write down what happened to a delegation, in the caller's transaction."""
    log.append(
        action,
        actor=actor,
        subject=delegation.patient_id,
        outcome="done",
        categories=delegation.categories,
        because=because,
        details={
            "delegation": str(delegation.pk),
            "reader": str(delegation.reader_id or ""),
            "reader_name": name or delegation.reader.user.name,
            "for_name": delegation.patient.name,
            "basis": delegation.basis,
            "rights": delegation.rights,
            "until": delegation.ends.isoformat(),
        },
    )


def bases_for(patient: Patient) -> list[str]:
    """Return as what somebody may act for a patient: as a parent only until they come of age."""
    grown = authority.of_age(patient) <= clock.now()
    return [basis for basis in Basis if not (grown and basis == Basis.PARENT)]
