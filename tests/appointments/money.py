"""Visits that cost something, and what tests do to their invoices."""

from datetime import UTC, datetime, timedelta

from appointments.models import Appointment, Movement
from appointments.payments import ledger
from tests import people
from tests.appointments import clinics

POLICY = {"free_cancel_hours": 24, "late_fee_percent": 50, "no_show_percent": 80}
STARTS = datetime(2027, 3, 10, 15, 0, tzinfo=UTC)


def visit(*, price: int = 10_000, policy: dict | None = None, starts: datetime = STARTS, patient=None, schedule=None):
    """Return a booked visit, and whose it is."""
    patient = patient or people.patient()
    kind = clinics.visit_type(price=price)
    schedule = schedule or clinics.schedule(people.clinician().user.clinician, kind)
    made = Appointment.objects.create(
        patient=patient.patient,
        timetable=schedule.timetable,
        schedule=schedule,
        place=schedule.place,
        visit_type=kind,
        starts=starts,
        ends=starts + timedelta(minutes=30),
        time_zone=schedule.time_zone,
        price=price,
        currency="USD",
        policy=policy or POLICY,
        booked_by=patient.user,
    )
    return made


def sums(invoice) -> dict[str, int]:
    """Return what each kind of movement adds up to."""
    totals: dict[str, int] = {}
    for kind, amount in Movement.objects.filter(invoice=invoice).values_list("kind", "amount"):
        totals[kind] = totals.get(kind, 0) + amount
    return totals


def fresh(invoice):
    """Return the invoice as it stands now, checked."""
    invoice.refresh_from_db()
    ledger.check(invoice)
    return invoice
