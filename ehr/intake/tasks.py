"""What a worker does for the intake, as often as it likes."""

from celery import shared_task

from ehr.intake import moving, repair


@shared_task
def tidy() -> int:
    """Destroy broken messages, and what was handed back, that waited for longer than they are kept; return how many."""
    return repair.expire() + moving.forget()
