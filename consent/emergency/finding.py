"""Finding somebody who cannot say who they are: by name and birth date as a card or a relative tells them.

An identifier is not asked for, so this is for whoever may break the glass and for nobody else. Every find is on the
log of each person it found, and how many there may be in an hour is limited, the good ones among them.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.utils.translation import gettext as _

from audit import log
from consent import queries
from consent.models import Emergency
from consent.sentences import refusal
from ehr import clock
from ehr.accounts import attempts
from ehr.accounts.models import User
from ehr.words import Purpose
from patients.models import Patient
from patients.queries import folded, identifier_digest
from providers.queries import Standing, party, standing

# How long somebody may come back to the form after a find, and how long after an emergency of theirs.
FOUND_FOR = timedelta(minutes=30)
KNOWN_FOR = timedelta(hours=24)


class NotFound(Exception):
    """Nobody was found, or more than one; the message says what to do next."""


def find(*, name: str, birth_date: date, sex: str = "", number: str = "", reader: User, address: str) -> Patient:
    """Return the one person with this name and birth date; sex and a number from any card narrow where several match.

    Raises NotFound, its line committed, and `attempts.TooMany`.
    """
    seen = standing(reader)
    _may(reader, seen)
    attempts.begin("emergency-find", account=str(reader.pk), address=address)
    found = _matching(name, birth_date, sex, number)
    _log(reader, seen, found)
    if not found:
        raise NotFound(
            _("Nobody here has exactly this name and birth date. Look at the spelling on a card, or ask a relative.")
        )
    if len(found) > 1:
        raise NotFound(_("Several people match. Add their sex, or a number from any card of theirs."))
    return found[0]


def _may(reader: User, seen: Standing) -> None:
    facts = queries.reader_facts(seen)
    because = seen.because if not seen.ok else "" if facts.may_break_glass else "role-without-emergency"
    if because:
        log.record(
            "emergency.not-found",
            actor=party(reader, known=seen),
            subject=None,
            outcome="refused",
            purpose=Purpose.BTG,
            because=because,
        )
        raise NotFound(refusal(because, name="", standing_message=seen.message))


def _log(reader: User, seen: Standing, found: list[Patient]) -> None:
    """Commit the line about each person found, and one about nobody where there is none."""
    actor = party(reader, known=seen)
    if not found:
        log.record(
            "emergency.not-found",
            actor=actor,
            subject=None,
            outcome="refused",
            purpose=Purpose.BTG,
            because="no-match",
        )
        return
    log.record_page(
        "emergency.found",
        actor=actor,
        subjects=[one.pk for one in found],
        outcome="allowed" if len(found) == 1 else "refused",
        purpose=Purpose.BTG,
        because="found" if len(found) == 1 else "several",
    )


def _matching(name: str, birth_date: date, sex: str, number: str) -> list[Patient]:
    """Return who matches all that was said. People without an account yet are found, too."""
    wanted = folded(name)
    rows = Patient.objects.filter(birth_date=birth_date).select_related("user").prefetch_related("identifiers")
    if sex:
        rows = rows.filter(sex__in=[sex, Patient.Sex.UNKNOWN])
    found = [one for one in rows if wanted and folded(one.name) == wanted]
    return [one for one in found if not number or _has_number(one, number)]


def _has_number(patient: Patient, number: str) -> bool:
    """Tell whether any identifier of theirs is this number, whoever gave it out."""
    return any(identifier_digest(one.system, number) == bytes(one.digest) for one in patient.identifiers.all())


def patient_to_open(reader: User, patient_id: UUID, *, found: Iterable[UUID] = ()) -> Patient | None:
    """Return a patient whose record somebody may ask to open in an emergency, or None.

    Those are whom they found just now in this session (`found`), whoever shared something with them before, and whose
    record they opened in an emergency within a day.
    """
    lately = Emergency.objects.filter(
        patient=patient_id, reader__user=reader, opened_at__gt=clock.now() - KNOWN_FOR
    ).exists()
    if lately or patient_id in set(found):
        return Patient.objects.filter(pk=patient_id).select_related("user").first()
    return queries.patient_within_reach(reader, patient_id)
