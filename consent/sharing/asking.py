"""Asking to be let in: what for, to which parts or entries, of which time and for how long; and what one answers when
the patient asks why.
"""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent import queries, sentences
from consent.access import ELSEWHERE, AccessDenied, KeysLocked, Presence, open_chart
from consent.models import AccessRequest
from consent.sharing import correspondence
from consent.sharing.finding import may_ask
from consent.sharing.requests import CannotAnswer, CannotAsk, State, held, waiting
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import entries_in
from providers.queries import party

LAPSES_AFTER = timedelta(days=14)
MOST_DAYS = 365
MOST_WORDS = 2_000
MOST_ENTRIES = 20
# One answer is an answer: nobody is asked over and over.
MOST_BETWEEN_TWO = 3


def ask(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    categories: Iterable[str] = (),
    actions: Iterable[str] = (Action.READ,),
    purpose: Purpose = Purpose.TREAT,
    days: int,
    words: str,
    entries: Iterable[str] = (),
    record_from: date | None = None,
    record_until: date | None = None,
    presence: Presence = ELSEWHERE,
    once: uuid.UUID | None = None,
) -> AccessRequest:
    """Ask a patient for access; they are told, and have 14 days to answer. The same `once` sent twice asks once.

    Whole parts are asked for, or single `entries` by FHIR id: only those that open for the reader now, or that they
    were let in to by name before; their parts follow from them. Call it outside a transaction. Raises CannotAsk, and
    KeysLocked, for the words are signed by who wrote them.
    """
    single = sorted({str(one) for one in entries})
    chosen = [str(part) for part in Category if part in set(categories)]
    wanted = [str(action) for action in Action if action in set(actions)]
    seen = may_ask(reader, patient=patient, parts=chosen)
    if not accounts.is_theirs(keyring, reader.pk):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    mine = AccessRequest.objects.filter(patient=patient, reader__user=reader)
    if single and not (once and mine.filter(pk=once).exists()):
        chosen = _parts_of(patient, single, reader=reader, keyring=keyring, purpose=purpose, presence=presence)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if sent := mine.filter(pk=once).first():
            return sent
        at = clock.now()
        problem = (
            _problem_between(patient, reader, mine, at)
            or _problem_of_terms(chosen, wanted, days, words)
            or _problem_of_dates(single, record_from, record_until, at.astimezone(ZoneInfo(reader.time_zone)).date())
        )
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
            entries=single,
            record_from=record_from,
            record_until=record_until,
            asked_at=at,
            lapses_at=at + LAPSES_AFTER,
        )
        request.message = correspondence.seal_message(request, words.strip(), keyring=keyring)
        request.save(force_insert=True)
        note("access.asked", request, actor=party(reader, known=seen))
        if not queries.is_blocked(patient, reader):
            notices.notify(patient.user, "access-asked", about=request.pk, key=f"access-asked:{request.pk}")
    return request


def _parts_of(
    patient: Patient, entries: list[str], *, reader: User, keyring: OpenKeyring, purpose: Purpose, presence: Presence
) -> list[str]:
    """Return the parts that single entries are in. Raises CannotAsk where one is not the reader's to name.

    The words are the same for an entry that is hidden and for one that is not there.
    """
    problem = CannotAsk(
        _("You can ask for single entries that you can see, or were let in to before. Ask for a part instead.")
    )
    if len(entries) > MOST_ENTRIES:
        raise problem
    named = {one for grant in queries.between(patient, reader) for one in grant.entries}
    for entry in entries:
        if entry not in named and not _opens(patient, entry, reader, keyring, purpose, presence):
            raise problem
    found = entries_in(patient, entries)
    if len(found) < len(entries):
        raise problem
    parts = {part for _row, held_in in found.values() for part in held_in}
    return [str(part) for part in Category if part in parts]


def _opens(patient: Patient, entry: str, reader: User, keyring: OpenKeyring, purpose: Purpose, presence) -> bool:
    """Tell whether an entry opens for a reader now, by opening it: that is a line on the log like any opening."""
    try:
        logical_id = uuid.UUID(entry)
        seen = open_chart(
            patient, reader=reader, keyring=keyring, purpose=purpose, logical_id=logical_id, presence=presence
        )
    except (AccessDenied, ValueError):
        return False
    return bool(seen.entries)


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


def _problem_of_dates(entries: list[str], first: date | None, last: date | None, today: date) -> str:
    if entries and (first or last):
        return _("Ask either for single entries or for dates of the record, not both.")
    if last and last > today:
        return _("Choose a last day of the record that is not in the future, or leave it open.")
    if first and last and first > last:
        return _("Choose a first day of the record that is before the last one.")
    return ""


def withdraw(request: AccessRequest, *, by: User) -> AccessRequest:
    """Take back a request that waits. Raises CannotAnswer when it is somebody else's or was answered."""
    with transaction.atomic():
        request = waiting(request)
        if request.reader.user_id != by.pk:
            raise CannotAnswer(_("Only who asked takes a request back."))
        request.state, request.answered_at = State.WITHDRAWN, clock.now()
        request.save(update_fields=["state", "answered_at"])
        note("access.withdrawn", request, actor=party(by))
    return request


def explain(request: AccessRequest, *, by: User, keyring: OpenKeyring | None, words: str) -> AccessRequest:
    """Answer the patient who asked why, once; they are told. Sent twice it is one answer.

    Raises CannotAnswer, and KeysLocked, for the words are signed by who wrote them.
    """
    with transaction.atomic():
        if held(request).reply_at:
            return request
        request = waiting(request)
        if request.reader.user_id != by.pk or request.question is None:
            raise CannotAnswer(_("There is no question here for you to answer."))
        if not words.strip() or len(words) > MOST_WORDS:
            raise CannotAnswer(_("Write a sentence or two. The patient reads this, and nobody else."))
        if not accounts.is_theirs(keyring, by.pk):
            raise KeysLocked(sentences.refusal("locked", name=request.patient.name), because="locked")
        request.reply = correspondence.seal_reply(request, words.strip(), keyring=keyring)
        request.reply_at = clock.now()
        request.save(update_fields=["reply", "reply_at"])
        note("access.replied", request, actor=party(by))
        if not queries.is_blocked(request.patient, by):
            key = f"access-explained:{request.pk}"
            notices.notify(request.patient.user, "access-explained", about=request.pk, key=key)
    return request


def note(action: str, request: AccessRequest, *, actor: log.Party, grant: uuid.UUID | None = None) -> None:
    """Append a request's line to its patient's log: how many entries and which dates, never which entries."""
    narrowed = {
        "entries": len(request.entries),
        "record_from": request.record_from and request.record_from.isoformat(),
        "record_until": request.record_until and request.record_until.isoformat(),
    }
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
            **{name: value for name, value in narrowed.items() if value},
        },
    )
