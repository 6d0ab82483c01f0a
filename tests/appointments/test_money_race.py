"""Money at the same moment, each on their own connection: whatever comes at once has one effect, and sums agree."""

import uuid
from collections import Counter
from functools import partial

import pytest
from django.db import transaction

from appointments import payments
from appointments.models import Concession, Invoice, Movement, Payment, PaymentParcel, ProviderEvent
from appointments.payments import delivering, hearing, ledger, paying, staff, stuck
from appointments.refusals import NotPossible
from ehr.notices.models import Notice
from patients.models import Patient
from providers.roles import Role
from tests import people
from tests.appointments import stripe_server
from tests.appointments.at_once import Copy
from tests.appointments.card_money import (  # noqa: F401 - fixtures
    BACK,
    begin,
    deliver,
    invoice,
    reserve,
    server,
    stripe,
    visit,
)

pytestmark = pytest.mark.django_db(transaction=True)
Kind = Movement.Kind
MANY = 10


@pytest.fixture
def clerks(visit):  # noqa: F811
    place = visit.schedule.institution
    return [people.clinician(name, role=Role.FRONT_DESK, place=place).user for name in ("Rosa Diaz", "Omar Said")]


class Race:
    """An invoice on a database that many reach at once."""

    def __init__(self, invoice, stripe, folder):  # noqa: F811
        self.invoice, self.stripe, self.copy = invoice, stripe, Copy(folder)

    def run(self, *acts):
        return self.copy.at_once(acts)

    def rest(self):
        """Have all that is left done, and return the sums as the ledger, the invoice and Stripe have them."""

        def look():
            deliver(12)
            invoice = Invoice.objects.get(pk=self.invoice.pk)  # noqa: F811
            here = ledger.check(invoice)
            cards = Movement.objects.filter(invoice=invoice, payment__way="stripe")
            by_card = Counter()
            for kind, amount in cards.values_list("kind", "amount"):
                by_card[kind] += amount
            assert (by_card[Kind.CAPTURED], by_card[Kind.REFUNDED]) == self.stripe.charged
            assert self.stripe.reserved == here.reserved
            counted = Movement.objects.filter(invoice=invoice).values_list("kind", flat=True)
            return here, Counter(counted), invoice

        return self.copy.look(look)


@pytest.fixture
def race(invoice, stripe, tmp_path):  # noqa: F811
    """Call it once everything is there that the race begins with."""
    return partial(Race, invoice, stripe, tmp_path)


def posted(stripe, body):  # noqa: F811
    return partial(hearing.hear, body, stripe.signed(body))


def pay(invoice, clerk, amount=10_000, once=None):  # noqa: F811
    return partial(staff.pay_at_desk, invoice, amount=amount, means="cash", by=clerk, once=once or uuid.uuid4())


def becomes(hook, visit):  # noqa: F811
    """Tell money what became of a visit, as booking does: in a transaction that holds the patient."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=visit.patient_id)
        hook(visit)


def refused(came):
    return [one for one in came if isinstance(one, NotPossible)]


def none_failed(came):
    """See that nobody was answered but by a value or a sentence."""
    assert [one for one in came if isinstance(one, Exception) and not isinstance(one, NotPossible)] == []


def test_one_webhook_ten_times_at_once_is_one(invoice, stripe, race):  # noqa: F811
    begin(invoice)
    stripe.pay(Payment.objects.get(invoice=invoice).reference)
    on = race()
    came = on.run(*[posted(stripe, stripe.events[0])] * MANY)
    assert Counter(came) == {True: 1, False: MANY - 1}
    here, kinds, _invoice = on.rest()
    assert on.copy.look(lambda: (ProviderEvent.objects.count(), PaymentParcel.objects.count())) == (1, 2)
    assert (here.reserved, kinds) == (10_000, {Kind.AUTHORISED: 1})


def test_two_webhooks_and_all_workers_at_once_reserve_once(invoice, stripe, race):  # noqa: F811
    begin(invoice)
    stripe.pay(Payment.objects.get(invoice=invoice).reference)
    on = race()
    posts = [posted(stripe, body) for body in stripe.events]
    none_failed(on.run(*posts, *posts, *[delivering.deliver] * 6))
    here, kinds, _invoice = on.rest()
    assert (here.reserved, kinds) == (10_000, {Kind.AUTHORISED: 1})


def test_ten_workers_take_one_payment_once(visit, invoice, stripe, race):  # noqa: F811
    reserve(invoice, stripe)
    becomes(payments.on_fulfilled, visit)
    on = race()
    none_failed(on.run(*[delivering.deliver] * MANY))
    here, kinds, _invoice = on.rest()
    assert (here.held, stripe.charged) == (10_000, (10_000, 0))
    assert kinds[Kind.CAPTURED] == 1
    assert on.copy.look(lambda: Notice.objects.filter(kind="payment-taken").count()) == 1


def test_a_webhook_and_cash_at_once_keep_the_price_once(visit, invoice, stripe, race, clerks):  # noqa: F811
    begin(invoice)
    stripe.pay(Payment.objects.get(invoice=invoice).reference)
    on = race()
    posts = [posted(stripe, body) for body in stripe.events]
    came = on.run(*posts, *[delivering.deliver] * 3, *[pay(invoice, one) for one in clerks])
    none_failed(came)
    assert len(refused(came)) >= 1
    on.copy.look(partial(becomes, payments.on_fulfilled, visit))
    here, _kinds, settled = on.rest()
    assert (here.held, here.reserved, here.excess, settled.state) == (10_000, 0, 0, "paid")


def test_two_desks_that_take_the_same_cash_take_it_once(invoice, stripe, race, clerks):  # noqa: F811
    on = race()
    came = on.run(*[pay(invoice, clerks[place % 2]) for place in range(MANY)])
    assert Counter(type(one) for one in came) == {Payment: 1, NotPossible: MANY - 1}
    here, kinds, _invoice = on.rest()
    assert (here.held, kinds[Kind.CAPTURED]) == (10_000, 1)


def test_one_press_sent_ten_times_is_one_payment(invoice, stripe, race, clerks):  # noqa: F811
    on, once = race(), uuid.uuid4()
    came = on.run(*[pay(invoice, clerks[0], 4_000, once)] * MANY)
    assert set(came) == {came[0]}
    assert isinstance(came[0], Payment)
    assert on.rest()[0].held == 4_000


def test_pieces_at_once_never_come_to_more_than_the_bill(invoice, stripe, race, clerks):  # noqa: F811
    on = race()
    came = on.run(*[pay(invoice, clerks[place % 2], 3_000) for place in range(MANY)])
    assert Counter(type(one) for one in came) == {Payment: 3, NotPossible: 7}
    assert on.rest()[0].to_pay == 1_000


@pytest.mark.parametrize("hook", ["on_cancelled", "on_mistake"])
def test_called_off_while_its_price_is_taken_nothing_is_kept(visit, invoice, stripe, race, hook):  # noqa: F811
    reserve(invoice, stripe)
    becomes(payments.on_fulfilled, visit)
    on = race()
    none_failed(
        on.run(*[delivering.deliver] * 3, partial(becomes, getattr(payments, hook), visit), *[delivering.deliver] * 3)
    )
    here, _kinds, settled = on.rest()
    assert (here.due, here.held, here.reserved, here.excess, settled.stuck_at) == (0, 0, 0, 0, None)


def test_ten_workers_give_back_once(visit, invoice, stripe, race):  # noqa: F811
    reserve(invoice, stripe)
    becomes(payments.on_fulfilled, visit)
    deliver()
    becomes(payments.on_mistake, visit)
    on = race()
    none_failed(on.run(*[delivering.deliver] * MANY))
    here, kinds, _invoice = on.rest()
    assert (here.held, stripe.charged, kinds[Kind.REFUNDED]) == (0, (10_000, 10_000), 1)


def test_two_desks_that_hand_back_the_same_money_hand_it_back_once(visit, invoice, stripe, race, clerks):  # noqa: F811
    pay(invoice, clerks[0])()
    becomes(payments.on_cancelled, visit)
    on = race()
    back = [partial(staff.hand_back, invoice, amount=10_000, by=one, once=uuid.uuid4()) for one in clerks * 3]
    came = on.run(*back)
    none_failed(came)
    assert len(refused(came)) == 5
    here, kinds, _invoice = on.rest()
    assert (here.held, kinds[Kind.REFUNDED]) == (0, 1)


def test_ten_presses_on_pay_by_card_open_one_page(visit, invoice, stripe, race):  # noqa: F811
    on = race()
    came = on.run(*[partial(paying.begin, invoice, by=visit.patient.user, back_to=BACK)] * MANY)
    none_failed(came)
    assert len({one for one in came if isinstance(one, str)}) == 1
    assert len(stripe.sessions) == 1
    assert on.copy.look(lambda: Payment.objects.exclude(reference="").count()) == 1


def test_less_is_asked_once_whoever_agrees_and_declines_at_once(stripe, race, clerks, visit, invoice):  # noqa: F811
    made = staff.concede(invoice, amount=9_000, because="goodwill", by=clerks[0], once=uuid.uuid4())
    assert made.agreed_at
    on = race()
    none_failed(on.run(*[partial(staff.take_back, made, by=one) for one in clerks * 3]))
    here, kinds, _invoice = on.rest()
    assert (here.due, kinds[Kind.ASKED_AGAIN]) == (10_000, 1)


@pytest.mark.security
def test_a_large_concession_is_agreed_to_or_declined_never_both(stripe, race, clerks, invoice, settings):  # noqa: F811
    settings.PAYMENTS = type(settings.PAYMENTS)(**{**vars(settings.PAYMENTS), "alone": 1_000})
    made = staff.concede(invoice, amount=9_000, because="goodwill", by=clerks[0], once=uuid.uuid4())
    on = race()
    came = on.run(*[partial(staff.agree, made, by=clerks[1]), partial(staff.decline, made, by=clerks[0])] * 3)
    none_failed(came)
    assert len(refused(came)) == 5
    agreed = on.copy.look(lambda: Concession.objects.get().agreed_at is not None)
    assert on.rest()[0].due == (1_000 if agreed else 10_000)


def test_let_go_tried_again_and_delivered_at_once_gives_back_once(visit, invoice, stripe, race, clerks):  # noqa: F811
    reserve(invoice, stripe)
    becomes(payments.on_fulfilled, visit)
    deliver()
    becomes(payments.on_mistake, visit)
    stripe._refund = lambda *_: (_ for _ in ()).throw(stripe_server.Says(400, "charge_disputed"))
    deliver()
    del stripe._refund
    payment = Payment.objects.get(invoice=invoice)
    on = race()
    acts = [partial(stuck.let_go, payment, because="closed", by=clerks[0]),
            partial(staff.hand_back, invoice, amount=10_000, by=clerks[1], once=uuid.uuid4()),
            partial(stuck.try_again, invoice, by=clerks[1]), delivering.deliver]  # fmt: skip
    none_failed(on.run(*acts, *acts))

    def finish():
        if back := staff.by_hand(Invoice.objects.get(pk=invoice.pk)):
            staff.hand_back(invoice, amount=back, by=clerks[1], once=uuid.uuid4())

    on.rest()
    on.copy.look(finish)
    here, kinds, _invoice = on.rest()
    assert (here.held, here.excess) == (0, 0)
    assert kinds[Kind.REFUNDED] + kinds[Kind.PAID_BACK] == 1


def test_what_a_desk_takes_while_a_visit_is_called_off_goes_back(visit, invoice, stripe, race, clerks):  # noqa: F811
    on = race()
    came = on.run(pay(invoice, clerks[0]), partial(becomes, payments.on_cancelled, visit), pay(invoice, clerks[1]))
    none_failed(came)
    here, _kinds, _invoice = on.rest()
    assert here.by_hand == here.held == 10_000 * sum(isinstance(one, Payment) for one in came)
