"""What a grant is to say, before anybody signs it: its terms, what narrows it, and the one sentence that states it."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from consent import sentences
from consent.access import open_own, own_recorded_between
from consent.models import Delegation, Grant, Mandate
from consent.sharing.teams import who
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from patients.queries import entries_in

LONGEST = timedelta(days=366 * 2)
# The day begins on Kiritimati: where people are, it may be that much later than in UTC.
_FARTHEST_EAST = timedelta(hours=14)


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


WHOLE = Narrow()
BY_PATIENT = Origin()


def propose(
    patient: Patient,
    *,
    reader: User | Reader,
    categories: Iterable[str],
    actions: Iterable[str],
    purpose: Purpose,
    starts: datetime,
    ends: datetime,
    narrow: Narrow = WHOLE,
    origin: Origin = BY_PATIENT,
) -> Grant:
    """Return the unsaved, unsigned grant, with the sentence that the patient is to confirm. Raises CannotGive.

    `reader` is a person, or a team as a reader.
    """
    chosen = [str(part) for part in Category if part in set(categories)]
    allowed = [str(action) for action in Action if action in set(actions)]
    now = clock.now()
    told = patient.user or origin.delegation.reader.user
    whom = who(reader, now, language=told.language)
    longest = None if origin.kind == Grant.Kind.LEGAL_COPY else LONGEST
    problem = (
        whom.problem
        or _problem(patient, whom, chosen, allowed, starts, ends, now, longest)
        or _problem_of_narrowing(narrow, now)
        or _problem_of_study(whom.reader, allowed, purpose, narrow, origin)
    )
    if problem:
        raise CannotGive(problem)
    sentence = sentences.grant_sentence(
        reader=whom.name,
        place=whom.place,
        categories=chosen,
        actions=allowed,
        purpose=purpose,
        starts=starts,
        ends=ends,
        now=now,
        zone=told.time_zone,
        language=told.language,
        entries=len(narrow.entries),
        record_from=narrow.record_from,
        record_until=narrow.record_until,
        places=narrow.places,
        report_days=origin.report_days,
        legal_copy=origin.kind == Grant.Kind.LEGAL_COPY,
        by=origin.delegation.reader.name if origin.delegation else "",
        app=whom.reader.kind == Reader.Kind.APP,
        study=whom.reader.kind == Reader.Kind.STUDY,
    )
    # Moments are kept to the second, so that what is signed and what a database returns are the same.
    return Grant(
        patient=patient,
        reader=whom.reader,
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
    if narrow.record_until and narrow.record_until > (now + _FARTHEST_EAST).date():
        return _("Choose a last day of the record that is not in the future, or leave it open.")
    if narrow.record_from and narrow.record_until and narrow.record_from > narrow.record_until:
        return _("Choose a first day of the record that is before the last one.")
    return ""


def _problem_of_study(reader: Reader, actions: list[str], purpose: str, narrow: Narrow, origin: Origin) -> str:
    """Keep to what a study may ever be given: whole parts, to read, for research, by the patient in person.

    Nobody else is given anything for research: no portal opens a record for that.
    """
    plain = actions == [Action.READ] and narrow == WHOLE and origin == BY_PATIENT
    if (reader.kind == Reader.Kind.STUDY) != (purpose == Purpose.HRESCH):
        return _("A study is joined under “Research”, and nothing else is shared for research.")
    if reader.kind == Reader.Kind.STUDY and not plain:
        return _("A study reads whole parts, and only you can join it. Choose parts under “Research”.")
    return ""


def _problem(patient, whom, chosen, allowed, starts, ends, now, longest) -> str:
    if patient.user_id == whom.user_id:
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


def chosen_entries(
    patient: Patient, categories: Iterable[str], narrow: Narrow, *, keyring: OpenKeyring
) -> frozenset[uuid.UUID]:
    """Return the row ids of the entries whose keys a bundle holds; none for a grant of whole parts.

    Entries are opened in the patient's own session, before the grant. Raises CannotGive where a chosen entry is in
    none of the parts or is not the one that its id names, or nothing is left to share.
    """
    if narrow.entries:
        found = entries_in(patient, narrow.entries)
        parts = {part for _row, held in found.values() for part in held}
        if len(found) < len(narrow.entries) or not parts <= set(map(str, categories)):
            raise CannotGive(_("One of the chosen entries is not in the parts you share. Choose again."))
        chosen = frozenset(row for row, _held in found.values())
        # Under which id an entry stands is a column; what it is, only its opening tells.
        chart = open_own(patient, keyring=keyring, categories=[Category(part) for part in sorted(parts)])
        if not chosen <= {entry.entry_id for entry in chart.entries if entry.raw is not None}:
            raise CannotGive(_("One of the chosen entries does not open, so nothing was shared. Choose again."))
        return chosen
    if narrow.record_until is None:
        return frozenset()
    found = own_recorded_between(patient, list(categories), narrow.record_from, narrow.record_until, keyring=keyring)
    if not found:
        raise CannotGive(_("Nothing in these parts was recorded in that time. Choose other dates or other parts."))
    return found
