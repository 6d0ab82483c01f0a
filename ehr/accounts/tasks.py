"""What is tidied up in the background. Running any of it twice changes nothing."""

from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session

from ehr import clock
from ehr.accounts import lost_keys, on_paper
from ehr.accounts.models import Attempt, Link

_ATTEMPTS_KEPT = timedelta(days=1)


@shared_task
def tidy() -> None:
    """Delete what is over: sessions, with the ciphertext in them, old tries, links, recoveries nobody finished,
    papers nobody used."""
    now = clock.now()
    Session.objects.filter(expire_date__lt=now).delete()
    Attempt.objects.filter(at__lt=now - _ATTEMPTS_KEPT).delete()
    Link.objects.filter(ends_at__lt=now - _ATTEMPTS_KEPT).delete()
    lost_keys.give_up()
    on_paper.tidy()
