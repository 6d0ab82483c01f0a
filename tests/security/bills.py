"""What visits cost in the world of the doors: a bill of somebody's, paid over the desk, with its receipt."""

from datetime import timedelta
from uuid import uuid4

from appointments import payments
from appointments.models import Payment, Schedule
from appointments.payments import staff
from ehr import clock
from providers.roles import Role
from tests import people
from tests.appointments import clinics, money


def of(sharer: people.Person, reader: people.Person) -> dict[str, object]:
    """Return a bill, and which of its receipts there is."""
    schedule = Schedule.objects.filter(timetable__clinician__user=reader.user).first()
    schedule = schedule or clinics.schedule(reader.user.clinician, clinics.visit_type())
    visit = money.visit(patient=sharer, schedule=schedule, starts=clock.now() + timedelta(days=5))
    invoice = payments.open_invoice(visit)
    clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=schedule.institution).user
    staff.pay_at_desk(invoice, amount=invoice.amount, means="cash", by=clerk, once=uuid4())
    return {"invoice": invoice.pk, "number": 1}


def buttons(invoice) -> dict[str, dict[str, object]]:
    """Return what fills the addresses of a bill at the desk: one button for the whole of it, one for its payment."""
    paid = Payment.objects.get(invoice=invoice)
    return {
        "frontdesk:bill": {"invoice": invoice},
        "frontdesk:bill-typed": {"invoice": invoice, "press": "again"},
        "frontdesk:bill-pressed": {"invoice": invoice, "press": "mistaken", "row": paid.pk},
    }
