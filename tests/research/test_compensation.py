"""Pay: set aside once for each person and release, handed on once, paid once, and even to the unit."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import queries as audit
from ehr import clock
from ehr.accounts.models import User
from ehr.chain.models import Transaction
from providers.rules import NotPossible
from research import joining
from research.compensation import accruing, paying
from research.compensation.sums import sums, uneven
from research.models import Due, Joining, Payout, Release, Study
from research.release import making
from tests import people
from tests.research import leaving_made, studying
from tests.research.test_releases import board, fetched, joined, release, rosa, small_groups, study  # noqa: F401

pytestmark = pytest.mark.django_db
PAY = 500


@pytest.fixture
def paid_study(board, rosa):  # noqa: F811
    return studying.opened(rosa, board)


@pytest.fixture
def left(paid_study, rosa):  # noqa: F811
    return leaving_made.left(paid_study, rosa, crowd=False)


@pytest.fixture
def officer(db):
    made = people.account("Paula Pays", staff=True).user
    made.user_permissions.add(Permission.objects.get(codename="pay_participants", content_type__app_label="research"))
    return User.objects.get(pk=made.pk)


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


def hand_on(study, officer):  # noqa: F811
    return paying.hand_on(study.institution_id, "CAD", by=officer)


# --- Set aside -----------------------------------------------------------------------------------
def test_j7_7_it_is_due_when_the_release_leaves_once_for_each_person(release, rosa, joined):  # noqa: F811
    making.make(release.pk)
    assert not Due.objects.exists(), "ready is not fetched: nothing left yet"
    fetched(release, rosa)
    assert Due.objects.count() == len(joined) - 1
    release.refresh_from_db()
    assert accruing.accrue(release) == 0
    assert acts(joined[0])[-1] == "research.paid"
    assert not accruing.dues(joined[-1].patient).exists()


def test_withdrawing_takes_nothing_back(left):
    joining.withdraw(left.joinings[0], keyring=left.people[0].keyring)
    assert [one.amount for one in accruing.dues(left.people[0].patient)] == [PAY]
    assert sums("CAD").even


def test_without_pay_nothing_is_due(board, rosa):  # noqa: F811
    leaving_made.left(studying.opened(rosa, board, pay=0), rosa, crowd=False)
    assert not Due.objects.exists()


@pytest.mark.security
def test_pay_that_somebody_changed_is_not_set_aside(paid_study, rosa):  # noqa: F811
    found = leaving_made.joined(paid_study, 1)
    Study.objects.filter(pk=paid_study.pk).update(pay=PAY * 100)
    with pytest.raises(NotPossible, match="not what was approved"):
        leaving_made.fetched(Study.objects.get(pk=paid_study.pk), rosa, [found[0][1]])
    assert not Due.objects.exists()


# --- Handed on and paid --------------------------------------------------------------------------
def test_a_file_names_person_and_sum_and_no_study_and_each_is_told_before(left, officer):
    leaving_made.fetched(left.study, left.rosa, left.joinings[:2], mark=b"again")
    payout = hand_on(left.study, officer)
    text = paying.file(payout, by=officer)
    found = lines(text)
    assert [one["amount"] for one in found] == ["10.00"] * 2 + ["5.00"] * 4
    assert {one["payee"] for one in found} == {one.user.name for one in left.people}
    for secret in (left.study.title, str(left.study.pk), str(left.release.pk), str(left.people[0].patient.pk)):
        assert secret not in text
    assert acts(left.people[0])[-1] == "research.named"
    assert left.study.title not in str(audit.story(left.people[0].patient.pk)[0])


def test_what_waits_is_handed_on_once_and_paid_once(left, officer):
    (owed,) = paying.owed()
    assert (owed.total, owed.people) == (PAY * leaving_made.PEOPLE, leaving_made.PEOPLE)
    payout = hand_on(left.study, officer)
    with pytest.raises(NotPossible, match="Nothing waits"):
        hand_on(left.study, officer)
    done = paying.note_paid(payout, reference="B-1", by=officer)
    again = paying.note_paid(payout, reference="B-2", by=officer)
    assert (again.paid_at, again.reference) == (done.paid_at, "B-1")
    assert acts(left.people[0]).count("research.settled") == 1
    now = sums("CAD", institution=left.study.institution_id)
    assert (now.waiting, now.handed_on, now.paid) == (0, 0, PAY * leaving_made.PEOPLE)
    assert now.even
    assert not uneven()


def test_nobody_else_hands_on_fetches_or_notes(left, officer, board):  # noqa: F811
    payout = hand_on(left.study, officer)
    for by in (left.rosa.user, board.first, left.people[0].user):
        with pytest.raises(NotPossible):
            hand_on(left.study, by)
        with pytest.raises(NotPossible):
            paying.file(payout, by=by)
        with pytest.raises(NotPossible):
            paying.note_paid(payout, reference="B", by=by)
    assert Payout.objects.get().paid_at is None


@pytest.mark.security
def test_a_payout_whose_dues_were_changed_is_found(left, officer):
    payout = hand_on(left.study, officer)
    Due.objects.filter(pk=payout.dues.first().pk).update(amount=1)
    assert uneven() == [payout]
    assert not sums("CAD").even


def test_nothing_personal_goes_on_chain_with_pay(left, officer):
    before = Transaction.objects.count()
    paying.note_paid(hand_on(left.study, officer), reference="B-1", by=officer)
    assert Transaction.objects.count() == before


@pytest.mark.parametrize(("amount", "currency", "told"), [(1250, "CAD", "12.50"), (5, "EUR", "0.05"), (7, "JPY", "7")])
def test_amounts_are_told_without_floats(amount, currency, told):
    assert paying._decimal(amount, currency) == told


def test_a_name_is_no_formula(left, officer):
    User.objects.filter(pk=left.people[0].user.pk).update(name="=1+1")
    assert "'=1+1" in paying.file(hand_on(left.study, officer), by=officer)


STEP = st.sampled_from(["release", "hand on", "pay", "withdraw", "again"])


def happened(left, officer, step, chosen, number) -> int:
    """Do one step, and return by how much more is due after it."""
    if step == "release":
        mark = f"{number}-{clock.now().timestamp()}".encode()
        leaving_made.fetched(left.study, left.rosa, [left.joinings[one] for one in chosen], mark=mark)
        return PAY * len(chosen)
    if step == "again":
        for one in Release.objects.filter(state=Release.State.FETCHED).select_related("study"):
            accruing.accrue(one)
    elif step == "withdraw":
        pks = [left.joinings[one].pk for one in chosen]
        Joining.objects.filter(pk__in=pks).update(withdrawn_at=clock.now())
    elif step == "hand on" and paying.owed():
        hand_on(left.study, officer)
    elif step == "pay":
        for one in Payout.objects.all():
            paying.note_paid(one, reference="B", by=officer)
    return 0


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(STEP, st.sets(st.integers(0, 5), min_size=1)), min_size=1, max_size=8))
def test_j7_7_sums_come_out_even_whatever_happens_in_whatever_order(left, officer, steps):
    Due.objects.all().delete()
    Payout.objects.all().delete()
    Release.objects.all().update(state=Release.State.STOPPED)
    expected = 0
    for number, (step, chosen) in enumerate(steps):
        expected += happened(left, officer, step, sorted(chosen), number)
    now = sums("CAD")
    assert now.accrued == expected
    assert now.even
    assert not uneven()
