"""What workers do for appointments. Each may run twice, and finds its work in the database."""

from uuid import UUID

from celery import shared_task

from appointments import booking, reminders, rooms, waitlist
from appointments.calendars import busy
from appointments.insurance import delivering as payers
from appointments.payments import delivering, ledger
from ehr import clock


@shared_task
def move_money() -> int:
    """Tell payment providers what is to be done, and settle invoices whose moment has passed; return how many."""
    return ledger.settle_decided() + delivering.deliver()


@shared_task
def move_visits_on() -> int:
    """Hand on offers that lapsed, call off proposals nobody answered, end waiting that is over; return how many.

    Whoever wants the same minutes does so too: this is for those who wait, and to tidy.
    """
    moved = waitlist.move_all_on() + booking.lapse_proposals() + waitlist.end_what_is_over()
    booking.forget_what_is_over()
    rooms.forget_what_is_over()
    return moved


@shared_task
def remind() -> int:
    """Write the reminders whose moment has come, and send what waits; return how many left."""
    reminders.write_due()
    return reminders.deliver()


@shared_task
def ask_payers() -> int:
    """Ask payers what is to be asked, hand in claims, and keep what they answer; return how many answered."""
    payers.look_round()
    return payers.deliver()


@shared_task
def read_calendars() -> int:
    """Have every calendar read that was not tried for a while; return how many."""
    waiting = busy.due(clock.now())
    for calendar_id in waiting:
        read_calendar.delay(str(calendar_id))
    return len(waiting)


@shared_task
def read_calendar(calendar_id: str) -> str:
    """Read one calendar for its busy hours; return what was the trouble, or an empty word."""
    return busy.refresh(UUID(calendar_id))
