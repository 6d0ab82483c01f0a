"""What is over is let go of: codes and tokens with the keyrings under them, launches, statements shown once."""

from datetime import timedelta

from celery import shared_task
from django.db.models import Q

from ehr import clock
from ehr.smart.models import Assertion, Authorization, Code, Deposit, Launch, Token

KNOWN_AGAIN = timedelta(days=30)


@shared_task
def forget_what_is_over() -> int:
    """Delete what opens and proves nothing any more; return how many rows. May run twice.

    A used code is known again while its authorization lives, a used refresh token for a month, for showing one twice
    ends all: one that is shown later still opens nothing.
    """
    at = clock.now()
    spent = Q(kind=Token.Kind.REFRESH, used_at__lte=at - KNOWN_AGAIN)
    over = Q(stopped_at__isnull=False) | Q(ends_at__lte=at) | Q(app__stopped_at__isnull=False)
    ended = Authorization.objects.filter(over)
    rows = (
        Token.objects.filter(Q(authorization__in=ended) | Q(kind=Token.Kind.ACCESS, expires_at__lte=at) | spent),
        Code.objects.filter(Q(authorization__in=ended) | Q(used_at=None, expires_at__lte=at)),
        Deposit.objects.filter(authorization__in=ended),
        Launch.objects.filter(expires_at__lte=at - timedelta(days=1)),
        Assertion.objects.filter(expires_at__lte=at),
        Authorization.objects.filter(kind=Authorization.Kind.SERVICE, ends_at__lte=at),
    )
    return sum(each.delete()[0] for each in rows)
