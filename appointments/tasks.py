"""What workers do for appointments. Each may run twice, and finds its work in the database."""

from celery import shared_task

from appointments.insurance import delivering as payers
from appointments.payments import delivering, ledger


@shared_task
def move_money() -> int:
    """Tell payment providers what is to be done, and settle invoices whose moment has passed; return how many."""
    return ledger.settle_decided() + delivering.deliver()


@shared_task
def ask_payers() -> int:
    """Ask payers what is to be asked, hand in claims, and keep what they answer; return how many answered."""
    payers.look_round()
    return payers.deliver()
