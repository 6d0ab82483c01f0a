"""What leaves for payers, and what is done where nobody answers. Each may run twice, and by any number of workers."""

import time

from appointments.insurance import asking, claims
from appointments.models import PayerParcel
from ehr.outbox import delivery

# Other people's servers may be slow: a run begins no further call after this.
RUN_SECONDS = 20.0
_SENDERS = {asking.KIND: asking.send, claims.KIND: claims.send}


def deliver() -> int:
    """Send what is due, one after the other, for some seconds; return how many were answered."""
    ends = time.monotonic() + RUN_SECONDS
    total, tried = 0, 0

    def send(parcel: PayerParcel) -> None:
        nonlocal tried
        tried += 1
        _SENDERS[parcel.kind](parcel)

    while time.monotonic() < ends:
        before = tried
        total += delivery.deliver(PayerParcel, send, limit=1)
        if tried == before:
            break
    return total


def look_round() -> int:
    """Ask about what was booked, claim what is done, close what nobody answered; return how many rows changed."""
    asked = asking.ask_for_what_is_booked()
    claimed = claims.claim_what_is_done()
    return asked + claimed + asking.close_what_nobody_answered() + claims.close_what_could_not_be_sent()
