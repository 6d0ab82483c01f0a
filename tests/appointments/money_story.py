"""One visit and all that may happen to its money, in any order: what random tests are made of."""

from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from appointments import payments
from appointments.models import Ground
from appointments.payments import ledger, staff
from appointments.refusals import NotPossible
from ehr import clock
from tests.appointments import money

JUMPS = [timedelta(minutes=1), timedelta(hours=5), timedelta(hours=25), timedelta(days=3), timedelta(days=7)]
# What may happen wherever the money is.
ACTS = ["desk", "cancel", "missed", "undo", "dispute", "answer", "seen", "mistake", "move", "concede", "give back"]
ACTS += ["jump", "jump"]


class Story:
    """One visit, from its booking on; each method is something that may happen, if it can."""

    def __init__(self, ground, traveller, price, policy, starts=money.STARTS):
        self.traveller = traveller
        self.patient, self.schedule, self.clerk = ground
        self.terms = {"price": price, "policy": policy, "patient": self.patient, "schedule": self.schedule}
        self.visit = money.visit(**self.terms, starts=starts)
        self.invoice = payments.open_invoice(self.visit)

    def happens(self, act, number):
        getattr(self, act.replace(" ", "_"))(number)
        self.invoice.refresh_from_db()
        ledger.check(self.invoice)

    @property
    def over(self):
        return self.invoice.ground != Ground.AHEAD

    def desk(self, number):
        with suppress(NotPossible):
            staff.pay_at_desk(self.invoice, amount=1 + number, means="cash", by=self.clerk, once=uuid4())

    def give_back(self, number):
        with suppress(NotPossible):
            staff.hand_back(self.invoice, amount=1 + number, by=self.clerk, once=uuid4())

    def concede(self, number):
        with suppress(NotPossible):
            staff.concede(self.invoice, amount=1 + number, because="goodwill", by=self.clerk, once=uuid4())

    def cancel(self, _number):
        if not self.over:
            payments.on_cancelled(self.visit)

    def missed(self, _number):
        if not self.over and clock.now() > self.visit.starts:
            payments.on_no_show(self.visit)

    def undo(self, _number):
        if self.over:
            payments.on_undone(self.visit)

    def dispute(self, _number):
        payments.on_disputed(self.visit)

    def answer(self, number):
        payments.on_dispute_answered(self.visit, stands=bool(number % 2))

    def seen(self, _number):
        if not self.over:
            payments.on_fulfilled(self.visit)

    def mistake(self, _number):
        payments.on_mistake(self.visit)

    def move(self, number):
        if not self.over:
            price = [1, self.terms["price"], self.terms["price"] + 500][number % 3]
            later = money.visit(**self.terms | {"price": price}, starts=self.visit.starts + timedelta(days=number % 4))
            payments.on_moved(self.visit, later)
            self.visit = later

    def jump(self, number):
        self.traveller.shift(JUMPS[number % len(JUMPS)])

    def ends(self):
        """Decide what is open: the fee stands, and a visit that is ahead takes place."""
        if self.invoice.disputed_at:
            payments.on_dispute_answered(self.visit, stands=True)
        self.invoice.refresh_from_db()
        if not self.over:
            payments.on_fulfilled(self.visit)
        self.invoice.refresh_from_db()

    def hands_back(self):
        """Give back over the desk what came in there and is too much."""
        if back := staff.by_hand(self.invoice):
            staff.hand_back(self.invoice, amount=back, by=self.clerk, once=uuid4())
        self.invoice.refresh_from_db()
