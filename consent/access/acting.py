"""Opening, adding and reading the log for somebody else. Decide, log, act, as everywhere; the line says who for whom.

What a delegate may do, `consent.acting` decides. What the patient keeps from them by safety mode is taken out here, on
the way from ciphertext to page, and leaves no trace: no gap, no number, no word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import log
from audit import queries as audit
from audit.queries import Line
from consent import acting, authority, keys, queries, sentences
from consent.access import safety
from consent.access.reading import Chart
from consent.access.refusing import AccessDenied, KeysLocked
from consent.access.writing import ChangedMeanwhile, Person
from consent.acting import Right
from consent.models import Delegation, Grant
from consent.rules import Decision
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.vault import Draft, OpenEntry

_BATCH = 100


@dataclass(frozen=True)
class Acting:
    """Somebody who acts for a patient, as read now: under which delegation, and what is kept from them."""

    delegation: Delegation
    delegate: User
    hidden: frozenset[str]

    @property
    def patient(self) -> Patient:
        return self.delegation.patient

    @property
    def rights(self) -> frozenset[str]:
        return frozenset(self.delegation.rights)

    @property
    def categories(self) -> tuple[Category, ...]:
        """The parts that they may do something with, in the order in which they are always listed."""
        return tuple(part for part in Category if part in self.delegation.categories)

    @property
    def as_their(self) -> str:
        """As what they act, as it stands after "as their"."""
        return str(sentences.AS_YOUR[self.delegation.basis])

    @property
    def ends(self) -> datetime:
        """When it is over by itself."""
        return authority.over_at(self.delegation)


def acting_for(patient: Patient, delegate: User) -> Acting | None:
    """Return as whom somebody acts for a patient at this moment, or None: then nothing says that there is a patient."""
    found = _delegation(patient, delegate)
    if found is None or queries.is_blocked(patient, delegate) or not delegate.is_active:
        return None
    if acting.why_not(authority.facts(found), at=clock.now()):
        return None
    return Acting(found, delegate, safety.hidden_from(patient, delegate))


def delegate_party(delegate: User) -> log.Party:
    """Return a delegate as the log writes them down."""
    return log.Party("person", delegate.pk, delegate.name, "delegate", "")


def told_of(delegation: Delegation) -> dict[str, str]:
    """Return what every line of a delegate's says: for whom, and as what."""
    return {"delegation": str(delegation.pk), "for_name": delegation.patient.name, "basis": delegation.basis}


def _delegation(patient: Patient, delegate: User) -> Delegation | None:
    """Return the one delegation between two people that was agreed to and is neither stopped nor over, newest last."""
    rows = Delegation.objects.filter(
        patient=patient, reader__user=delegate, accepted_at__isnull=False, ended_at__isnull=True, ends__gt=clock.now()
    )
    full = rows.select_related("patient__user", "reader__user", "signed_by__reader").order_by("made_at")
    signed = [one for one in full if one.signed_by_id or one.vouchings.exists()]
    return signed[-1] if signed else None


# --- Deciding ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Judged:
    """Decisions on one right for each part, and the grants that open or let in."""

    patient: Patient
    delegate: User
    delegation: Delegation | None
    decisions: Mapping[Category, Decision]
    grants: Mapping[UUID, Grant]

    @property
    def allowed(self) -> dict[str, Grant]:
        return {str(part): self.grants[one.grant] for part, one in self.decisions.items() if one.grant}

    @property
    def because(self) -> str:
        reasons = [one.because for one in self.decisions.values() if not one.allowed]
        return next((one for one in reasons if one != "not-in-rights"), (reasons or ["not-in-rights"])[0])


def _judge(patient: Patient, delegate: User, right: Right, parts: Iterable[Category]) -> _Judged:
    """Decide on each part by `consent.acting`, from facts read now."""
    at = clock.now()
    found = _delegation(patient, delegate)
    rows = Grant.objects.filter(kind=Grant.Kind.DELEGATE, delegation=found).select_related(*queries.DECIDED_BY)
    grants = {grant.pk: grant for grant in rows} if found else {}
    facts = authority.facts(found) if found else None
    blocked = queries.is_blocked(patient, delegate)
    decisions = {
        part: acting.decide(
            active=delegate.is_active,
            delegation=facts,
            right=right,
            at=at,
            category=part,
            grants=[queries.facts(grant) for grant in grants.values()],
            blocked=blocked,
        )
        for part in parts
    }
    return _Judged(patient, delegate, found, decisions, grants)


def _refuse(judged: _Judged, because: str) -> AccessDenied:
    """Log a refusal and return the exception to raise. Whom there is nothing to tell learns no more than that."""
    log.record(
        "record.refused-for",
        actor=delegate_party(judged.delegate),
        subject=judged.patient.pk,
        outcome="refused",
        categories=sorted(judged.decisions),
        purpose=Purpose.PATRQT,
        because=because,
        details=told_of(judged.delegation) if judged.delegation else {},
    )
    name = judged.patient.name
    if because == "locked":
        return KeysLocked(sentences.refusal("locked", name=name), because=because)
    if because == "seal-does-not-open":
        return AccessDenied(sentences.refusal(because, name=name), because=because)
    # A block must look like a stop, and a stop like something that never was.
    because = because if because in {"not-in-rights", "account-inactive"} else "no-delegation"
    words = {
        "not-in-rights": _("%(name)s has not let you do this for them. Ask them to name it when they let you act.")
        % {"name": name},
        "account-inactive": sentences.refusal("account-inactive", name=name),
    }
    return AccessDenied(words.get(because, _("You do not act for this person now.")), because=because)


# --- Reading -------------------------------------------------------------------------------------
def open_as_delegate(
    patient: Patient,
    *,
    delegate: User,
    keyring: OpenKeyring | None,
    categories: Sequence[Category] | None = None,
    logical_id: UUID | None = None,
) -> Chart:
    """Return what somebody who acts for a patient may read, or raise AccessDenied; the log holds the attempt.

    The patient's address and appointments are not in it where safety mode keeps them, or the right to them is missing.
    """
    asked = tuple(categories) if categories is not None else tuple(Category)
    judged, boxes = _opened(patient, delegate, keyring, asked)
    entries = vault.read(patient, boxes, logical_id=logical_id)
    keys.settle(patient, boxes)
    adding = _judge(patient, delegate, Right.ADD, asked)
    return Chart(
        patient=patient,
        entries=list(safety.shown(entries, _kept_back(judged))),
        categories=tuple(part for part in asked if part in boxes),
        opened_at=clock.now(),
        purpose=Purpose.PATRQT,
        grants=tuple({grant.pk: grant for grant in judged.allowed.values()}.values()),
        writable=tuple(map(Category, adding.allowed)),
        ends=authority.over_at(judged.delegation),
    )


def _opened(
    patient: Patient, delegate: User, keyring: OpenKeyring | None, asked: Sequence[Category]
) -> tuple[_Judged, dict[str, keys.OpenBox]]:
    """Return the decision and, once its line is committed, the lockboxes it opens. Raises AccessDenied."""
    judged = _judge(patient, delegate, Right.READ, asked)
    if not judged.allowed:
        raise _refuse(judged, judged.because)
    if keyring is None or not accounts.is_theirs(keyring, delegate.pk):
        raise _refuse(judged, "locked")
    _record_opening(judged)
    return judged, _boxes(judged, keyring)


def _boxes(judged: _Judged, keyring: OpenKeyring) -> dict[str, keys.OpenBox]:
    try:
        if not all(authority.signed_for_patient(grant) for grant in judged.allowed.values()):
            raise keys.CannotOpen("This was not signed by who may sign for the patient.")
        boxes = keys.granted_boxes(judged.patient, judged.allowed, keyring=keyring)
        if not boxes:
            raise keys.CannotOpen("No seal was found for this permission.")
    except keys.CannotOpen as problem:
        raise _refuse(judged, "seal-does-not-open") from problem
    return boxes


def _record_opening(judged: _Judged) -> None:
    grant = next(iter(judged.allowed.values()))
    log.record(
        "record.opened-for",
        actor=delegate_party(judged.delegate),
        subject=judged.patient.pk,
        categories=sorted(judged.allowed),
        purpose=Purpose.PATRQT,
        grant=grant.pk,
        because=judged.delegation.basis,
        details=told_of(judged.delegation),
    )


def _kept_back(judged: _Judged) -> frozenset[str]:
    """Return what is left out: what safety mode keeps, and appointments where the right to them is missing."""
    hidden = safety.hidden_from(judged.patient, judged.delegate)
    return hidden if Right.APPOINTMENTS in judged.delegation.rights else hidden | {safety.APPOINTMENTS}


def open_file_as_delegate(
    patient: Patient, entry: Entry, *, delegate: User, keyring: OpenKeyring | None
) -> tuple[bytes, OpenEntry] | None:
    """Return the picture or PDF of an entry with the entry itself; None for one that is not shown to the delegate."""
    parts = [Category(part) for part in entry.wrapped_keys.values_list("lockbox__part", flat=True)]
    judged, boxes = _opened(patient, delegate, keyring, parts)
    found = vault.read(patient, boxes, logical_id=entry.logical_id)
    shown = next(safety.shown(found, _kept_back(judged)), None)
    if shown is None or shown.entry_id != entry.pk:
        return None
    try:
        return vault.read_attachment(entry, boxes), shown
    except keys.CannotOpen as problem:
        message = sentences.refusal("does-not-open", name=patient.name)
        raise AccessDenied(message, because="does-not-open") from problem


# --- Adding --------------------------------------------------------------------------------------
def add_as_delegate(
    patient: Patient, drafts: Sequence[Draft], *, delegate: User, keyring: OpenKeyring | None
) -> list[Entry]:
    """Seal something new that a delegate wrote, signed by them; its author is named with whom they act for.

    Raises AccessDenied, and ChangedMeanwhile for what is there already.
    """
    parts = tuple(sorted({Category(part) for draft in drafts for part in draft.parts}))
    if any(draft.version != 1 for draft in drafts):
        raise ValueError("A delegate adds; what is there is changed by its patient or its author.")
    try:
        with transaction.atomic():
            # Stopping takes the same row: what is written came before it, or is refused.
            Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
            judged = _judge(patient, delegate, Right.ADD, parts)
            because = _why_not_added(judged, keyring)
            if not because:
                _append_adding(judged, len(drafts))
                boxes = keys.granted_boxes(patient, judged.allowed, keyring=keyring)
                name = _("%(name)s, for %(patient)s") % {"name": delegate.name, "patient": patient.name}
                return vault.write(patient, drafts, author=Person(keyring, name), boxes=boxes)
    except IntegrityError as twice:
        raise ChangedMeanwhile from twice
    except keys.CannotOpen:
        because = "seal-does-not-open"
    raise _refuse(judged, because)


def _why_not_added(judged: _Judged, keyring: OpenKeyring | None) -> str:
    if len(judged.allowed) != len(judged.decisions):
        return judged.because
    if not accounts.is_theirs(keyring, judged.delegate.pk):
        return "locked"
    genuine = all(authority.signed_for_patient(grant) for grant in judged.allowed.values())
    return "" if genuine else "seal-does-not-open"


def _append_adding(judged: _Judged, count: int) -> None:
    log.append(
        "entry.added-for",
        actor=delegate_party(judged.delegate),
        subject=judged.patient.pk,
        outcome="done",
        categories=sorted(judged.allowed),
        purpose=Purpose.PATRQT,
        grant=next(iter(judged.allowed.values())).pk,
        because=judged.delegation.basis,
        details={"count": count, **told_of(judged.delegation)},
    )


def boxes_to_share(
    patient: Patient, parts: Iterable[Category], *, delegate: User, keyring: OpenKeyring
) -> dict[str, keys.OpenBox]:
    """Return the lockboxes from which a delegate seals for somebody they let in: what their own permission opens.

    Raises AccessDenied, its line committed or, inside a transaction, gone with it.
    """
    judged = _judge(patient, delegate, Right.READ, tuple(parts))
    if len(judged.allowed) != len(judged.decisions):
        raise _refuse(judged, judged.because)
    return _boxes(judged, keyring)


# --- The log -------------------------------------------------------------------------------------
def read_log_as_delegate(
    patient: Patient, *, delegate: User, before: UUID | None = None, limit: int = 50
) -> list[Line]:
    """Return the lines of a patient's list that are told to somebody who acts for them, newest first.

    Parts that the delegate may not see are in no line. Where safety mode keeps the list from them, what is left are
    their own acts, as if nobody else had done anything. Raises AccessDenied.
    """
    judged = _judge(patient, delegate, Right.LOG, (Category.BASIC,))
    if not judged.decisions[Category.BASIC].allowed:
        raise _refuse(judged, judged.because)
    hidden = safety.hidden_from(patient, delegate)
    log.record(
        "record.log-read-for",
        actor=delegate_party(delegate),
        subject=patient.pk,
        purpose=Purpose.PATRQT,
        because=judged.delegation.basis,
        details=told_of(judged.delegation),
    )
    found: list[Line] = []
    while len(found) < limit:
        lines = audit.story(patient.pk, before=before, limit=_BATCH)
        found += [told for line in lines if (told := safety.told_to(line, judged.delegation, delegate, hidden))]
        if len(lines) < _BATCH:
            break
        before = lines[-1].event_id
    return found[:limit]
