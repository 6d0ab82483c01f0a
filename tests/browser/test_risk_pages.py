"""What a release risks and lost, on pages and in its file, in a real browser: they fit each width, and axe is calm."""

import io
import zipfile

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from research.release import asking
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.clinician.conftest import browser_of
from tests.research import releasing, studying
from tests.research.test_release_pages import board, made, release, rosa, small_groups, staff, study  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def pages(made, rosa, board):  # noqa: F811 - the fixtures
    researcher = Answers(browser_of(rosa))
    researcher.get(reverse("researcher:release", args=[made.pk]), at="/ready/")
    researcher.get(reverse("researcher:releases", args=[made.study_id]), at="/releases/")
    researcher.get(reverse("researcher:study", args=[made.study_id]), at="/study/")
    drafted = studying.drafted(rosa, views=releasing.VIEWS, determination="Dr. Ada Ng, 2026-10-02", title="Days")
    researcher.get(reverse("researcher:change", args=[drafted.pk]), at="/form/")
    committee = Answers(staff("Carl Moss", DeskRole.COMMITTEE))
    committee.get(reverse("admin:research_study_releases", args=[made.study_id]), at="/risks/")
    committee.get(reverse("admin:research_study_change", args=[made.study_id]), at="/decided/")
    days = studying.opened(rosa, board, views=releasing.VIEWS, determination="Dr. Ada Ng, 2026-10-02", title="Shifted")
    patient = Answers(browser_of(people.patient("Ana Costa")))
    patient.get(reverse("patient:research-study", args=[days.pk]), at="/card/")
    return {**researcher.answers, **committee.answers, **patient.answers}


def test_what_a_release_risks_fits_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)


@pytest.fixture
def report(made, rosa):  # noqa: F811 - the fixtures
    content = b"".join(asking.fetch(made, by=rosa.user, keyring=rosa.keyring))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {"/report/": (HTML, archive.read("report.html"))}


def test_the_report_in_the_file_is_a_page_of_its_own_that_needs_nothing_from_anywhere(report, open_window):
    calm(open_window(report), report)
