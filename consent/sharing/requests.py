"""Asking to be let in, and a patient's answer: as asked, for less, or no. Whom one may ask: patients who have shared
something before, and whoever shows the clinician a code.

The words are signed by the clinician's author key, then sealed to the patient's log lockbox. HPKE `info` and
signature bind request, patient, reader and terms: words copied to another request, or terms changed behind them, do
not open.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent import keys, queries, sentences
from consent.access import KeysLocked, own_party
from consent.models import AccessRequest, Grant, ShownCode
from consent.sharing import grants
from ehr import clock
from ehr.accounts import attempts, codes, stored
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.crypto import signing
from ehr.crypto.digests import joined
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.queries import Standing, party, standing
from providers.roles import CLINICAL

LAPSES_AFTER = timedelta(days=14)
MOST_DAYS = 365
MOST_WORDS = 2_000
# One answer is an answer: nobody is asked over and over.
MOST_BETWEEN_TWO = 3
CODE_LASTS = timedelta(minutes=10)
CODE_GROUPS = 2  # 8 letters, 40 bits: behind a throttle, for ten minutes
MET_FOR = timedelta(days=1)
_SIGNATURE_BYTES = 64
State = AccessRequest.State
LAPSED = "lapsed"


class CannotAsk(Exception):
    """This request was not sent; the message says why and what to do next."""


class CannotAnswer(Exception):
    """This request cannot be answered any more, or not in this way; the message says why."""


@dataclass(frozen=True)
class Message:
    """A request's words as its patient reads them. `words` is None where they do not open."""

    words: str | None
    signed: bool


# --- Whom one may ask ----------------------------------------------------------------------------
def patient_to_ask(reader: User, patient_id) -> Patient | None:
    """Return a patient whom a clinician may ask: within reach, or met by a code not long ago; else None."""
    since = clock.now() - MET_FOR
    met = Patient.objects.filter(pk=patient_id, shown_codes__used_by__user=reader, shown_codes__used_at__gt=since)
    return queries.patient_within_reach(reader, patient_id) or met.first()


def show_code(patient: Patient) -> tuple[str, ShownCode]:
    """Return a code the patient can show, and its row. Only the newest works; the log notes that one was made."""
    code = codes.new(CODE_GROUPS)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        at = clock.now()
        ShownCode.objects.filter(patient=patient, used_at__isnull=True, ends_at__gt=at).update(ends_at=at)
        row = ShownCode.objects.create(patient=patient, digest=_digest(code), made_at=at, ends_at=at + CODE_LASTS)
        log.append("code.shown", actor=own_party(patient), subject=patient.pk, outcome="done", because="own")
    return code, row


def meet(code: str, *, reader: User, address: str) -> Patient:
    """Return the patient who showed a code, which works once. It opens nothing: it lets the reader ask.

    Raises CannotAsk for a reader not in good standing and for a code that does not work, `attempts.TooMany` after
    several of these.
    """
    seen = _may_ask(reader, patient=None)
    attempt = attempts.begin("shown-code", account=str(reader.pk), address=address)
    with transaction.atomic():
        at = clock.now()
        fitting = ShownCode.objects.filter(digest=_digest(code), used_at__isnull=True, ends_at__gt=at)
        row = fitting.select_for_update(of=("self",)).select_related("patient").first()
        if row is not None:
            row.used_by, row.used_at = Reader.objects.get(user=reader), at
            row.save(update_fields=["used_by", "used_at"])
            log.append("code.used", actor=party(reader, known=seen), subject=row.patient_id, outcome="done")
    if row is None:
        log.record(
            "code.refused", actor=party(reader, known=seen), subject=None, outcome="refused", because="no-such-code"
        )
        raise CannotAsk(_("This code does not work. Look at it again, or ask the patient to show a new one."))
    attempts.turned_out_well(attempt)
    return row.patient


def _digest(code: str) -> bytes:
    return stored.index("shown-code", codes.plain(code))


def _may_ask(reader: User, *, patient: Patient | None, parts: Iterable[str] = ()) -> Standing:
    """Return the reader's standing now. Logs and raises CannotAsk without one, or without a clinical role."""
    seen = standing(reader)
    because = seen.because if not seen.ok else "" if seen.roles & CLINICAL else "role-without-clinical-text"
    if because:
        log.record(
            "access.refused",
            actor=party(reader, known=seen),
            subject=patient.pk if patient else None,
            outcome="refused",
            categories=sorted(parts),
            because=because,
        )
        raise CannotAsk(sentences.refusal(because, name=patient.name if patient else "", standing_message=seen.message))
    return seen


# --- Asking --------------------------------------------------------------------------------------
def ask(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ,),
    purpose: Purpose = Purpose.TREAT,
    days: int,
    words: str,
    once: uuid.UUID | None = None,
) -> AccessRequest:
    """Ask a patient for access; they are told, and have 14 days to answer. The same `once` sent twice asks once.

    Raises CannotAsk, and KeysLocked, for the words are signed by who wrote them.
    """
    chosen = [str(part) for part in Category if part in set(categories)]
    wanted = [str(action) for action in Action if action in set(actions)]
    seen = _may_ask(reader, patient=patient, parts=chosen)
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        mine = AccessRequest.objects.filter(patient=patient, reader__user=reader)
        if sent := mine.filter(pk=once).first():
            return sent
        at = clock.now()
        problem = _problem_between(patient, reader, mine, at) or _problem_of_terms(chosen, wanted, days, words)
        if problem:
            raise CannotAsk(problem)
        request = AccessRequest(
            id=once or uuid.uuid4(),
            patient=patient,
            reader=Reader.objects.get(user=reader),
            key_version_id=keyring.version_id,
            categories=chosen,
            actions=wanted,
            purpose=str(purpose),
            days=days,
            asked_at=at,
            lapses_at=at + LAPSES_AFTER,
        )
        text, info = words.strip().encode(), _info(request)
        request.message = keys.seal_words(patient, keyring.sign(info + text) + text, info=info)
        request.save(force_insert=True)
        _log("access.asked", request, actor=party(reader, known=seen))
        notices.notify(patient.user, "access-asked", about=request.pk, key=f"access-asked:{request.pk}")
    return request


def _problem_between(patient: Patient, reader: User, mine: QuerySet[AccessRequest], at: datetime) -> str:
    """Say what stands between these two, whatever is asked."""
    if patient.user_id is None:
        return _("Nobody has taken over this record yet, so nobody can answer. Ask the place it came from.")
    if patient.user_id == reader.pk:
        return _("This is you. Your own record is always open to you.")
    if mine.open(at).exists():
        return _("You have asked %(name)s already. Wait for the answer, or withdraw that request first.") % {
            "name": patient.name
        }
    if mine.filter(asked_at__gt=at - LAPSES_AFTER).count() >= MOST_BETWEEN_TWO:
        return _("You have asked %(name)s three times within 14 days. Speak with them before you ask again.") % {
            "name": patient.name
        }
    return ""


def _problem_of_terms(chosen: list[str], wanted: list[str], days: int, words: str) -> str:
    if not chosen:
        return _("Choose at least one part of the record.")
    if not wanted:
        return _("Choose what you need to do.")
    if not 1 <= days <= MOST_DAYS:
        return _("Ask for between one day and one year.")
    if not words.strip() or len(words) > MOST_WORDS:
        return _("Say in a sentence or two what you need it for. The patient reads this.")
    return ""


def _info(request: AccessRequest) -> bytes:
    """Return what the words are bound to: request, patient, reader, and the terms they explain."""
    said = (*request.categories, *request.actions, request.purpose, str(request.days))
    ids = (request.pk, request.patient_id, request.reader_id)
    return joined(b"access-request/v1", *(one.bytes for one in ids), *(one.encode() for one in said))


def withdraw(request: AccessRequest, *, by: User) -> AccessRequest:
    """Take back a request that waits. Raises CannotAnswer when it is somebody else's or was answered."""
    with transaction.atomic():
        request = _waiting(request)
        if request.reader.user_id != by.pk:
            raise CannotAnswer(_("Only who asked takes a request back."))
        _close(request, State.WITHDRAWN)
        _log("access.withdrawn", request, actor=party(by))
    return request


# --- Answering -----------------------------------------------------------------------------------
def ends(request: AccessRequest, days: int) -> datetime:
    """Return the last minute of the last day, in the patient's zone: what "for so many days" comes to from now."""
    zone = ZoneInfo(request.patient.user.time_zone)
    last = clock.now().astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last, time(23, 59), tzinfo=zone)


def propose(request: AccessRequest, *, categories: Iterable[str], actions: Iterable[str], days: int) -> Grant:
    """Return the unsaved grant an answer would make, with the sentence to confirm. Raises CannotAnswer, CannotGive."""
    return grants.propose(request.patient, **_terms(request, categories, actions, days))


def _terms(request: AccessRequest, categories: Iterable[str], actions: Iterable[str], days: int) -> dict[str, object]:
    """Return what `grants` needs. A patient may give less than was asked, never more: that is a grant of their own."""
    chosen, allowed = set(map(str, categories)), set(map(str, actions))
    if not chosen <= set(request.categories) or not allowed <= set(request.actions) or not 1 <= days <= request.days:
        raise CannotAnswer(_("This is more than was asked for. Give less here, or let them in yourself for more."))
    return {
        "reader": request.reader.user,
        "categories": chosen,
        "actions": allowed,
        "purpose": Purpose(request.purpose),
        "starts": clock.now(),
        "ends": ends(request, days),
    }


def approve(
    request: AccessRequest,
    *,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    actions: Iterable[str],
    days: int,
    sentence: str | None = None,
) -> Grant:
    """Say yes, perhaps to less. One request makes one grant: confirmed twice, it returns the first.

    Raises CannotAnswer, `grants.CannotGive`, KeysLocked.
    """
    with transaction.atomic():
        if made := _locked(request).grant:
            return made
        request = _waiting(request)
        grant = grants.give(
            request.patient,
            keyring=keyring,
            once=request.pk,
            sentence=sentence,
            **_terms(request, categories, actions, days),
        )
        _close(request, State.APPROVED, grant=grant)
        _log("access.approved", request, actor=own_party(request.patient), grant=grant.pk)
    return grant


def decline(request: AccessRequest) -> AccessRequest:
    """Say no. Whoever asked learns that much: no reason, no time, nothing about the record. Twice is once."""
    with transaction.atomic():
        if _locked(request).state == State.DECLINED:
            return request
        request = _waiting(request)
        _close(request, State.DECLINED)
        _log("access.declined", request, actor=own_party(request.patient))
        notices.notify(request.reader.user, "access-declined", about=request.pk, key=f"access-declined:{request.pk}")
    return request


def _locked(request: AccessRequest) -> AccessRequest:
    rows = AccessRequest.objects.select_for_update(of=("self",))
    return rows.select_related("patient__user", "reader__user", "grant").get(pk=request.pk)


def _waiting(request: AccessRequest) -> AccessRequest:
    """Return the row as it is now, held until the transaction ends, if it still waits for an answer."""
    request = _locked(request)
    told = {
        State.APPROVED: _("This request was answered already: you let them in."),
        State.DECLINED: _("This request was declined already."),
        State.WITHDRAWN: _("This request was withdrawn, so there is nothing to answer."),
        LAPSED: _("This request lapsed, because nobody answered it for 14 days. They can ask again."),
    }
    now = state(request)
    if now in told:
        raise CannotAnswer(told[now])
    return request


def _close(request: AccessRequest, new: str, *, grant: Grant | None = None) -> None:
    request.state, request.answered_at, request.grant = new, clock.now(), grant
    request.save(update_fields=["state", "answered_at", "grant"])


def _log(action: str, request: AccessRequest, *, actor: log.Party, grant: uuid.UUID | None = None) -> None:
    log.append(
        action,
        actor=actor,
        subject=request.patient_id,
        outcome="done",
        categories=request.categories,
        purpose=request.purpose,
        grant=grant,
        details={
            "request": str(request.pk),
            "reader_name": request.reader.name,
            "actions": request.actions,
            "days": request.days,
        },
    )


# --- Reading requests ----------------------------------------------------------------------------
def state(request: AccessRequest, at: datetime | None = None) -> str:
    """Return a request's state at a moment: its own word, or "lapsed" when nobody answered in time."""
    over = request.state == State.ASKED and request.lapses_at <= (at or clock.now())
    return LAPSED if over else str(request.state)


def open_requests(patient: Patient) -> QuerySet[AccessRequest]:
    """Return the requests that wait for a patient's answer, oldest first."""
    rows = AccessRequest.objects.filter(patient=patient).open(clock.now())
    return rows.select_related("reader__user", "patient__user", "key_version").order_by("asked_at")


def closed_requests(patient: Patient) -> QuerySet[AccessRequest]:
    """Return a patient's requests that wait no more, newest first."""
    rows = AccessRequest.objects.filter(patient=patient).filter(~Q(state=State.ASKED) | Q(lapses_at__lte=clock.now()))
    return rows.select_related("reader__user", "grant").order_by("-asked_at")


def of_patient(patient: Patient, request_id) -> AccessRequest | None:
    """Return one of the requests made to a patient, or None."""
    rows = AccessRequest.objects.filter(patient=patient, pk=request_id)
    return rows.select_related("reader__user", "patient__user", "key_version", "grant").first()


def sent(reader: User) -> QuerySet[AccessRequest]:
    """Return what a clinician asked for, newest first."""
    rows = AccessRequest.objects.filter(reader__user=reader)
    return rows.select_related("patient", "grant__ending", "reader").order_by("-asked_at")


def sent_one(reader: User, request_id) -> AccessRequest | None:
    """Return one of a clinician's own requests, or None."""
    return sent(reader).filter(pk=request_id).first()


def read_message(request: AccessRequest, keyring: OpenKeyring | None) -> Message:
    """Return a request's words, opened with the patient's own keys. Raises KeysLocked."""
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=request.patient.name), because="locked")
    info = _info(request)
    try:
        opened = keys.open_words(request.patient, bytes(request.message), keyring=keyring, info=info)
    except keys.CannotOpen:
        return Message(None, signed=False)
    signature, text = opened[:_SIGNATURE_BYTES], opened[_SIGNATURE_BYTES:]
    version = request.key_version
    signed = version.reader_id == request.reader_id and signing.verify(version.author_public, info + text, signature)
    return Message(text.decode(), signed=signed)
