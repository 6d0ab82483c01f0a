"""One's notices: how many are new, on every page, and how e-mail about them comes."""

import re
from datetime import time

import pytest

from ehr.notices import operations, queries
from ehr.notices.timing import Pace, Wishes
from tests.front.test_pages import keeps_to_the_rules

pytestmark = [pytest.mark.django_db, pytest.mark.point(10)]
SETTINGS = "/account/notices/"


def tally(browser, page="/account/") -> str | None:
    """Return the number beside “Notices”, or None where it is hidden."""
    text = browser.get(page).content.decode()
    shown = re.search(r'<b class="tally"([^>]*)> <span>([^<]+)</span>', text)
    return None if "hidden" in shown[1] else shown[2]


def tell(user, times: int) -> None:
    for number in range(times):
        operations.notify(user, "access-ends-soon", key=f"{user.pk}:{number}")


@pytest.mark.parametrize(("times", "shown"), [(0, None), (1, "1"), (99, "99"), (100, "99+")])
def test_each_page_shows_how_many_notices_are_new(alice, inside, times, shown):
    tell(alice, times)
    assert tally(inside) == shown


def test_what_was_read_is_new_no_longer(alice, inside):
    tell(alice, 2)
    inside.post("/notices/read/")
    assert tally(inside) is None


def test_who_is_not_signed_in_sees_no_number(browser):
    assert "tally" not in browser.get("/sign-in/").content.decode()


def test_without_redis_a_page_asks_for_no_stream(alice, inside):
    text = inside.get("/account/").content.decode()
    assert "data-stream" not in text
    assert "notices.js" not in text


def test_the_page_keeps_to_the_rules_and_is_the_owner_s(alice, inside, browser):
    keeps_to_the_rules(inside.get(SETTINGS))
    inside.post("/sign-out/")
    assert inside.get(SETTINGS).headers["Location"].startswith("/sign-in/?next=")


def test_one_begins_with_every_e_mail_at_once_and_no_quiet_hours(alice, inside):
    assert queries.wishes(alice) == Wishes(Pace.INSTANT, None, None, "UTC")
    assert re.search(r'value="instant"[^>]*checked', inside.get(SETTINGS).content.decode())


def test_what_one_chooses_is_kept_and_shown_again(alice, inside):
    answer = inside.post(SETTINGS, {"pace": "weekly", "quiet_from": "22:00", "quiet_until": "07:30"})
    assert answer.headers["Location"] == "/account/"
    assert "as you chose" in inside.get("/account/").content.decode()
    assert queries.wishes(alice) == Wishes(Pace.WEEKLY, time(22), time(7, 30), "UTC")
    text = inside.get(SETTINGS).content.decode()
    for kept in ('value="weekly"', 'value="22:00"', 'value="07:30"'):
        assert kept in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"pace": "daily", "quiet_from": "22:00"}, "Give both times, or neither."),
        ({"pace": "daily", "quiet_until": "07:00"}, "Give both times, or neither."),
        ({"pace": "daily", "quiet_from": "07:00", "quiet_until": "07:00"}, "this leaves no hour"),
        ({"pace": "daily", "quiet_from": "late", "quiet_until": "07:00"}, "as hours and minutes"),
        ({"quiet_from": ""}, "Choose how often."),
    ],
)
def test_what_does_not_fit_is_said_and_changes_nothing(alice, inside, typed, said):
    assert said in inside.post(SETTINGS, typed).content.decode()
    assert queries.wishes(alice) == Wishes()
