"""Visits by video: agreed to, waited for, let in; one link a side, good once; nothing outside the visit's time."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from appointments import booking, lists, rooms
from appointments.calendars import feeds
from appointments.models import Room, RoomLink, Status
from appointments.refusals import NotPossible, NotTheirs
from appointments.rooms import Stage
from appointments.tasks import move_visits_on
from audit.models import Event
from audit.queries import story
from ehr import clock, environment
from tests import people
from tests.appointments import clinics
from tests.appointments.visiting_hours import clinic, on

AT_NINE = on(0, "09:00")
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _service(settings):
    settings.VIDEO_URL = "https://meet.example.org/rooms"


@pytest.fixture
def by_video(db, monday):
    people.prepare_ground()
    return clinic(mode="video")


@pytest.fixture
def ana(by_video):
    return by_video.patient("Ana Costa")


@pytest.fixture
def lee(by_video):
    return by_video.lee


@pytest.fixture
def visit(by_video, ana):
    return by_video.book(AT_NINE, ana)


@pytest.fixture
def waiting(visit, ana, monday):
    rooms.agree(visit, by=ana.user)
    monday.move_to(AT_NINE - 5 * MINUTE)
    rooms.come(visit, by=ana.user)
    visit.refresh_from_db()
    return visit


@pytest.fixture
def inside(waiting, lee):
    rooms.let_in(waiting, by=lee.user)
    waiting.refresh_from_db()
    return waiting


def look(visit, person) -> rooms.Seen:
    visit.refresh_from_db()
    return rooms.seen(visit, by=person.user)


def enter(visit, person, secret=None) -> str:
    secret = look(visit, person).secret if secret is None else secret
    return rooms.open_link(visit, secret, by=person.user, keyring=person.keyring)


def told(visit) -> list[str]:
    return [one.action for one in story(visit.patient_id, limit=50) if one.action.startswith("video.")][::-1]


def test_both_meet_in_one_room_by_a_link_each(inside, ana, lee):
    assert look(inside, ana).stage == look(inside, lee).stage == Stage.LET_IN
    assert look(inside, ana).secret != look(inside, lee).secret
    there = enter(inside, ana)
    assert there == enter(inside, lee)
    assert there.startswith("https://meet.example.org/rooms/")
    assert told(inside) == ["video.agreed", "video.let-in", "video.opened", "video.opened"]
    assert inside.status == Status.IN_PROGRESS


def test_a_room_is_called_by_256_random_bits_and_no_table_or_line_says_how(inside, ana):
    name = enter(inside, ana).rsplit("/", 1)[1]
    assert len(name) == 43
    kept = (
        repr(list(Room.objects.values())) + repr(list(RoomLink.objects.values())) + repr(list(Event.objects.values()))
    )
    assert name not in kept
    assert "meet.example" not in repr(list(Event.objects.values()))


def test_a_link_opens_once_and_the_second_try_is_on_the_list(inside, ana):
    secret = look(inside, ana).secret
    enter(inside, ana, secret)
    with pytest.raises(NotPossible, match="used already"):
        enter(inside, ana, secret)
    assert told(inside)[-1] == "video.refused"


def test_another_link_opens_the_same_room_and_the_one_before_is_dead(inside, ana):
    secret = look(inside, ana).secret
    there = enter(inside, ana, secret)
    rooms.renew_link(inside, by=ana.user)
    rooms.renew_link(inside, by=ana.user)
    with pytest.raises(NotPossible, match="dead"):
        enter(inside, ana, secret)
    assert enter(inside, ana) == there
    assert told(inside).count("video.link-renewed") == 1


def test_one_side_cannot_use_the_others_link(inside, ana, lee):
    with pytest.raises(NotPossible, match="dead"):
        enter(inside, ana, look(inside, lee).secret)
    with pytest.raises(NotPossible, match="dead"):
        enter(inside, lee, "")


def test_whose_time_it_is_takes_another_room_and_all_links_before_are_dead(inside, ana, lee):
    before, secret = enter(inside, ana), look(inside, lee).secret
    rooms.let_in(inside, by=lee.user)
    assert look(inside, lee).secret == secret
    rooms.let_in(inside, by=lee.user, anew=True)
    with pytest.raises(NotPossible, match="dead"):
        enter(inside, lee, secret)
    assert before != enter(inside, ana) == enter(inside, lee)


def test_nobody_is_let_in_who_did_not_agree_or_did_not_come(visit, ana, lee, monday):
    monday.move_to(AT_NINE)
    with pytest.raises(NotPossible, match="not agreed"):
        rooms.come(visit, by=ana.user)
    booking.arrive(visit, by=lee.user)
    with pytest.raises(NotPossible, match="not agreed"):
        rooms.let_in(visit, by=lee.user)
    rooms.agree(visit, by=ana.user)
    rooms.let_in(visit, by=lee.user)


def test_nobody_agrees_for_a_patient_and_no_patient_lets_themselves_in(by_video, waiting, ana, lee):
    with pytest.raises(NotPossible, match="Only the patient"):
        rooms.agree(waiting, by=lee.user)
    with pytest.raises(NotPossible, match="Only whose time"):
        rooms.let_in(waiting, by=ana.user)
    with pytest.raises(NotPossible, match="between the patient"):
        rooms.seen(waiting, by=by_video.desk.user)


def test_to_a_stranger_there_is_no_such_visit(by_video, inside):
    ben = by_video.patient("Ben Okafor")
    for ask in (lambda: rooms.seen(inside, by=ben.user), lambda: rooms.renew_link(inside, by=ben.user)):
        with pytest.raises(NotTheirs):
            ask()
    with pytest.raises(NotTheirs):
        rooms.open_link(inside, "x", by=ben.user, keyring=ben.keyring)


def test_the_waiting_room_opens_a_quarter_of_an_hour_before_the_visit(visit, ana, monday):
    rooms.agree(visit, by=ana.user)
    monday.move_to(AT_NINE - 15 * MINUTE - timedelta(seconds=1))
    assert look(visit, ana).stage == Stage.EARLY
    with pytest.raises(NotPossible, match="too early"):
        rooms.come(visit, by=ana.user)
    monday.shift(timedelta(seconds=1))
    rooms.come(visit, by=ana.user)
    assert look(visit, ana).stage == Stage.WAITING


def test_a_visit_soon_after_midnight_has_its_waiting_room_from_midnight_on(by_video, ana, monday):
    clinics.open_on(by_video.schedule, range(7), "00:00", "01:00")
    visit = by_video.book(on(1, "00:05"), ana)
    rooms.agree(visit, by=ana.user)
    monday.move_to(on(1, "00:00") - timedelta(seconds=1))
    assert look(visit, ana).stage == Stage.EARLY
    monday.shift(timedelta(seconds=1))
    rooms.come(visit, by=ana.user)
    assert look(visit, ana).stage == Stage.WAITING


def test_half_an_hour_after_the_visit_every_link_is_dead_and_the_rooms_name_is_forgotten(inside, ana, monday):
    secret = look(inside, ana).secret
    monday.move_to(inside.ends + 30 * MINUTE - timedelta(seconds=1))
    assert look(inside, ana).secret == secret
    monday.shift(timedelta(seconds=1))
    assert look(inside, ana).stage == Stage.OVER
    with pytest.raises(NotPossible, match="is over"):
        enter(inside, ana, secret)
    move_visits_on()
    assert Room.objects.get().name == {}
    assert not RoomLink.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("verb", [booking.fulfil, booking.mistake])
def test_a_room_is_dead_once_the_visit_is_done_or_is_not_to_be(inside, ana, lee, verb):
    secret = look(inside, ana).secret
    verb(inside, by=lee.user)
    with pytest.raises(NotPossible, match="is over"):
        enter(inside, ana, secret)


def test_who_was_called_off_or_moved_has_no_room_there(by_video, visit, ana, lee, monday):
    rooms.agree(visit, by=ana.user)
    other = by_video.move(visit, on(0, "11:00"), ana)
    assert look(visit, ana).stage == Stage.OVER
    assert look(other, ana).stage == Stage.ASKED
    booking.cancel(other, by=ana.user)
    assert look(other, ana).stage == Stage.OVER


def test_who_takes_their_word_back_closes_the_room(inside, ana, lee):
    secret = look(inside, lee).secret
    rooms.take_back(inside, by=ana.user)
    with pytest.raises(NotPossible, match="not agreed"):
        enter(inside, lee, secret)
    assert Room.objects.get().name == {}


def test_another_service_is_agreed_to_anew(waiting, ana, settings):
    settings.VIDEO_URL = "https://elsewhere.example.org"
    assert look(waiting, ana).stage == Stage.ASKED


def test_each_side_sees_whether_the_other_is_there(waiting, ana, lee, monday):
    assert look(waiting, lee).other_here
    assert not look(waiting, ana).other_here or clock.now() == look(waiting, ana).other_seen_at
    monday.shift(2 * MINUTE)
    assert not look(waiting, lee).other_here
    assert look(waiting, ana).other_here
    monday.move_to(AT_NINE + 7 * MINUTE)
    assert look(waiting, ana).late == 7


def test_without_a_service_no_visit_by_video_can_be_booked(by_video, visit, ana, settings):
    settings.VIDEO_URL = ""
    assert lists.bookable("", clock.now()) == []
    assert lists.one_bookable(by_video.schedule.pk, by_video.kind.pk, clock.now()) is None
    with pytest.raises(booking.NotFree):
        by_video.hold(on(1, "09:00"), ana)
    assert look(visit, ana).stage == Stage.NONE
    with pytest.raises(NotPossible, match="no service for video"):
        rooms.agree(visit, by=ana.user)


def test_a_visit_at_a_place_has_no_room(by_video, visit, ana):
    by_video.kind.mode = "place"
    by_video.kind.save()
    with pytest.raises(NotPossible, match="not by video"):
        rooms.agree(visit, by=ana.user)
    assert not Room.objects.exists()


def test_calendars_say_nothing_of_a_room(inside, ana):
    _feed, token = feeds.make(ana.user, "patient", with_address=True)
    body = Client().get(reverse("front:calendar", args=[token])).content.decode()
    assert "DTSTART" in body
    assert [word for word in ("meet.example", "ideo", "room") if word in body] == []


def test_production_has_no_service_of_its_own_accord(monkeypatch):
    monkeypatch.delenv("VIDEO_URL", raising=False)
    assert environment.video().startswith("https://")
    monkeypatch.setattr(environment, "PRODUCTION", True)
    assert environment.video() == ""


@pytest.mark.parametrize(
    "told_url", ["http://meet.example", "https://", "https://a@b.example", "https://m.example?x=1"]
)
def test_only_a_plain_https_address_is_a_service(monkeypatch, told_url):
    monkeypatch.setenv("VIDEO_URL", told_url)
    with pytest.raises(ImproperlyConfigured, match="VIDEO_URL"):
        environment.video()
