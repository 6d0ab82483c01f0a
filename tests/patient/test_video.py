"""A visit by video on its pages: the patient agrees and waits, the clinician lets them in, each opens a link once."""

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.urls import reverse

from appointments import booking, reminders
from appointments.models import Reminder, Status
from appointments.tasks import remind
from audit.models import Event
from audit.queries import story
from ehr import clock
from tests import people
from tests.appointments.visiting_hours import clinic, on
from tests.clinician.conftest import browser_of as clinician_browser
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db
AT_NINE = on(0, "09:00")
ROOM = re.compile(r'href="(https://meet\.example\.org/[^"]+)"')


@pytest.fixture(autouse=True)
def _service(settings):
    settings.VIDEO_URL = "https://meet.example.org"


@pytest.fixture
def early():
    with time_machine.travel(AT_NINE - timedelta(minutes=16), tick=False) as traveller:
        yield traveller


@pytest.fixture
def harbour(db, early):
    people.prepare_ground()
    return clinic(mode="video")


@pytest.fixture
def ana(harbour):
    return harbour.patient("Ana Costa")


@pytest.fixture
def visit(harbour, ana):
    return harbour.book(AT_NINE, ana)


@pytest.fixture
def hers(ana):
    return browser_of(ana)


@pytest.fixture
def his(harbour):
    return clinician_browser(harbour.lee)


def page(browser, name: str, visit, **more) -> str:
    return unescape(browser.get(reverse(name, args=[visit.pk]), more).content.decode())


def press(browser, name: str, visit, act: str, **told):
    return browser.post(reverse(f"{name}-press", args=[visit.pk, act]), told)


def link_on(text: str) -> str:
    return re.search(r'name="link" value="([^"]+)"', text)[1]


def let_in(hers, his, visit, early) -> None:
    press(hers, "patient:visit-video", visit, "agree")
    early.move_to(AT_NINE - timedelta(minutes=5))
    press(hers, "patient:visit-video", visit, "come")
    press(his, "clinician:day-video", visit, "let-in")


def test_the_patient_agrees_waits_is_let_in_and_both_meet(hers, his, visit, early):
    assert "To the waiting room" in page(hers, "patient:visit", visit)
    said = page(hers, "patient:visit-video", visit)
    assert "go through meet.example.org" in said
    assert "They have not said yet" in page(his, "clinician:day-video", visit)
    let_in(hers, his, visit, early)
    visit.refresh_from_db()
    assert visit.status == Status.IN_PROGRESS
    rooms = []
    for browser, name in ((hers, "patient:visit-video"), (his, "clinician:day-video")):
        answer = press(browser, name, visit, "open", link=link_on(page(browser, name, visit)))
        rooms += ROOM.findall(answer.content.decode())
        assert 'rel="noopener noreferrer"' in answer.content.decode()
        assert answer["Cache-Control"] == "no-store"
    assert len(rooms) == 2
    assert len(set(rooms)) == 1


def test_a_link_sent_again_opens_nothing_and_a_new_one_does(hers, his, visit, early):
    let_in(hers, his, visit, early)
    link = link_on(page(hers, "patient:visit-video", visit))
    first = press(hers, "patient:visit-video", visit, "open", link=link)
    again = press(hers, "patient:visit-video", visit, "open", link=link)
    assert ROOM.findall(first.content.decode())
    assert again.status_code == 302
    assert "used already" in page(hers, "patient:visit-video", visit)
    press(hers, "patient:visit-video", visit, "renew")
    new = link_on(page(hers, "patient:visit-video", visit))
    assert new != link
    assert ROOM.findall(press(hers, "patient:visit-video", visit, "open", link=new).content.decode())


def test_no_page_that_can_be_asked_for_shows_the_room(hers, his, visit, early):
    let_in(hers, his, visit, early)
    press(hers, "patient:visit-video", visit, "open", link=link_on(page(hers, "patient:visit-video", visit)))
    for browser, name in ((hers, "patient:visit-video"), (his, "clinician:day-video"), (hers, "patient:visit")):
        assert ROOM.findall(page(browser, name, visit)) == []


def test_the_waiting_page_says_who_is_there_and_how_late_it_is(hers, his, visit, early):
    press(hers, "patient:visit-video", visit, "agree")
    early.move_to(AT_NINE - timedelta(minutes=5))
    press(hers, "patient:visit-video", visit, "come")
    assert "has not looked in yet" in page(hers, "patient:visit-video", visit)
    assert "They have the page open now" in page(his, "clinician:day-video", visit)
    assert "sees that you wait" in page(hers, "patient:visit-video", visit)
    early.move_to(AT_NINE + timedelta(minutes=16))
    said = page(hers, "patient:visit-video", visit)
    assert "should have begun 16 minutes ago" in said
    assert "last looked in" in said
    assert '<noscript><meta http-equiv="refresh" content="15; url=?again">' in said


def test_the_day_leads_to_the_waiting_room(his, visit):
    day = his.get(reverse("clinician:day"), {"day": "2026-11-23"}).content.decode()
    assert reverse("clinician:day-video", args=[visit.pk]) in day


def test_a_page_that_looks_again_names_nobody(his, visit):
    assert "Ana Costa" in page(his, "clinician:day-video", visit)
    named = len(story(visit.patient_id, limit=50))
    assert "Ana Costa" not in page(his, "clinician:day-video", visit, again="")
    assert len(story(visit.patient_id, limit=50)) == named


def test_others_find_no_such_page(harbour, visit, hers, his):
    ben, ann = harbour.patient("Ben Okafor"), people.clinician("Ann Other")
    for browser, name in (
        (browser_of(ben), "patient:visit-video"),
        (clinician_browser(ann), "clinician:day-video"),
        (clinician_browser(harbour.desk), "clinician:day-video"),
    ):
        assert browser.get(reverse(name, args=[visit.pk])).status_code == 404
        assert press(browser, name, visit, "open", link="x").status_code == 404
    assert press(hers, "patient:visit-video", visit, "let-in").status_code == 404
    assert press(his, "clinician:day-video", visit, "agree").status_code == 404


def test_locked_keys_are_asked_for_first(ana, visit):
    answer = browser_of(ana, unlocked=False).get(reverse("patient:visit-video", args=[visit.pk]))
    assert answer["Location"].startswith(reverse("front:unlock"))


def test_a_visit_at_a_place_has_no_such_page(harbour, hers, visit):
    harbour.kind.mode = "place"
    harbour.kind.save()
    assert hers.get(reverse("patient:visit-video", args=[visit.pk])).status_code == 404
    assert "waiting room" not in page(hers, "patient:visit", visit)


def test_a_reminder_says_nothing_of_video_and_leads_to_signing_in(harbour, ana, early, client, mailoutbox):
    visit = harbour.book(on(3, "10:00"), ana)
    early.move_to(on(2, "10:00"))
    remind()
    address = reverse("front:visit-reminder", args=[reminders.token(Reminder.objects.get(channel="mail").pk)])
    there = client.get(address).content.decode()
    assert "ideo" not in mailoutbox[0].subject + mailoutbox[0].body + there
    onward = reverse("patient:visit", args=[visit.pk])
    assert onward in there
    assert client.get(onward)["Location"].startswith(reverse("front:sign-in"))


def test_neither_program_output_nor_the_log_holds_a_rooms_address(hers, his, visit, early, caplog):
    let_in(hers, his, visit, early)
    answer = press(hers, "patient:visit-video", visit, "open", link=link_on(page(hers, "patient:visit-video", visit)))
    name = ROOM.findall(answer.content.decode())[0].rsplit("/", 1)[1]
    assert name not in caplog.text + repr(list(Event.objects.values()))


def test_whose_visit_was_called_off_reads_that_the_room_is_closed(hers, ana, visit):
    booking.cancel(visit, by=ana.user)
    assert "Its room is closed" in page(hers, "patient:visit-video", visit)
    assert clock.now() < visit.starts
