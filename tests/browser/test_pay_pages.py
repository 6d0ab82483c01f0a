# ruff: noqa: F811 - fixtures are imported by their names
"""The pages of pay through the contract, in a real browser: they fit each width, and axe is calm."""

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.clinician.conftest import browser_of
from tests.research.paying_made import (  # noqa: F401 - fixtures
    account,
    board,
    due_of,
    joined,
    ready,
    release,
    rosa,
    small_groups,
    study,
    units,
)
from tests.research.test_leaving_pages import staff

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(ready, joined, rosa, study):
    ana = joined[0][0]
    due, patient = reverse("patient:research-pay", args=[due_of(ana).pk]), Answers(browser_of(ana))
    patient.get(reverse("patient:research-uses"), at="/ready/")
    patient.get(due, at="/pay/")
    patient.post(due, {"payee": account("Ana's").lower()}, "mistyped", expected=422)
    patient.post(due, {"payee": account("Ana's")}, "said", expected=302)
    del patient.answers[f"{due}said"]
    patient.get(reverse("patient:research-uses"), at="/sent/")
    patient.get(due, at="/over/")
    stranger = Answers(browser_of(people.patient("Zoe Free")))
    stranger.get(reverse("patient:research-study", args=[study.pk]), at="/card/")
    researcher = Answers(browser_of(rosa))
    researcher.get(reverse("researcher:release", args=[ready.pk]), at="/release/")
    researcher.get(reverse("researcher:study", args=[study.pk]), at="/study/")
    desk = Answers(staff("Paula Pays", DeskRole.PAYMENTS))
    desk.get(reverse("admin:research_payout_changelist"), at="/desk/")
    return {**patient.answers, **stranger.answers, **researcher.answers, **desk.answers}


def test_the_pages_of_pay_by_contract_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
