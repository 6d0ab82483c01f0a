"""The pages of figures, in a real browser: they fit each width, and axe is calm."""

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from research.figures import asking
from research.models import FigureRun
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.clinician.conftest import browser_of
from tests.desk.conftest import session_of
from tests.desk.conftest import staff as at_desk
from tests.research import figures_made
from tests.research.test_figure_pages import board, rosa, told  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(board, rosa):  # noqa: F811
    study = figures_made.opened(rosa, board, measures=("diabetes", "readmission"))
    figures = reverse("researcher:figures", args=[study.pk])
    researcher, patient = Answers(browser_of(rosa)), Answers(browser_of(people.patient()))
    committee = Answers(session_of(at_desk("Carl Moss", DeskRole.COMMITTEE)))
    researcher.get(reverse("researcher:new-figures"), at="/new/")
    researcher.get(reverse("researcher:study", args=[study.pk]), at="/study/")
    patient.get(reverse("patient:research-study", args=[study.pk]), at="/card/")
    first = told(study, 3)
    told(study, 4, stands=first)
    asking.ask(study, by=rosa.user)
    researcher.get(figures, at="/under-way/")
    FigureRun.objects.filter(state="asked").update(state="cancelled")
    researcher.get(figures, at="/figures/")
    committee.get(reverse("admin:research_figurerun_changelist"), at="/all/")
    committee.get(reverse("admin:research_figurerun_change", args=[study.pk]), at="/one/")
    return {**researcher.answers, **patient.answers, **committee.answers}


def test_the_pages_of_figures_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
