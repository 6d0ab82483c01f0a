"""“I don’t recognise this”: a patient's words reach the privacy officers and nobody else, and so does the answer back.

Words are sealed to each privacy officer there is at that moment and to the writer's own keys, bound to the log's line
they are about. `audit.cases` keeps the seals and the clock; it can read none of them.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit import cases, log
from audit import queries as audit
from audit.models import Case
from consent import queries
from consent.access import KeysLocked, own_party
from consent.sentences import refusal
from consent.words import about_line, seal_to
from consent.words import read as opened
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.notices import operations as notices
from patients.models import Patient


class NobodyToAsk(Exception):
    """There is no privacy officer yet, so nobody could read the question. Nothing was sent."""


@dataclass(frozen=True)
class Said:
    """One message of a case; `words` is None where this reader holds no seal to it."""

    by: log.Party
    at: datetime
    words: str | None


def ask(patient: Patient, *, event_id: UUID, words: str, keyring: OpenKeyring | None) -> Case:
    """Open a case about one line of one's own log; it is due within ten days.

    Raises NobodyToAsk, KeysLocked, and `audit.cases.NotPossible` for a line that is not the patient's.
    """
    if keyring is None:
        raise KeysLocked(refusal("locked", name=patient.name), because="locked")
    to = queries.officers()
    if not to:
        raise NobodyToAsk(_("There is no privacy officer here yet. Call your clinic and ask for one."))
    with transaction.atomic():
        sealed = seal_to([*to, patient.user], words, info=about_line(patient.pk, event_id))
        case = cases.open_case(subject=patient.pk, event_id=event_id, words=sealed, by=own_party(patient))
        for officer in to:
            notices.notify(officer, "desk.case-opened", about=case.pk, key=f"case:{case.pk}:{officer.pk}")
    return case


def answer(case: Case, *, words: str, by: User) -> Case:
    """Answer a case, sealed to its patient and to the officers. Raises `audit.cases.NotPossible`."""
    patient = Patient.objects.select_related("user").get(pk=case.subject)
    _not_ones_own(patient, by)
    with transaction.atomic():
        to = [*queries.officers(), by, patient.user]
        sealed = seal_to(to, words, info=about_line(case.subject, case.event_id))
        case = cases.answer(case, sealed, _officer(by))
        if patient.user is not None:
            key = f"case-answered:{case.pk}:{case.answered_at}"
            notices.notify(patient.user, "case-answered", about=case.pk, key=key)
    return case


def close(case: Case, *, by: User) -> Case:
    """Close an answered case. Raises `audit.cases.NotPossible`."""
    _not_ones_own(Patient.objects.get(pk=case.subject), by)
    return cases.close(case, _officer(by))


def _not_ones_own(patient: Patient, by: User) -> None:
    """Raise NotPossible where the officer is the patient who asks: one does not answer oneself."""
    if patient.user_id == by.pk:
        raise cases.NotPossible(_("This is your own question. Another officer answers it."))


def _officer(by: User) -> log.Party:
    return log.Party("person", by.pk, by.name, "privacy officer", "")


def read(case: Case, *, keyring: OpenKeyring | None) -> list[Said]:
    """Return what was said in a case, opened with the reader's own keys, in the order written."""
    info = about_line(case.subject, case.event_id)
    return [Said(by, at, opened(seals, keyring, info=info)) for by, at, seals in cases.messages(case)]


def assign(case: Case, *, to: User, by: User) -> Case:
    """Give a case to an officer to look after. Raises `audit.cases.NotPossible`."""
    patient = Patient.objects.get(pk=case.subject)
    for one in (by, to):
        _not_ones_own(patient, one)
    if to not in queries.officers():
        raise cases.NotPossible(_("Only an officer looks after a question. Choose one of them."))
    return cases.assign(case, to=_officer(to), by=_officer(by))


def line(case: Case) -> audit.Line | None:
    """Return the log's line a case is about."""
    return audit.find(case.event_id)
