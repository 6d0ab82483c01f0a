"""Money over the desk: a person takes it and a person gives it back. Needs no account anywhere."""

from appointments.models import Payment
from appointments.payments.position import Seen


class Desk:
    """What a person at the desk wrote down is what happened: nobody else is asked."""

    def authorise(self, payment: Payment, *, key: str) -> Seen:  # noqa: ARG002 - the interface's signature
        return self.look(payment)

    def capture(self, payment: Payment, amount: int, *, key: str) -> Seen:  # noqa: ARG002
        return Seen(authorised=amount, captured=amount)

    def void(self, payment: Payment, *, key: str) -> Seen:  # noqa: ARG002
        return self.look(payment)

    def refund(self, payment: Payment, amount: int, *, key: str) -> Seen:  # noqa: ARG002
        seen = self.look(payment)
        return Seen(authorised=seen.authorised, captured=seen.captured, refunded=seen.refunded + amount)

    def look(self, payment: Payment) -> Seen:
        sums = dict.fromkeys(("authorised", "captured", "refunded"), 0)
        for kind, amount in payment.movements.values_list("kind", "amount"):
            if kind in sums:
                sums[kind] += amount
        return Seen(**sums)
