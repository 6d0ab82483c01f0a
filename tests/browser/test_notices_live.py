"""The number beside “Notices” in a real browser: it changes while a page stays open, and says so politely."""

import pytest
from playwright.sync_api import expect

from ehr.accounts import operations as accounts
from ehr.notices import operations
from tests.browser.conftest import Answers
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.browser, pytest.mark.django_db, pytest.mark.point(10)]
STREAM = "/notices/stream"


@pytest.fixture
def kept(request, db, settings) -> dict:
    """Alice's account with so many notices, and what the server's stream tells afterwards."""
    times, said = request.param
    settings.REDIS_URL, settings.NOTICE_STREAMS = "redis://127.0.0.1:9/0", 2
    alice = accounts.open_account(email="alice@example.org", name="Alice Moreau", passphrase=PASSPHRASE).user
    for number in range(times):
        operations.notify(alice, "access-ends-soon", key=str(number))
    browser = Browser()
    browser.sign_in()
    answers = Answers(browser)
    answers.get("/account/")
    return answers.answers | {STREAM: ({"Content-Type": "text/event-stream"}, said.encode())}


def unread(number: int) -> str:
    return f"event: unread\ndata: {number}\n\n"


@pytest.mark.parametrize(
    ("kept", "shown"),
    [((0, unread(2)), "2"), ((3, unread(4) + unread(7)), "7"), ((3, unread(250)), "99+")],
    indirect=["kept"],
)
def test_the_number_changes_while_the_page_stays_open(kept, open_window, shown):
    window = open_window(kept)
    seen = window.show("/account/", width=390)
    expect(window.page.locator("[data-unread] > span").first).to_have_text(shown)
    expect(window.page.get_by_role("link", name="Notices")).to_have_accessible_name(f"Notices {shown} new")
    assert seen.complaints == []


@pytest.mark.parametrize("kept", [(3, unread(0))], indirect=True)
def test_at_none_the_number_goes(kept, open_window):
    window = open_window(kept)
    window.show("/account/", width=390)
    expect(window.page.locator("[data-unread]")).to_be_hidden()


@pytest.mark.parametrize("kept", [(0, unread(2))], indirect=True)
def test_a_change_is_announced_politely_and_as_a_whole(kept, open_window):
    window = open_window(kept)
    window.show("/account/", width=390)
    expect(window.page.locator("[aria-live=polite][aria-atomic=true]")).to_have_text("Notices 2 new")


@pytest.mark.parametrize("kept", [(1, "retry: 1\n\n" + unread(4) + "event: over\ndata:\n\n")], indirect=True)
def test_a_page_that_gives_its_seat_up_does_not_come_back_for_it(kept, open_window):
    window, asked = open_window(kept), []
    window.page.on("request", lambda request: asked.append(request.url) if STREAM in request.url else None)
    window.show("/account/", width=390)
    expect(window.page.locator("[data-unread] > span").first).to_have_text("4")
    window.page.evaluate("new Promise((done) => setTimeout(done, 50))")
    assert len(asked) == 1
