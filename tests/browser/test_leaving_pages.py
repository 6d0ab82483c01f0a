"""The pages of leaving a study and of pay, in a real browser: they fit each width, and axe is calm."""

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from research.models import Payout
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.clinician.conftest import browser_of
from tests.research.test_leaving_pages import board, left, recall, rosa, small_groups, staff  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(left, recall):  # noqa: F811
    researcher, patient = Answers(browser_of(left.rosa)), Answers(browser_of(left.people[1]))
    researcher.get(reverse("researcher:recalls"), at="/recalls/")
    researcher.get(reverse("researcher:recall", args=[recall.pk]), at="/rows/")
    researcher.get(reverse("researcher:home"), at="/home/")
    patient.get(reverse("patient:research-uses"), at="/told/")
    committee = Answers(staff("Carl Moss", DeskRole.COMMITTEE))
    committee.get(f"{reverse('admin:research_recall_changelist')}?view=waiting", at="/asked/")
    committee.get(reverse("admin:research_recall_change", args=[recall.pk]), at="/one/")
    paula = staff("Paula Pays", DeskRole.PAYMENTS)
    payments = Answers(paula)
    payments.get(reverse("admin:research_payout_add"), at="/owed/")
    paula.post(reverse("admin:research_payout_add"), {"what": f"{left.study.institution_id}:CAD"})
    payments.get(reverse("admin:research_payout_change", args=[Payout.objects.get().pk]), at="/payout/")
    browser_of(left.rosa).post(reverse("researcher:recall", args=[recall.pk]))
    researcher.get(reverse("researcher:recall", args=[recall.pk]), at="/done/")
    patient.get(reverse("patient:research-uses"), at="/gone/")
    return {**researcher.answers, **patient.answers, **committee.answers, **payments.answers}


def test_the_pages_of_leaving_and_pay_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
