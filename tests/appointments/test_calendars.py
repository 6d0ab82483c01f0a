"""Visits in somebody's own calendar, and a clinician's other calendars here: times, and not a word about health."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from icalendar import Calendar

from appointments import tasks
from appointments.calendars import apart, busy, feeds, reading
from appointments.calendars.reading import TooMuch, Unreadable
from appointments.models import Absence, BusyCalendar, CalendarFeed
from ehr import clock
from ehr.notices import posting
from providers.rules import NotPossible
from tests import people
from tests.appointments import clinics

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
WHOLE = {"begins": NOW, "ends": NOW + timedelta(days=31), "zone": "America/Toronto"}
ADDRESS = "https://calendars.example.org/private-8f2a/basic.ics"


@pytest.fixture(autouse=True)
def october():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def lee():
    people.prepare_ground()
    return people.clinician("Mei Lee")


@pytest.fixture
def ana(lee):
    return people.patient("Ana Costa")


@pytest.fixture
def visit(lee, ana):
    kind = clinics.visit_type(name="Oncology review")
    made = clinics.schedule(lee.user.clinician, kind)
    return clinics.booked(made, kind, datetime(2026, 10, 22, 13, tzinfo=UTC), ana)


def ics(*events: str) -> bytes:
    """Return a calendar of events, each given by its lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Test//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}@test", *event.split(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def told(content: bytes) -> list[str]:
    return [f"{low:%d %H:%M}-{high:%d %H:%M}" for low, high in reading.busy(content, **WHOLE)]


# --- Out -----------------------------------------------------------------------------------------


def test_a_patients_calendar_says_appointment_and_nothing_of_whom_or_what(visit, ana):
    _feed, token = feeds.make(ana.user, "patient")
    text = feeds.fetch(token).content.decode()
    assert "SUMMARY:Appointment" in text
    assert not re.search("Oncology|Lee|Costa|Water Street|Harbour", text)
    event = Calendar.from_ical(text).walk("VEVENT")[0]
    assert (event.start, event.end) == (visit.starts, visit.ends)


def test_a_patient_may_choose_the_address_a_clinician_may_not(visit, ana, lee):
    _feed, own = feeds.make(ana.user, "patient", with_address=True)
    assert b"LOCATION:1 Water Street" in feeds.fetch(own).content
    _feed, theirs = feeds.make(lee.user, "clinician", with_address=True)
    text = feeds.fetch(theirs).content.decode()
    assert "SUMMARY:Visit" in text
    assert not re.search("LOCATION|Costa|Oncology", text)


def test_a_visit_has_another_id_in_each_calendar(visit, ana, lee):
    texts = [feeds.fetch(feeds.make(*who)[1]).content for who in ((ana.user, "patient"), (lee.user, "clinician"))]
    uids = {str(Calendar.from_ical(text).walk("VEVENT")[0]["UID"]) for text in texts}
    assert len(uids) == 2
    assert str(visit.pk) not in " ".join(uids)


def test_a_cancelled_visit_leaves_the_calendar(visit, ana):
    _feed, token = feeds.make(ana.user, "patient")
    visit.status = "cancelled"
    visit.save()
    assert b"VEVENT" not in feeds.fetch(token).content


def test_the_same_visits_are_not_sent_twice(visit, ana, october):
    _feed, token = feeds.make(ana.user, "patient")
    page = reverse("front:calendar", args=[token])
    first = Client().get(page)
    assert first["Content-Type"].startswith("text/calendar")
    assert first["Cache-Control"] == "private, no-cache"
    october.shift(timedelta(hours=3))
    again = Client().get(page, headers={"If-None-Match": f'"other", {first["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert CalendarFeed.objects.get().fetched_at == clock.now()


def test_an_address_that_was_renewed_or_ended_or_never_was_is_not_found(visit, ana):
    _feed, old = feeds.make(ana.user, "patient")
    _feed, new = feeds.make(ana.user, "patient")
    answers = [Client().get(reverse("front:calendar", args=[token])).status_code for token in (old, new, "guess")]
    assert answers == [404, 200, 404]
    feeds.end(ana.user, "patient")
    assert Client().get(reverse("front:calendar", args=[new])).status_code == 404


def test_a_suspended_account_has_no_calendar(visit, ana):
    _feed, token = feeds.make(ana.user, "patient")
    type(ana.user).objects.filter(pk=ana.user.pk).update(is_active=False)
    with pytest.raises(feeds.Gone):
        feeds.fetch(token)


def test_the_token_is_in_no_table_and_in_no_output(visit, ana):
    feed, token = feeds.make(ana.user, "patient")
    assert token.encode() not in bytes(feed.token_digest)
    with pytest.raises(NotPossible):
        feeds.make(ana.user, "clinician")


# --- In: what a calendar says --------------------------------------------------------------------


def test_repetitions_exceptions_and_moved_events_are_followed_across_the_change_of_clocks():
    weekly = "DTSTART;TZID=America/Toronto:20261001T090000 DTEND;TZID=America/Toronto:20261001T100000 RRULE:FREQ=WEEKLY"
    content = ics(f"{weekly} EXDATE;TZID=America/Toronto:20261029T090000")
    moved = "RECURRENCE-ID;TZID=America/Toronto:20261105T090000 DTSTART:20261105T190000Z DTEND:20261105T200000Z"
    moved = "\r\n".join(["BEGIN:VEVENT", "UID:0@test", *moved.split(), "END:VEVENT", "END:VCALENDAR"])
    content = content.replace(b"END:VCALENDAR", moved.encode())
    assert told(content) == ["22 13:00-22 14:00", "05 19:00-05 20:00", "12 14:00-12 15:00", "19 14:00-19 15:00"]


def test_whole_days_and_times_without_a_zone_are_those_of_the_place():
    assert told(ics("DTSTART;VALUE=DATE:20261110", "DTSTART:20261112T100000 DURATION:PT45M")) == [
        "10 05:00-11 05:00",
        "12 15:00-12 15:45",
    ]


def test_free_and_cancelled_time_does_not_count_nor_do_our_own_visits():
    when = "DTSTART:20261112T100000Z DURATION:PT1H"
    own = ics(when).replace(b"0@test", b"abc" + reading.OWN.encode())
    assert told(ics(f"{when} TRANSP:TRANSPARENT", f"{when} STATUS:CANCELLED")) == told(own) == []


def test_hours_that_touch_are_one():
    first, second = "DTSTART:20261112T100000Z DURATION:PT1H", "DTSTART:20261112T110000Z DURATION:PT1H"
    assert told(ics(second, first)) == ["12 10:00-12 12:00"]


@pytest.mark.parametrize("junk", [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VEVENT\nEND:VEVENT", b"<html></html>"])
def test_what_is_no_calendar_is_said_to_be_none(junk):
    with pytest.raises(Unreadable):
        reading.busy(junk, **WHOLE)


def test_a_calendar_that_is_too_large_is_not_read():
    with pytest.raises(TooMuch):
        reading.busy(b"BEGIN:VEVENT\n" * (reading.MOST_EVENTS + 1), **WHOLE)
    with pytest.raises(TooMuch):
        apart.busy(b"x" * (reading.LARGEST_BYTES + 1), **WHOLE)


def test_a_process_of_its_own_says_the_same():
    content = ics("DTSTART:20261112T100000Z DURATION:PT1H")
    assert apart.busy(content, **WHOLE) == reading.busy(content, **WHOLE)
    with pytest.raises(Unreadable):
        apart.busy(b"hello", **WHOLE)


def test_a_calendar_that_means_work_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(apart, "_PATIENCE", 0.05)
    with pytest.raises(TooMuch):
        apart.busy(ics("DTSTART:20261112T100000Z RRULE:FREQ=SECONDLY"), **WHOLE)


# --- In: what is kept ----------------------------------------------------------------------------


@pytest.fixture
def answers(monkeypatch):
    """What the other side answers, in order; an exception is raised."""
    waiting: list = []

    def ask(url, **_more):
        assert url == ADDRESS
        found = waiting.pop(0)
        if isinstance(found, Exception):
            raise found
        return posting.Answer(found[0], "text/calendar", {}, found[1])

    monkeypatch.setattr(posting, "ask", ask)
    monkeypatch.setattr(apart, "busy", reading.busy)
    return waiting


def kept() -> list[tuple]:
    return list(Absence.objects.order_by("starts").values_list("kind", "starts", "ends"))


ONE = ics("DTSTART:20261112T100000Z DURATION:PT1H SUMMARY:Chemotherapy")
HOUR = ("busy", datetime(2026, 11, 12, 10, tzinfo=UTC), datetime(2026, 11, 12, 11, tzinfo=UTC))


def test_only_the_hours_of_a_connected_calendar_are_kept(lee, answers):
    answers.append((200, ONE))
    made = busy.connect(lee.user.clinician, by=lee.user, name="Hospital", address=ADDRESS)
    assert busy.refresh(made.pk) == ""
    assert kept() == [HOUR]
    made.refresh_from_db()
    assert made.read_at == clock.now()
    assert (made.host, b"private-8f2a" in bytes(made.sealed_address)) == ("calendars.example.org", False)
    assert "Chemo" not in str(list(Absence.objects.values()))


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (TimeoutError(), "unreachable"),
        (posting.NotAllowed("inside"), "unreachable"),
        (posting.Refused("too long"), "refused"),
        ((404, b""), "refused"),
        ((200, b"<html>"), "unreadable"),
        ((200, b"BEGIN:VEVENT\n" * 6000), "too-much"),
    ],
)
def test_what_cannot_be_read_leaves_the_last_good_state_and_says_since_when(lee, answers, october, answer, word):
    answers += [(200, ONE), answer, answer, (200, ics())]
    made = busy.connect(lee.user.clinician, by=lee.user, name="Hospital", address=ADDRESS)
    busy.refresh(made.pk)
    october.shift(timedelta(hours=1))
    since = clock.now()
    assert busy.refresh(made.pk) == word
    october.shift(timedelta(hours=1))
    busy.refresh(made.pk)
    made.refresh_from_db()
    assert (made.trouble, made.trouble_since, made.read_at) == (word, since, NOW)
    assert kept() == [HOUR]
    assert busy.refresh(made.pk) == ""
    made.refresh_from_db()
    assert (made.trouble, made.trouble_since, kept()) == ("", None, [])


def test_a_calendar_is_due_when_it_was_not_tried_for_a_while(lee, answers, october):
    answers.append((200, ONE))
    made = busy.connect(lee.user.clinician, by=lee.user, name="Hospital", address=ADDRESS)
    assert busy.due(clock.now()) == [made.pk]
    busy.refresh(made.pk)
    assert busy.due(clock.now()) == []
    assert busy.due(clock.now() + timedelta(minutes=31)) == [made.pk]


@pytest.mark.parametrize(
    "address", ["http://x.example/a", "https://127.0.0.1/a", "file:///etc/passwd", "https://a:b@c/"]
)
def test_an_address_inside_or_in_clear_is_refused(lee, address, settings):
    settings.DEBUG = False
    with pytest.raises(NotPossible):
        busy.connect(lee.user.clinician, by=lee.user, name="Hospital", address=address)


def test_a_file_is_read_once_and_only_its_hours_are_kept(lee, answers):
    made = busy.upload(lee.user.clinician, by=lee.user, name="University", content=ONE)
    assert kept() == [HOUR]
    assert not made.sealed_address
    with pytest.raises(NotPossible, match="no calendar"):
        busy.upload(lee.user.clinician, by=lee.user, name="University", content=b"hello")
    assert BusyCalendar.objects.count() == 1


def test_what_is_disconnected_is_forgotten(lee, answers):
    made = busy.upload(lee.user.clinician, by=lee.user, name="University", content=ONE)
    stranger = people.clinician("Sam Roy").user
    with pytest.raises(NotPossible):
        busy.disconnect(made, by=stranger)
    busy.disconnect(made, by=lee.user)
    assert (kept(), busy.calendars(lee.user.clinician)) == ([], [])


def test_busy_hours_cannot_be_booked(lee, answers):
    kind = clinics.visit_type(minutes=60)
    made = clinics.schedule(lee.user.clinician, kind, where=clinics.place(zone="UTC"))
    clinics.open_on(made, range(7), "09:00", "12:00")
    busy.upload(lee.user.clinician, by=lee.user, name="University", content=ONE)
    day = date(2026, 11, 12)
    found = clinics.free_starts(made, kind, day)
    assert [one.strftime("%H:%M") for one in found] == ["09:00", "11:00"]


def test_the_task_reads_each_calendar_that_is_due_and_may_run_twice(lee, answers, monkeypatch):
    answers += [(200, ONE), (200, ONE)]
    made = busy.connect(lee.user.clinician, by=lee.user, name="Hospital", address=ADDRESS)
    monkeypatch.setattr(tasks.read_calendar, "delay", tasks.read_calendar)
    assert (tasks.read_calendars(), tasks.read_calendars()) == (1, 0)
    assert tasks.read_calendar(str(made.pk)) == ""
    assert kept() == [HOUR]
