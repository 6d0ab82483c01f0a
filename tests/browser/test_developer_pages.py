"""The developers' page in a real browser: its examples scroll within themselves, and axe finds nothing."""

import pytest

from ehr.demo import cast
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.front.conftest import Browser
from tests.security.world import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
PAGE = "/developers/"


@pytest.fixture
def pages(db, settings, tmp_path):
    """Return the page of a server of real people, of a sandbox, and as a maker of apps sees it there."""
    settings.DATA_DIR = tmp_path
    stranger, max_ = Answers(Browser()), people.account("Max Maker")
    stranger.get(PAGE, at="/real/")
    ana = cast.Player(people.account("Ana Costa").user, None, "patient")
    (tmp_path / "demo.txt").write_text(cast.sign_ins([ana], "CODE"), encoding="utf-8")
    stranger.get(PAGE, at="/sandbox/")
    maker = Answers(browser_of(max_, second_step=False))
    maker.get(PAGE, at="/maker/")
    maker.post(f"{PAGE}sandbox/", {"name": ""}, "wrong/")
    maker.client.post(f"{PAGE}sandbox/", {"name": "Curves of sugar"})
    maker.get(PAGE, at="/registered/")
    return stranger.answers | maker.answers


def test_every_page_fits_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
