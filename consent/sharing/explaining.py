"""Before "can X see Y, and why?": finding the patient by exact words, and the readers somebody may ask about.

Whether somebody may ask is decided here and, once more, where the question is answered (`consent.access.explain`).
"""

from datetime import date

from django.utils.translation import gettext as _

from audit import log
from consent import reach
from consent.access import MayNotAsk
from consent.sharing.blocks import Person, person
from ehr.accounts import attempts
from ehr.accounts.models import User
from patients.models import Patient
from patients.queries import named
from providers import queries as providers


class NotFound(Exception):
    """Nobody was found, or more than one; the message says what to do next."""


def find(*, name: str, birth_date: date, by: User, address: str) -> Patient:
    """Return the one patient with exactly this name and birth date; that somebody named them is on their list.

    Raises MayNotAsk, NotFound, its line committed, and `attempts.TooMany`.
    """
    _check(by)
    attempts.begin("explain-access", account=str(by.pk), address=address)
    found = named(name, birth_date)
    if len(found) != 1:
        because = "several" if found else "no-match"
        log.record("patient.not-found", actor=providers.party(by), subject=None, outcome="refused", because=because)
        raise NotFound(
            _("No single patient has exactly this name and birth date. Look at the spelling in a letter of theirs.")
        )
    reach.name(found, to=by, because="explain")
    return found[0]


def readers(words: str, *, by: User) -> list[Person]:
    """Return the clinicians somebody may ask about, by a part of their name: for who administers places, their own
    people; for privacy officers everybody. Raises MayNotAsk.
    """
    _check(by)
    places = None if by.has_perm("audit.change_case") else providers.administered_by(by)
    return [person(user) for user in providers.registered(words, at=places)]


def _check(by: User) -> None:
    if not (by.is_active and by.has_perm("consent.explain_access")):
        raise MayNotAsk(_("Your role does not include asking who can see what. Ask the privacy officer."))
