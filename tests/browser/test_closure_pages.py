"""The desk's pages of a place that is closed for a time, in a real browser: they fit each width, and axe is calm."""

import pytest
from django.urls import reverse

from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.frontdesk.conftest import ana, dee, ground, kind, lee, schedule  # noqa: F401 - fixtures
from tests.frontdesk.test_closures import closed, desk, visit  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(desk, visit, closed):  # noqa: F811
    shown = Answers(desk)
    shown.get(reverse("frontdesk:closures"), at="/closed/")
    shown.get(reverse("frontdesk:closure", args=[closed.pk]), at="/one/")
    shown.get(reverse("frontdesk:move", args=[visit.pk]), at="/move/")
    desk.post(reverse("frontdesk:closure-cancel", args=[closed.pk]), {"visit": visit.pk})
    shown.get(reverse("frontdesk:closure", args=[closed.pk]), at="/none/")
    return shown.answers


def test_the_desk_s_pages_of_a_closed_place_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
