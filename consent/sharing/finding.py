"""Whom a clinician may ask: patients who shared something before, who show a code, or whom the clinician knows exactly.

None of it opens anything. A search is by name, birth date and one identifier at once, and its answer to anything less
than all three is one and the same: it never tells which was wrong, nor that somebody is a patient here.
"""

from collections.abc import Iterable
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from audit import log
from consent import queries, sentences
from consent.access import own_party
from consent.models import Block, Found, ShownCode
from consent.sharing.requests import CannotAsk
from ehr import clock
from ehr.accounts import attempts, codes, stored
from ehr.accounts.models import Reader, User
from patients.models import Identifier, Patient
from patients.queries import folded, identifier_digest
from providers.queries import Standing, party, standing
from providers.roles import CLINICAL

CODE_LASTS = timedelta(minutes=10)
CODE_GROUPS = 2  # 8 letters, 40 bits: behind a throttle, for ten minutes
MET_FOR = timedelta(days=1)


def patient_to_ask(reader: User, patient_id) -> Patient | None:
    """Return a patient whom a clinician may ask: within reach, or met or found not long ago; else None."""
    at = clock.now()
    met = Q(shown_codes__used_by__user=reader, shown_codes__used_at__gt=at - MET_FOR)
    found = Q(found_by__reader__user=reader, found_by__ends_at__gt=at)
    near = Patient.objects.filter(met | found, pk=patient_id)
    return queries.patient_within_reach(reader, patient_id) or near.distinct().first()


def may_ask(reader: User, *, patient: Patient | None, parts: Iterable[str] = ()) -> Standing:
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


# --- A code shown in person ----------------------------------------------------------------------
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
    several of these. For whom the patient keeps out by name it does not work.
    """
    seen = may_ask(reader, patient=None)
    attempt = attempts.begin("shown-code", account=str(reader.pk), address=address)
    with transaction.atomic():
        at = clock.now()
        fitting = ShownCode.objects.filter(digest=_digest(code), used_at__isnull=True, ends_at__gt=at)
        fitting = fitting.exclude(patient__blocks__in=_blocks(reader))
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


def _blocks(reader: User):
    return Block.objects.filter(reader__user=reader, lifted_at__isnull=True)


# --- Known exactly -------------------------------------------------------------------------------
def find(*, name: str, birth_date: date, system: str, value: str, reader: User, address: str) -> Patient:
    """Return the one patient with this name, this birth date and this identifier, whom the reader may ask for a day.

    A success is on that patient's log, a miss on nobody's; both count towards the limit of tries. Raises CannotAsk
    for a reader not in good standing and, in the same words, for whatever did not match; `attempts.TooMany`.
    """
    return _find(may_ask(reader, patient=None), name, birth_date, identifier_digest(system, value), reader, address)


def find_at_desk(*, name: str, birth_date: date, system: str, value: str, reader: User, address: str) -> Patient:
    """Return the one patient with these three, whom a front desk may then book visits for, for a day.

    Limits, log and answers are those of `find`. Raises CannotAsk for whoever works at no desk in good standing.
    """
    seen = standing(reader)
    if not seen.desk_at:
        because = seen.because or "not-at-a-desk"
        log.record("access.refused", actor=party(reader, known=seen), subject=None, outcome="refused", because=because)
        raise CannotAsk(_("Only the front desk of a place of care finds patients here."))
    return _find(seen, name, birth_date, identifier_digest(system, value), reader, address)


def found_lately(reader: User, patient_id) -> Patient | None:
    """Return a patient whom somebody found by their documents within a day."""
    rows = Patient.objects.filter(found_by__reader__user=reader, found_by__ends_at__gt=clock.now(), pk=patient_id)
    return rows.select_related("user").distinct().first()


def _find(seen: Standing, name: str, birth_date: date, digest: bytes, reader: User, address: str) -> Patient:
    actor = party(reader, known=seen)
    try:
        attempt = attempts.begin("find-patient", account=str(reader.pk), address=address)
    except attempts.TooMany:
        log.record("patient.not-found", actor=actor, subject=None, outcome="refused", because="too-many")
        raise
    found = _matching(reader, folded(name), birth_date, digest)
    if found is None:
        log.record(
            "patient.not-found",
            actor=actor,
            subject=None,
            outcome="refused",
            because="no-match",
            details={"tries": attempts.lately(attempt)},
        )
        raise CannotAsk(
            _(
                "No one found with exactly these three. Look at each of them again, as the patient’s documents have "
                "them, or ask the patient to show you a code."
            )
        )
    with transaction.atomic():
        at = clock.now()
        Found.objects.create(patient=found, reader=Reader.objects.get(user=reader), at=at, ends_at=at + MET_FOR)
        log.append("patient.found", actor=actor, subject=found.pk, outcome="done")
    return found


def _matching(reader: User, name: str, birth_date: date, digest: bytes) -> Patient | None:
    """Return who matches, by one query whatever is wrong.

    One whose identifier two staff have seen comes before those who only say it is theirs; of several who only say so
    none is found. Nobody is found who could not answer, and nobody for whom they keep out.
    """
    kept_out = Exists(_blocks(reader).filter(patient=OuterRef("patient")))
    rows = Identifier.objects.filter(~kept_out, digest=digest, patient__user__isnull=False).select_related("patient")
    same = [row for row in rows if row.patient.birth_date == birth_date and folded(row.patient.name) == name]
    shown = [row for row in same if row.verified_at is not None]
    return (shown or same)[0].patient if name and (len(shown) == 1 or len(same) == 1) else None
