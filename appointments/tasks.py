"""What workers do for appointments. Each may run twice, and finds its work in the database."""

from celery import shared_task

from appointments import booking, waitlist
from appointments.insurance import delivering as payers
from appointments.payments import delivering, ledger


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
    return moved


@shared_task
def ask_payers() -> int:
    """Ask payers what is to be asked, hand in claims, and keep what they answer; return how many answered."""
    payers.look_round()
    return payers.deliver()
