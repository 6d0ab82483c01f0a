"""One visit and all that may happen to its money, in any order: what random tests are made of."""

from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from hypothesis import Phase

from appointments import payments
from appointments.models import Ground, Movement
from appointments.payments import ledger, staff
from appointments.refusals import NotPossible
from ehr import clock
from ehr.notices.models import Notice
from providers.roles import Role
from tests import people
from tests.appointments import money

Kind = Movement.Kind
# Shrinking a story takes minutes; its acts are printed as they were.
WITHOUT_SHRINKING = [Phase.explicit, Phase.generate]
JUMPS = [timedelta(minutes=1), timedelta(hours=5), timedelta(hours=25), timedelta(days=3), timedelta(days=7)]
# What may happen wherever the money is.
ACTS = ["desk", "cancel", "missed", "undo", "dispute", "answer", "seen", "mistake", "move", "concede", "give back"]
ACTS += ["jump", "jump", "mistaken", "take back"]


class Story:
    """One visit, from its booking on; each method is something that may happen, if it can."""

    def __init__(self, ground, traveller, price, policy, starts=money.STARTS):
        self.traveller = traveller
        self.patient, self.schedule, self.clerk = ground
        self.terms = {"price": price, "policy": policy, "patient": self.patient, "schedule": self.schedule}
        self.visit = money.visit(**self.terms, starts=starts)
        self.invoice = payments.open_invoice(self.visit)
        # What became of the visit and when, and what was asked for less: what is owed follows from nothing else.
        self.became, self.became_at, self.disputed, self.conceded = "ahead", None, False, 0
        self.least = price  # the least that was ever owed

    def happens(self, act, number):
        getattr(self, act.replace(" ", "_"))(number)
        self.looks()

    def looks(self):
        """Hold what is owed against the words at the booking."""
        self.invoice.refresh_from_db()
        here = ledger.check(self.invoice)
        self.least = min(self.least, here.due)
        assert here.due == max(0, self.owes() - self.conceded)

    def owes(self):
        """Return what is owed by what was shown at the booking: a second opinion, which asks no rule of the product."""
        policy = self.terms["policy"]
        if self.became == "cancelled":
            late = self.visit.starts - self.became_at < timedelta(hours=policy["free_cancel_hours"])
            return self.visit.price * policy["late_fee_percent"] // 100 if late else 0
        if self.became == "missed":
            return self.visit.price * policy["no_show_percent"] // 100
        return self.visit.price if self.became in {"ahead", "seen"} else 0

    def becomes(self, what):
        self.became, self.became_at, self.disputed = what, clock.now(), False

    def nothing_is_lost(self):
        """Hold what is held against what came in: nobody is ever given back what is owed."""
        here, sums = ledger.check(self.invoice), money.sums(self.invoice)
        came_in = sums.get(Kind.CAPTURED, 0) - sums.get(Kind.MISTAKEN, 0)
        assert here.held >= min(self.least, came_in)
        assert here.held == came_in - sums.get(Kind.REFUNDED, 0) - sums.get(Kind.PAID_BACK, 0)
        assert (here.excess, here.reserved, here.handed, here.free) == (0, 0, 0, 0)
        assert here.held + here.to_pay == here.due == max(0, self.owes() - self.conceded)
        assert here.earned + here.fees == here.held
        told = Notice.objects.filter(about=self.invoice.pk)
        rows = Movement.objects.filter(invoice=self.invoice)
        free = Q(payment__way="escrow", kind__in=[Kind.VOIDED, Kind.REFUNDED])
        back = rows.filter(kind__in=[Kind.REFUNDED, Kind.PAID_BACK, Kind.HANDED_OUT]).exclude(free)
        for word, news in (
            ("payment-taken", rows.filter(kind=Kind.CAPTURED)),
            ("payment-returned", back),
            ("payment-free", rows.filter(free)),
            ("payment-mistaken", rows.filter(kind=Kind.MISTAKEN)),
        ):
            assert told.filter(kind=word).count() == news.count()

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
            made = staff.concede(self.invoice, amount=1 + number, because="goodwill", by=self.clerk, once=uuid4())
            self.conceded += made.amount if made.agreed_at else 0

    def take_back(self, _number):
        """Take back the last asking for less."""
        if made := self.invoice.concessions.order_by("-asked_at").first():
            counts = made.agreed_at and not made.taken_back_at
            with suppress(NotPossible):
                staff.take_back(made, by=self.clerk)
                self.conceded -= made.amount if counts else 0

    def mistaken(self, _number):
        """Take back the last payment, as noted by mistake."""
        if made := self.invoice.payments.order_by("-number").first():
            with suppress(NotPossible):
                staff.mistaken(made, by=self.clerk)

    def cancel(self, _number):
        if not self.over:
            payments.on_cancelled(self.visit)
            self.becomes("cancelled")

    def missed(self, _number):
        if not self.over and clock.now() > self.visit.starts:
            payments.on_no_show(self.visit)
            self.becomes("missed")

    def undo(self, _number):
        if self.over:
            payments.on_undone(self.visit)
            self.becomes("ahead")

    def dispute(self, _number):
        payments.on_disputed(self.visit)
        self.disputed |= self.became == "missed"

    def answer(self, number):
        payments.on_dispute_answered(self.visit, stands=bool(number % 2))
        if self.disputed:
            self.becomes("missed" if number % 2 else "lifted")

    def seen(self, _number):
        if not self.over:
            payments.on_fulfilled(self.visit)
            self.becomes("seen")

    def mistake(self, _number):
        payments.on_mistake(self.visit)
        self.becomes("mistake")

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
            self.answer(1)
        self.invoice.refresh_from_db()
        if not self.over:
            self.seen(0)
        self.invoice.refresh_from_db()

    def hands_back(self):
        """Give back over the desk what came in there and is too much: a colleague, where one must not alone."""
        if back := staff.by_hand(self.invoice):
            try:
                with transaction.atomic():
                    staff.hand_back(self.invoice, amount=back, by=self.clerk, once=uuid4())
            except NotPossible as refusal:
                if refusal.because != "own":
                    raise
                colleague = people.clinician("Omar Haddad", role=Role.FRONT_DESK, place=self.schedule.institution)
                staff.hand_back(self.invoice, amount=back, by=colleague.user, once=uuid4())
        self.invoice.refresh_from_db()
