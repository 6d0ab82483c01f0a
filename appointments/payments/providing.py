"""What a payment provider does, whoever it is: five verbs, each of which may be said twice with the same key."""

from typing import Protocol

from appointments.models import Payment
from appointments.payments.position import Seen


class Refused(Exception):
    """The provider will not do this, now or later. The text is a machine word, never somebody's data."""


class PaymentProvider(Protocol):
    """Moves money. Every verb returns all that ever happened to the payment, so that no answer can be missed for long.

    The same key again does nothing again. Amounts are in the smallest unit of the invoice's currency. Raises Refused
    where asking again is no use; ehr.outbox.delivery.NotYet where the answer comes later; anything else is tried again.
    """

    def authorise(self, payment: Payment, *, key: str) -> Seen:
        """Reserve the payment's amount."""

    def capture(self, payment: Payment, amount: int, *, key: str) -> Seen:
        """Take an amount of what is reserved. What is left of the reservation ends."""

    def void(self, payment: Payment, *, key: str) -> Seen:
        """End the reservation and take nothing."""

    def refund(self, payment: Payment, amount: int, *, key: str) -> Seen:
        """Give back an amount of what was taken."""

    def look(self, payment: Payment) -> Seen:
        """Change nothing; tell what happened so far."""
