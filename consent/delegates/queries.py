"""Reads about delegations: for the patient who named somebody, and for those who act for somebody."""

from django.db.models import QuerySet

from consent.access.acting import Acting, acting_for
from consent.models import Delegation
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient

_FULL = ("patient__user", "reader__user", "signed_by__reader")


def named_by(patient: Patient) -> QuerySet[Delegation]:
    """Return whom a patient asked to act for them and who does, what is over left out, oldest first."""
    rows = Delegation.objects.filter(patient=patient, ended_at__isnull=True, ends__gt=clock.now())
    return rows.select_related(*_FULL).order_by("made_at")


def of_patient(patient: Patient, delegation_id) -> Delegation | None:
    """Return one of the delegations that a patient made and that is not over, or None."""
    return named_by(patient).filter(pk=delegation_id).first()


def offered_to(user: User) -> QuerySet[Delegation]:
    """Return who asks somebody to act for them and waits for an answer, oldest first."""
    rows = Delegation.objects.filter(
        reader__user=user, accepted_at__isnull=True, ended_at__isnull=True, ends__gt=clock.now()
    )
    return rows.select_related(*_FULL).order_by("made_at")


def waiting_for_signature(user: User) -> QuerySet[Delegation]:
    """Return what somebody agreed to and the patient has not signed yet."""
    rows = Delegation.objects.filter(
        reader__user=user,
        accepted_at__isnull=False,
        ended_at__isnull=True,
        signed_by__isnull=True,
        vouchings__isnull=True,
        ends__gt=clock.now(),
    )
    return rows.select_related(*_FULL).order_by("made_at")


def acts_for(user: User) -> list[Acting]:
    """Return for whom somebody may act now, by name."""
    rows = Delegation.objects.filter(
        reader__user=user, accepted_at__isnull=False, ended_at__isnull=True, ends__gt=clock.now()
    )
    patients = {one.patient for one in rows.select_related("patient__user")}
    found = [one for patient in patients if (one := acting_for(patient, user))]
    return sorted(found, key=lambda one: (one.patient.name.casefold(), str(one.patient.pk)))


def acting(user: User, delegation_id) -> Acting | None:
    """Return as whom somebody acts under one delegation at this moment, everything checked anew; None otherwise."""
    row = Delegation.objects.filter(pk=delegation_id, reader__user=user).select_related("patient__user").first()
    found = acting_for(row.patient, user) if row else None
    return found if found and found.delegation.pk == row.pk else None


def has_any(user: User) -> bool:
    """Tell whether somebody is asked to act for anybody, or has agreed to."""
    rows = Delegation.objects.filter(reader__user=user, ended_at__isnull=True, ends__gt=clock.now())
    return rows.exists()
