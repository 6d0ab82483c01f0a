"""Pharmacy: which prescriptions were shared with a pharmacist, and what they recorded as handed out for each."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

from consent import dispensing, queries
from consent.models import Grant
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Action, Purpose
from patients.models import Entry, Patient
from patients.queries import written_by
from providers.queries import standing
from providers.roles import Role

LONGEST = timedelta(days=30)


@dataclass(frozen=True)
class Handed:
    """Something recorded as handed out: its FHIR id, when, its newest version, and when that was written."""

    logical_id: UUID
    at: datetime
    version: int
    changed_at: datetime

    @property
    def corrected(self) -> bool:
        return self.version > 1


def prescriptions(pharmacist: User) -> list[Grant]:
    """Return the permissions for one chosen entry that a pharmacist holds now, soonest to end first."""
    if Role.PHARMACIST not in standing(pharmacist).roles:
        return []
    rows = Grant.objects.filter(reader__user=pharmacist, kind=Grant.Kind.GIVEN, purpose=str(Purpose.TREAT))
    rows = rows.active(clock.now()).select_related("patient").order_by("ends", "pk")
    return [grant for grant in rows if len(grant.entries) == 1 and Action.WRITE in grant.actions]


def permission(patient: Patient, pharmacist: User, logical_id) -> Grant | None:
    """Return under which permission a pharmacist fills one prescription now: of several the one that lasts longest."""
    mine = [one for one in prescriptions(pharmacist) if one.patient_id == patient.pk]
    return next((one for one in reversed(mine) if str(logical_id) in one.entries), None)


def recorded(grant: Grant) -> list[Handed]:
    """Return what was recorded as handed out under a permission, the first one first. Nothing is opened."""
    return _handed(grant.patient_id, dispensing.ids(grant.pk))


def correctable(grant: Grant) -> list[Handed]:
    """Return what a pharmacist recorded for the prescription of a permission and may put right under it.

    Under an earlier permission for the same prescription, too; not what somebody else wrote on top of since.
    """
    given = queries.given_for(grant.patient, grant.reader.user, grant.entries[0])
    found = _handed(grant.patient_id, [one for each in given for one in dispensing.ids(each.pk)])
    mine = written_by(grant.patient, grant.reader.user)
    return [one for one in found if one.logical_id in mine]


def _handed(patient_id: UUID, ids: list[UUID]) -> list[Handed]:
    rows = Entry.objects.filter(patient=patient_id, logical_id__in=ids).order_by("version")
    found: dict[UUID, Handed] = {}
    for one, version, at in rows.values_list("logical_id", "version", "written_at"):
        found[one] = Handed(one, found[one].at if one in found else at, version, at)
    return sorted(found.values(), key=attrgetter("at"))
