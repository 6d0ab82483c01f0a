"""What a worker does for the intake, as often as it likes."""

from celery import shared_task

from ehr.intake import repair


@shared_task
def tidy() -> int:
    """Destroy broken messages that have waited for longer than they are kept; return how many."""
    return repair.expire()
