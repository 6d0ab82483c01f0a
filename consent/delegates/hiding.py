"""Safety mode: what a patient keeps from somebody who acts for them. They learn nothing of it."""

from collections.abc import Iterable

from django.db import transaction

from audit import log
from consent.access import own_party
from consent.access.safety import ADDRESS, APPOINTMENTS, LOG, hidden_from
from consent.models import Hidden
from ehr import clock
from ehr.accounts.models import Reader, User
from patients.models import Patient

WHAT = (ADDRESS, APPOINTMENTS, LOG)


def hide(patient: Patient, *, what: Iterable[str], delegate: User) -> frozenset[str]:
    """Keep exactly these from a delegate, from the next page on; none of them: nothing is kept. Returns what is kept.

    It needs no keys, and no line about it is told to anybody who acts for the patient.
    """
    chosen = [one for one in sorted(WHAT) if one in set(what)]
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if hidden_from(patient, delegate) == frozenset(chosen):
            return frozenset(chosen)
        rows = Hidden.objects.filter(patient=patient, reader__user=delegate, lifted_at__isnull=True)
        rows.update(lifted_at=clock.now())
        reader = Reader.objects.get(user=delegate)
        if chosen:
            Hidden.objects.create(patient=patient, reader=reader, what=chosen)
        log.append(
            "safety.changed",
            actor=own_party(patient),
            subject=patient.pk,
            outcome="done",
            details={"reader": str(reader.pk), "reader_name": delegate.name, "what": chosen},
        )
    return frozenset(chosen)
