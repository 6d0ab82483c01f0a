"""Pharmacy: which prescriptions were shared with a pharmacist, and what they recorded as handed out for each."""

from datetime import datetime, timedelta

from consent import dispensing
from consent.models import Grant
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Action, Purpose
from patients.models import Entry, Patient
from providers.queries import standing
from providers.roles import Role

LONGEST = timedelta(days=30)
MOST = 50  # dispensings under one permission


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


def recorded(grant: Grant) -> list[datetime]:
    """Return when something was recorded as handed out under a permission, the first one first."""
    ids = [dispensing.id_of(grant.pk, number) for number in range(1, MOST + 1)]
    rows = Entry.objects.filter(patient=grant.patient_id, logical_id__in=ids, version=1)
    return list(rows.order_by("written_at").values_list("written_at", flat=True))
