"""What is refused for good is finished at the desk, with a reason: nothing is lost, and the patient is told."""

from datetime import timedelta
from uuid import uuid4

import pytest

from appointments import payments
from appointments.models import Invoice, Movement, Payment, PaymentParcel
from appointments.payments import bills, delivering, ledger, staff, stuck
from appointments.refusals import NotPossible, NotTheirs
from audit.queries import story
from ehr.notices.models import Notice
from ehr.outbox import delivery
from providers.roles import Role
from tests import people
from tests.appointments import money, stripe_server
from tests.appointments.card_money import deliver, invoice, reserve, server, stripe, visit  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db
Kind, State = Movement.Kind, Invoice.State


@pytest.fixture
def clerk(visit):  # noqa: F811
    return people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=visit.schedule.institution).user


@pytest.fixture
def second(visit):  # noqa: F811
    return people.clinician("Omar Said", role=Role.FRONT_DESK, place=visit.schedule.institution).user


def refuse(stripe, what):  # noqa: F811
    """Have Stripe refuse one kind of request for good."""

    def no(*_):
        raise stripe_server.Says(400, "refused_for_good")

    setattr(stripe, what, no)


@pytest.fixture
def refund_refused(visit, invoice, stripe):  # noqa: F811
    """A card was charged, the visit had been a mistake, and the card takes nothing back."""
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    deliver()
    payments.on_mistake(visit)
    refuse(stripe, "_refund")
    deliver()
    assert money.fresh(invoice).stuck_at
    return Payment.objects.get(invoice=invoice)


@pytest.fixture
def capture_refused(visit, invoice, stripe):  # noqa: F811
    """An amount is set aside on a card, and Stripe does not hand it out."""
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    refuse(stripe, "_capture")
    deliver()
    assert money.fresh(invoice).stuck_at
    return Payment.objects.get(invoice=invoice)


def actions(visit):  # noqa: F811
    return [line.action for line in story(visit.patient_id, limit=50)]


def test_a_refund_that_is_refused_is_given_back_over_the_desk(visit, invoice, refund_refused, clerk, second):  # noqa: F811
    assert staff.by_hand(invoice) == 0
    stuck.let_go(refund_refused, because="closed", by=clerk)
    assert staff.by_hand(money.fresh(invoice)) == 10_000
    once = uuid4()
    for _ in range(2):
        staff.hand_back(invoice, amount=10_000, by=second, once=once)
    deliver()
    here = ledger.check(money.fresh(invoice))
    assert (here.held, here.excess, invoice.state, invoice.stuck_at) == (0, 0, State.RETURNED, None)
    assert money.sums(invoice)[Kind.PAID_BACK] == 10_000
    told = set(Notice.objects.values_list("kind", flat=True))
    assert {"payment-stuck", "payment-another-way", "payment-returned"} <= told
    assert {"payment.stuck", "payment.let-go", "payment.returned"} <= set(actions(visit))


@pytest.mark.security
def test_above_the_limit_who_lets_it_go_is_not_who_hands_it_out(invoice, refund_refused, clerk, second, settings):  # noqa: F811
    settings.PAYMENTS = staff.settings.PAYMENTS.__class__(**{**vars(settings.PAYMENTS), "alone": 6_000})
    stuck.let_go(refund_refused, because="closed", by=clerk)
    staff.hand_back(invoice, amount=5_000, by=clerk, once=uuid4())
    with pytest.raises(NotPossible, match="Somebody else"):
        staff.hand_back(invoice, amount=5_000, by=clerk, once=uuid4())
    staff.hand_back(invoice, amount=5_000, by=second, once=uuid4())
    assert ledger.check(invoice).held == 0


def test_a_refund_that_came_back_is_given_back_over_the_desk(visit, invoice, stripe, clerk):  # noqa: F811
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    deliver()
    payments.on_mistake(visit)
    deliver()
    stripe.bounce(next(iter(stripe.refunds)))
    payment = Payment.objects.get(invoice=invoice)
    ledger.look(payment, key="look:bounced")
    deliver()
    stuck.let_go(payment, because="closed", by=clerk)
    staff.hand_back(invoice, amount=10_000, by=clerk, once=uuid4())
    ledger.look(payment, key="look:once more")
    deliver()
    assert (ledger.check(money.fresh(invoice)).held, invoice.stuck_at) == (0, None)
    assert stripe.charged == (10_000, 0)


def test_what_a_card_does_not_hand_out_is_paid_another_way(invoice, capture_refused, clerk, stripe, visit):  # noqa: F811
    with pytest.raises(NotPossible):
        staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    stuck.let_go(capture_refused, because="refused", by=clerk)
    assert ledger.check(money.fresh(invoice)).to_pay == 10_000
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    stripe.lapse(next(iter(stripe.intents)))
    ledger.look(capture_refused, key="look:lapsed")
    deliver()
    here = ledger.check(money.fresh(invoice))
    assert (here.held, here.to_pay, here.excess, here.earned) == (10_000, 0, 0, 10_000)
    assert stripe.charged == (0, 0)


def test_what_a_card_does_not_hand_out_can_be_written_off(invoice, capture_refused, clerk, visit):  # noqa: F811
    stuck.let_go(capture_refused, because="refused", by=clerk)
    staff.concede(invoice, amount=10_000, because="uncollectable", by=clerk, once=uuid4())
    here = ledger.check(money.fresh(invoice))
    assert (here.due, here.held, here.to_pay, invoice.state) == (0, 0, 0, State.NOTHING)
    assert Notice.objects.filter(kind="payment-waived").count() == 1
    lines = [line.what for line in bills.one(visit.patient, invoice.pk).lines]
    assert any(line.startswith("No longer asked for") for line in lines)


def test_letting_go_is_taken_back_while_nothing_followed(invoice, capture_refused, clerk, stripe):  # noqa: F811
    stuck.let_go(capture_refused, because="refused", by=clerk)
    stuck.take_up(capture_refused, by=clerk)
    del stripe._capture
    deliver()
    assert stripe.charged == (10_000, 0)
    assert ledger.check(money.fresh(invoice)).held == 10_000


def test_letting_go_is_not_taken_back_once_the_desk_did_something(invoice, capture_refused, clerk):  # noqa: F811
    stuck.let_go(capture_refused, because="refused", by=clerk)
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    with pytest.raises(NotPossible):
        stuck.take_up(capture_refused, by=clerk)


@pytest.mark.security
def test_only_that_desk_and_only_what_is_stuck(visit, invoice, stripe, clerk, refund_refused):  # noqa: F811
    elsewhere = people.clinician(role=Role.FRONT_DESK, place=people.institution("Elsewhere")).user
    for stranger in (elsewhere, visit.patient.user):
        for act in (lambda by: stuck.let_go(refund_refused, because="closed", by=by),
                    lambda by: stuck.take_up(refund_refused, by=by),
                    lambda by: stuck.try_again(invoice, by=by)):  # fmt: skip
            with pytest.raises(NotTheirs):
                act(stranger)
    stuck.try_again(invoice, by=clerk)
    with pytest.raises(NotPossible):
        stuck.let_go(refund_refused, because="closed", by=clerk)


def test_what_is_under_way_is_not_let_go(invoice, refund_refused, clerk):  # noqa: F811
    Invoice.objects.filter(pk=invoice.pk).update(stuck_at=None)
    ledger.settle(ledger.locked(invoice.pk))
    Invoice.objects.filter(pk=invoice.pk).update(stuck_at=invoice.made_at)
    with pytest.raises(NotPossible, match="under way"):
        stuck.let_go(refund_refused, because="closed", by=clerk)


def test_what_nobody_answers_for_days_waits_for_a_person(visit, invoice, stripe, time_machine, caplog):  # noqa: F811
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    stripe.failing = ["before"] * 99
    parcels = PaymentParcel.objects.filter(invoice=invoice, delivered_at=None)
    parcels.update(attempts=delivery.MOST_ATTEMPTS - 1)
    delivering.deliver()
    assert money.fresh(invoice).stuck_at
    assert not PaymentParcel.objects.filter(invoice=invoice, delivered_at=None, gave_up_at=None).exists()


def test_a_payment_noted_by_mistake_is_taken_back_within_a_day(visit, invoice, clerk, time_machine):  # noqa: F811
    payment = staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    for _ in range(2):
        staff.mistaken(payment, by=clerk)
    assert ledger.check(money.fresh(invoice)).to_pay == 10_000
    assert Notice.objects.filter(kind="payment-mistaken").count() == 1
    assert bills.receipt(visit.patient, invoice.pk, 1) is None
    again = staff.pay_at_desk(invoice, amount=10_000, means="card", by=clerk, once=uuid4())
    time_machine.shift(timedelta(hours=24))
    with pytest.raises(NotPossible):
        staff.mistaken(again, by=clerk)


def test_what_was_given_back_of_is_no_mistake_any_more(visit, invoice, clerk):  # noqa: F811
    payment = staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    staff.concede(invoice, amount=1, because="goodwill", by=clerk, once=uuid4())
    staff.hand_back(invoice, amount=1, by=clerk, once=uuid4())
    with pytest.raises(NotPossible):
        staff.mistaken(payment, by=clerk)


def test_a_concession_is_taken_back_within_a_day_unless_money_went_back(invoice, clerk):  # noqa: F811
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    first = staff.concede(invoice, amount=3_000, because="goodwill", by=clerk, once=uuid4())
    for _ in range(2):
        staff.take_back(first, by=clerk)
    assert ledger.check(money.fresh(invoice)).due == 10_000
    assert Notice.objects.filter(kind="payment-asked-again").count() == 1
    again = staff.concede(invoice, amount=3_000, because="goodwill", by=clerk, once=uuid4())
    staff.hand_back(invoice, amount=3_000, by=clerk, once=uuid4())
    with pytest.raises(NotPossible):
        staff.take_back(again, by=clerk)
    assert (ledger.check(invoice).due, ledger.check(invoice).held) == (7_000, 7_000)
