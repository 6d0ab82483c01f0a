"""What workers do for appointments. Each may run twice, and finds its work in the database."""

from celery import shared_task

from appointments.payments import delivering, ledger


@shared_task
def move_money() -> int:
    """Tell payment providers what is to be done, and settle invoices whose moment has passed; return how many."""
    return ledger.settle_decided() + delivering.deliver()
