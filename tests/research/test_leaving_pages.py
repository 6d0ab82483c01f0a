"""The pages of leaving and pay: the researcher's, the desk's, and where somebody's data went."""

import uuid

import pytest
from django.urls import reverse

from ehr import clock
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from research import joining
from research.leaving import telling
from research.models import Payout, Recall
from tests import people
from tests.clinician.conftest import browser_of
from tests.desk.conftest import session_of
from tests.research import leaving_made, studying
from tests.research.test_releases import board, rosa, small_groups  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture
def left(board, rosa):  # noqa: F811
    made = leaving_made.left(studying.opened(rosa, board), rosa)
    joining.withdraw(made.joinings[1], keyring=made.people[1].keyring)
    return made


@pytest.fixture
def recall(left):
    telling.tell()
    return Recall.objects.get()


def page(browser, name, *args, status=200):
    answer = browser.get(reverse(name, args=args))
    assert answer.status_code == status, (name, answer.status_code)
    return answer.content.decode()


def staff(name, role):
    made = people.account(name, staff=True).user
    desk.give_role(made, role=role, by=None, reason="test")
    return session_of(type(made).objects.get(pk=made.pk))


def test_a_researcher_sees_the_rows_and_signs_that_they_are_gone(left, recall):
    browser = browser_of(left.rosa)
    assert "Somebody withdrew" in page(browser, "researcher:home")
    assert "3 rows" in page(browser, "researcher:recalls")
    shown = page(browser, "researcher:recall", recall.pk)
    assert all(one in shown for one in left.pseudonyms[:3])
    assert not any(one in shown for one in left.pseudonyms[3:])
    assert not any(str(one.patient.pk) in shown or one.user.name in shown for one in left.people)
    done = browser.post(reverse("researcher:recall", args=[recall.pk]), follow=True)
    assert "You signed that it is destroyed" in done.content.decode()
    assert "Somebody withdrew" not in page(browser, "researcher:home")


def test_others_find_nothing_to_destroy(recall):
    for somebody in (studying.researcher("Bo Ny"), people.patient("Cy Oz"), people.clinician("Di Pu")):
        browser = browser_of(somebody)
        page(browser, "researcher:recall", recall.pk, status=404)
        assert browser.post(reverse("researcher:recall", args=[recall.pk])).status_code == 404
    page(browser_of(studying.researcher("Ed Qi")), "researcher:recall", uuid.uuid4(), status=404)
    assert Recall.objects.get().attested_at is None


def test_a_patient_reads_where_each_row_is_and_what_is_due(left):
    browser = browser_of(left.people[1])
    shown = page(browser, "patient:research-uses")
    assert "Within a day the researchers are asked" in shown
    assert "You are due CAD\u00a05.00" in shown
    telling.tell()
    assert "told to destroy your row by" in page(browser, "patient:research-uses")
    Recall.objects.update(due_at=clock.now())
    assert "have not said that your row is destroyed" in page(browser, "patient:research-uses")
    browser_of(left.rosa).post(reverse("researcher:recall", args=[Recall.objects.get().pk]))
    assert "signed that your row was destroyed on" in page(browser, "patient:research-uses")
    assert "With the researchers" in page(browser_of(left.people[0]), "patient:research-uses")


def test_the_committee_and_the_privacy_officer_see_what_is_overdue_and_remind(left, recall):
    carl, petra = staff("Carl Moss", DeskRole.COMMITTEE), staff("Petra Ok", DeskRole.PRIVACY)
    Recall.objects.update(due_at=clock.now())
    for browser in (carl, petra):
        assert "Data that should be destroyed by now" in page(browser, "admin:index")
        assert "overdue" in page(browser, "admin:research_recall_changelist")
        shown = page(browser, "admin:research_recall_change", recall.pk)
        assert not any(one.user.name in shown for one in left.people)
    url = reverse("admin:research_recall_act", args=[recall.pk, "remind"])
    assert carl.post(url).status_code == 302
    assert left.rosa.user.notices.filter(kind="study.destruction-reminded").count() == 1
    page(staff("Vera Ok", DeskRole.VERIFIER), "admin:research_recall_changelist", status=404)


def test_a_payments_officer_hands_on_fetches_and_notes(left):
    paula = staff("Paula Pays", DeskRole.PAYMENTS)
    assert "People to be paid for research" in page(paula, "admin:index")
    what = f"{left.study.institution_id}:CAD"
    assert "CAD\u00a030.00, 6 people" in page(paula, "admin:research_payout_add")
    made = paula.post(reverse("admin:research_payout_add"), {"what": what})
    payout = Payout.objects.get()
    assert made.url == reverse("admin:research_payout_change", args=[payout.pk])
    assert paula.post(reverse("admin:research_payout_add"), {"what": what}).status_code in {200, 422}
    text = page(paula, "admin:research_payout_file", payout.pk)
    assert "Person 0" in text
    url = reverse("admin:research_payout_act", args=[payout.pk, "paid"])
    assert paula.post(url, {"paid-reference": "B-1"}).status_code == 302
    assert "You were paid CAD\u00a05.00 for it on" in page(browser_of(left.people[0]), "patient:research-uses")
    assert Payout.objects.count() == 1


def test_pay_is_hidden_from_everybody_else(left):
    page(staff("Carl Moss", DeskRole.COMMITTEE), "admin:research_payout_changelist", status=404)
    page(staff("Petra Ok", DeskRole.PRIVACY), "admin:research_payout_add", status=404)
