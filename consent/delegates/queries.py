"""Reads about delegations: for the patient who named somebody, and for those who act for somebody."""

from django.db.models import Q, QuerySet

from consent import authority
from consent.access.acting import Acting, acting_for
from consent.acting import Right
from consent.models import Delegation, Grant
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient

# The rights for which a delegate is handed a permission of their own.
OWN = frozenset({str(Right.READ), str(Right.ADD)})
_FULL = ("patient__user", "reader__user", "signed_by__reader")


def named_by(patient: Patient) -> QuerySet[Delegation]:
    """Return whom a patient asked to act for them and who does, what is over left out, oldest first."""
    rows = Delegation.objects.filter(patient=patient, ended_at__isnull=True, ends__gt=clock.now())
    return rows.select_related(*_FULL).order_by("made_at")


def of_patient(patient: Patient, delegation_id) -> Delegation | None:
    """Return one of the delegations that a patient made and that is not over, or None."""
    return named_by(patient).filter(pk=delegation_id).first()


def offered_to(user: User) -> list[Delegation]:
    """Return who asks somebody to act for them, or for whom two verifiers confirmed it, oldest first."""
    return [one for one in _open(user).filter(accepted_at__isnull=True) if _asked_by_patient(one) or _confirmed(one)]


def waiting_for_signature(user: User) -> QuerySet[Delegation]:
    """Return what somebody agreed to and the patient has not signed yet."""
    return _open(user).filter(accepted_at__isnull=False, signed_by__isnull=True, vouchings__isnull=True)


def to_take_up(user: User) -> list[Delegation]:
    """Return what two verifiers confirmed and somebody agreed to, whose keys were not handed over yet."""
    rows = _open(user).filter(accepted_at__isnull=False, signed_by__isnull=True, patient__user__isnull=True)
    without = rows.exclude(acts__kind=Grant.Kind.DELEGATE)
    return [one for one in without if OWN & set(one.rights) and _confirmed(one)]


def _open(user: User) -> QuerySet[Delegation]:
    rows = Delegation.objects.filter(reader__user=user, ended_at__isnull=True, ends__gt=clock.now())
    return rows.select_related(*_FULL).order_by("made_at")


def _asked_by_patient(one: Delegation) -> bool:
    return one.patient.user_id is not None


def _confirmed(one: Delegation) -> bool:
    return not _asked_by_patient(one) and authority.genuine_delegation(one)


def acts_for(user: User) -> list[Acting]:
    """Return for whom somebody may act now, by name."""
    patients = {one.patient for one in _open(user).filter(accepted_at__isnull=False)}
    found = [one for patient in patients if (one := acting_for(patient, user))]
    return sorted(found, key=lambda one: (one.patient.name.casefold(), str(one.patient.pk)))


def acting(user: User, delegation_id) -> Acting | None:
    """Return as whom somebody acts under one delegation at this moment, everything checked anew; None otherwise."""
    row = Delegation.objects.filter(pk=delegation_id, reader__user=user).select_related("patient__user").first()
    found = acting_for(row.patient, user) if row else None
    return found if found and found.delegation.pk == row.pk else None


def has_any(user: User) -> bool:
    """Tell whether somebody is asked to act for anybody, or has agreed to."""
    return _open(user).filter(Q(patient__user__isnull=False) | Q(accepted_at__isnull=False)).exists() or bool(
        offered_to(user)
    )
