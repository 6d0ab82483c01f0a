"""How often something may be tried. Rows in the database, so that every process counts the same."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils.translation import ngettext

from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import Attempt


class Limit(NamedTuple):
    """Failures in so many minutes before a stop: at one account from one address, at one account, from one address.

    The first is small and stops guessing. The second is larger, so that a stranger who fails on purpose does not
    easily shut a person out of their own account at home.
    """

    here: int
    account: int
    address: int
    minutes: int


LIMITS = {
    "sign-in": Limit(here=5, account=30, address=60, minutes=15),
    "second-factor": Limit(here=5, account=10, address=60, minutes=15),
    "recovery": Limit(here=5, account=10, address=30, minutes=60),
    # The two halves of a code on paper; a ward, or a home for the aged, shares its address.
    "paper": Limit(here=5, account=10, address=30, minutes=60),
    # Letters never "turn out well", so every one counts. Anybody may ask for one by an address, signed in or not.
    "letter": Limit(here=5, account=20, address=20, minutes=60),
    # What brings letters and only somebody signed in may do. No stranger can use it up.
    "own-letter": Limit(here=5, account=5, address=20, minutes=60),
    # Texts with a code cost money and ring at somebody, so every one counts; and the six digits typed from one.
    "text-code": Limit(here=5, account=5, address=20, minutes=60),
    "text-proof": Limit(here=5, account=5, address=30, minutes=15),
    # A clinician types the code a patient shows them.
    "shown-code": Limit(here=5, account=10, address=60, minutes=15),
    # Somebody looks for a person in an emergency. Every find counts, the good ones too; a ward shares its address.
    "emergency-find": Limit(here=30, account=30, address=600, minutes=60),
    # A clinician looks for somebody by what is in their documents. Those found count, too, or one patient who is
    # known would buy ten guesses at another.
    "find-patient": Limit(here=10, account=10, address=60, minutes=60),
    # An administrator names a patient to ask who would be let in. Every question counts.
    "explain-access": Limit(here=30, account=30, address=120, minutes=60),
    # Apps show codes, tokens and signatures that do not fit; "account" is the app, which may have many users.
    "app-token": Limit(here=30, account=600, address=120, minutes=15),
    # Requests to be let in that lead nowhere: a wrong address to return to, an app nobody knows.
    "app-authorize": Limit(here=30, account=600, address=120, minutes=15),
}


class TooMany(Exception):
    """Too many tries. `message` tells a person when to come back."""

    def __init__(self, until: datetime) -> None:
        minutes = max(1, -int((clock.now() - until).total_seconds() // 60))
        self.until = until
        self.message = ngettext(
            "There were too many tries. Wait %(minutes)d minute, then try again.",
            "There were too many tries. Wait %(minutes)d minutes, then try again.",
            minutes,
        ) % {"minutes": minutes}
        super().__init__(self.message)


def begin(kind: str, *, account: str, address: str) -> Attempt:
    """Count one try, before it is made, and return it. Raises TooMany, and then the try is not counted.

    Tries under way at the same moment count as failed, so that many at once gain nothing.
    """
    now, limit = clock.now(), LIMITS[kind]
    attempt = Attempt.objects.create(
        kind=kind, account=stored.index("attempt", account), address=stored.index("attempt", address), at=now
    )
    window = timedelta(minutes=limit.minutes)
    others = Attempt.objects.filter(kind=kind, failed=True, at__gt=now - window).exclude(pk=attempt.pk)
    for allowed, counted in (
        (limit.here, others.filter(account=attempt.account, address=attempt.address)),
        (limit.account, others.filter(account=attempt.account)),
        (limit.address, others.filter(address=attempt.address)),
    ):
        times = list(counted.order_by("-at").values_list("at", flat=True)[:allowed])
        if len(times) >= allowed:
            attempt.delete()
            raise TooMany(times[-1] + window)
    return attempt


def turned_out_well(attempt: Attempt) -> None:
    """Forget the failures of this account from this address; those from elsewhere stand."""
    Attempt.objects.filter(kind=attempt.kind, account=attempt.account, address=attempt.address).update(failed=False)


def was_the_last(attempt: Attempt) -> bool:
    """Tell whether a failed try was the one after which the next is stopped."""
    limit = LIMITS[attempt.kind]
    since = attempt.at - timedelta(minutes=limit.minutes)
    failed = Attempt.objects.filter(kind=attempt.kind, account=attempt.account, failed=True, at__gt=since)
    return failed.filter(address=attempt.address).count() >= limit.here or failed.count() >= limit.account


def lately(attempt: Attempt) -> int:
    """Return how many failed tries this account has made within the time that counts, this one included."""
    since = attempt.at - timedelta(minutes=LIMITS[attempt.kind].minutes)
    return Attempt.objects.filter(kind=attempt.kind, account=attempt.account, failed=True, at__gt=since).count()
