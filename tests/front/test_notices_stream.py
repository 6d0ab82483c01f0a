"""The live counter: a number and nothing else, few and short streams, and pages that count for themselves without."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from django.db import connection, transaction

from ehr import clock
from ehr.accounts import operations as accounts
from ehr.notices import doorbell, live, operations
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.django_db, pytest.mark.point(10)]
STREAM = "/notices/stream"


class Bell:
    """A doorbell whose waits take no time: each does what the test lined up, then says that its seconds are over."""

    now = 0.0
    happens: list = []
    waits: list[float] = []

    def __init__(self, _user_id) -> None:
        self.closed = False

    def wait(self, seconds: float) -> None:
        Bell.waits.append(seconds)
        Bell.now += seconds
        if Bell.happens:
            Bell.happens.pop(0)()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _bells(monkeypatch, settings):
    """Everything a stream needs but a Redis."""
    settings.REDIS_URL, settings.NOTICE_STREAMS = "redis://127.0.0.1:9/0", 2
    monkeypatch.setattr(Bell, "now", 0.0)
    monkeypatch.setattr(Bell, "happens", [])
    monkeypatch.setattr(Bell, "waits", [])
    monkeypatch.setattr(live, "Bell", Bell)
    monkeypatch.setattr(live, "monotonic", lambda: Bell.now)
    monkeypatch.setattr(live, "seats", live.Seats())
    monkeypatch.setattr(doorbell, "ring", lambda _user_id: None)


def tell(user, kind="access-ends-soon"):
    return operations.notify(user, kind, key=f"{kind}:{clock.now()}")


def listen(browser) -> list[str]:
    """Open a stream and return all it says until it ends."""
    answer = browser.get(STREAM)
    assert answer.status_code == 200
    return [event.decode() for event in answer.streaming_content]


def counts(events) -> list[int]:
    return [int(number) for number in re.findall(r"event: unread\ndata: (\d+)\n\n", "".join(events))]


def other() -> Browser:
    accounts.open_account(email="bob@example.org", name="Bob Dahl", passphrase=PASSPHRASE)
    browser = Browser()
    browser.sign_in("bob@example.org")
    return browser


def test_a_stream_tells_the_number_at_once_and_whenever_it_changes(alice, inside):
    tell(alice)
    Bell.happens += [lambda: tell(alice), lambda: None, lambda: operations.read_all(user=alice)]
    assert counts(listen(inside)) == [1, 2, 0]


@pytest.mark.privacy
def test_a_stream_says_a_number_and_nothing_else(alice, inside):
    operations.notify(alice, "emergency-access", params={"reader": "Dr Mei Lee"}, key="1")
    Bell.happens.append(lambda: tell(alice))
    for event in listen(inside):
        assert re.fullmatch(r"(retry: \d+|event: unread\ndata: \d+|:)\n\n", event)


def test_it_comes_as_events_that_nothing_on_the_way_keeps(alice, inside):
    answer = inside.get(STREAM)
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Accel-Buffering"] == "no"


def test_a_stream_ends_after_25_seconds_with_a_beat_each_five_and_the_browser_comes_again(alice, inside):
    events = listen(inside)
    assert events[0].startswith("retry: ")
    assert Bell.waits == [5.0] * 5
    assert live.seats.count() == 0


@pytest.mark.security
@pytest.mark.parametrize("address", ["/sign-out/", "/account/sign-out-everywhere/"])
def test_signing_out_ends_the_stream_within_one_beat(alice, inside, address):
    answer = inside.get(STREAM)
    Bell.happens.append(lambda: inside.post(address))
    Bell.happens.append(lambda: tell(alice))
    assert counts(event.decode() for event in answer.streaming_content) == [0]
    assert len(Bell.waits) == 1


@pytest.mark.security
def test_a_stream_keeps_no_session_alive(alice, browser):
    idle = configured.SESSION_LIMITS["patient"][0]
    start = clock.now()
    with time_machine.travel(start, tick=False) as traveller:
        browser.sign_in()
        traveller.move_to(start + idle - timedelta(seconds=1), tick=False)
        listen(browser)
        traveller.move_to(start + idle + timedelta(seconds=1), tick=False)
        assert browser.get(STREAM).status_code == 204
        assert "so you were signed out" in browser.get("/sign-in/").content.decode(), "and the page says so, not this"


@pytest.mark.django_db(transaction=True)
def test_a_stream_holds_no_connection_to_the_database_while_it_waits(alice, inside, monkeypatch):
    closed = []
    monkeypatch.setattr(connection, "close", lambda: closed.append(Bell.now))
    Bell.happens.append(lambda: closed.append("waited"))
    listen(inside)
    assert closed[:2] == [0.0, "waited"]


@pytest.mark.security
def test_a_stream_holds_no_keys_while_it_waits(alice, inside):
    answer = inside.get(STREAM)
    assert answer.wsgi_request.keyring is None
    assert inside.get("/account/").wsgi_request.keyring is not None


@pytest.mark.security
def test_whoever_is_not_signed_in_is_told_nothing(browser, alice, enrolled):
    assert browser.get(STREAM).status_code == 204
    browser.sign_in()
    assert browser.get(STREAM).status_code == 204, "half signed in"


def test_a_stream_is_read_and_never_posted_to(inside):
    assert inside.post(STREAM).status_code == 405


def test_when_all_seats_are_taken_the_next_person_s_pages_count_for_themselves(alice, inside, settings):
    settings.NOTICE_STREAMS = 1
    first, bob = inside.get(STREAM), other()
    assert bob.get(STREAM).status_code == 204
    b"".join(first.streaming_content)
    assert bob.get(STREAM).status_code == 200


def test_a_stream_that_nobody_ever_read_gives_its_seat_back(alice, inside):
    inside.get(STREAM).close()
    assert live.seats.count() == 0


def test_the_newest_page_of_a_person_takes_their_seat_and_the_former_one_does_not_come_back_for_it(
    alice, inside, settings
):
    settings.NOTICE_STREAMS = 1
    former = inside.get(STREAM).streaming_content
    assert [next(former), next(former)][1].startswith(b"event: unread")
    newest = inside.get(STREAM)
    assert newest.status_code == 200
    assert b"".join(former) == b"event: over\ndata:\n\n"
    newest.close()
    assert live.seats.count() == 0


@pytest.mark.security
def test_a_person_who_opens_many_streams_never_holds_more_threads_than_seats_and_one(alice, inside, settings):
    settings.NOTICE_STREAMS = 1
    answers = [inside.get(STREAM) for _ in range(5)]
    assert [answer.status_code for answer in answers].count(200) == 2
    assert live.seats.count() == 2


def test_without_redis_there_is_no_stream_and_nothing_asks_for_one(alice, inside, settings):
    settings.REDIS_URL = ""
    assert inside.get(STREAM).status_code == 204
    assert "data-stream" not in inside.get("/account/").content.decode()


def test_with_redis_each_page_asks_for_it(alice, inside):
    text = inside.get("/account/").content.decode()
    assert 'data-stream="/notices/stream"' in text
    assert "js/notices.js" in text


def test_a_redis_that_does_not_answer_costs_no_page_and_keeps_no_seat(alice, inside, monkeypatch):
    def silent(_user_id):
        raise doorbell.Silent

    monkeypatch.setattr(live, "Bell", silent)
    assert inside.get(STREAM).status_code == 204
    assert live.seats.count() == 0


def test_a_redis_that_goes_away_ends_the_stream(alice, inside):
    def gone():
        raise doorbell.Silent

    Bell.happens.append(gone)
    assert counts(listen(inside)) == [0]
    assert live.seats.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_bell_rings_after_the_commit_and_never_for_what_was_undone(alice, monkeypatch):
    rung = []
    monkeypatch.setattr(doorbell, "ring", rung.append)
    with transaction.atomic():
        tell(alice)
        assert rung == []
    assert rung == [alice.pk]
    with transaction.atomic():
        tell(alice, "access-asked")
        transaction.set_rollback(True)
    assert rung == [alice.pk]
    operations.read_all(user=alice)
    assert rung == [alice.pk] * 2
