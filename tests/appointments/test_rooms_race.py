"""One link used by eight connections at the same moment opens once; two who let in at once make one room."""

from datetime import timedelta
from functools import partial

import pytest

from appointments import rooms
from appointments.models import Room, RoomLink
from appointments.refusals import NotPossible
from tests import people
from tests.appointments.at_once import Copy
from tests.appointments.visiting_hours import clinic, on

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


@pytest.fixture
def waiting(db, monday, settings):
    settings.VIDEO_URL = "https://meet.example.org"
    people.prepare_ground()
    harbour = clinic(mode="video")
    ana = harbour.patient("Ana Costa")
    visit = harbour.book(on(0, "09:00"), ana)
    rooms.agree(visit, by=ana.user)
    monday.move_to(on(0, "09:00") - timedelta(minutes=5))
    rooms.come(visit, by=ana.user)
    visit.refresh_from_db()
    return visit, ana, harbour.lee


def test_a_link_used_by_many_at_once_opens_once(waiting, tmp_path):
    visit, ana, lee = waiting
    rooms.let_in(visit, by=lee.user)
    visit.refresh_from_db()
    secret = rooms.seen(visit, by=ana.user).secret
    use = partial(rooms.open_link, visit, secret, by=ana.user, keyring=ana.keyring)
    came = Copy(tmp_path).at_once([use] * MANY)
    assert len([one for one in came if isinstance(one, str)]) == 1
    assert [one.because for one in came if isinstance(one, NotPossible)] == ["used"] * (MANY - 1)


def test_who_lets_in_many_times_at_once_makes_one_room_with_a_link_a_side(waiting, tmp_path):
    visit, _ana, lee = waiting
    copy = Copy(tmp_path)
    assert copy.at_once([partial(rooms.let_in, visit, by=lee.user)] * MANY) == [None] * MANY
    assert copy.look(RoomLink.objects.count) == 2
    assert copy.look(Room.objects.exclude(name={}).count) == 1
