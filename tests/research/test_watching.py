"""Unusual use by researchers: what the rules find, what they leave alone, and where it goes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from audit import queries as audit
from ehr import clock
from ehr.desk.roles import DeskRole
from research import tasks
from research.models import Asking, Unusual
from research.studies.proposing import log_study
from research.watching import looking
from research.watching.rules import Deed, Seen, Why, unusual
from tests.research import studying
from tests.research.test_leaving_pages import page, staff

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def every(minutes, count, deed, *, start=NOON):
    return [Seen(start + timedelta(minutes=minutes * number), deed) for number in range(count)]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (every(60, 5, Deed.REFUSED), [Why.REFUSALS]),
        (every(60 * 7, 5, Deed.REFUSED), []),
        (every(60, 4, Deed.REFUSED), []),
        (every(1, 30, Deed.ASKED), [Why.BURST]),
        (every(3, 30, Deed.ASKED), []),
        (every(60 * 24, 2, Deed.FETCHED, start=NOON.replace(hour=23)), [Why.NIGHT]),
        (every(60 * 24, 2, Deed.FETCHED, start=NOON.replace(hour=5)), [Why.NIGHT]),
        (every(60 * 24, 5, Deed.FETCHED), []),
        (every(60 * 24 * 8, 5, Deed.FETCHED, start=NOON.replace(hour=23)), []),
        ([], []),
    ],
)
def test_what_is_unusual_is_found_and_an_ordinary_week_is_not(seen, why):
    assert [one.why for one in unusual(seen)] == why


def test_a_finding_says_when_and_how_often():
    (found,) = unusual([*every(1, 35, Deed.ASKED), *every(10, 3, Deed.ASKED, start=NOON + timedelta(days=1))])
    assert (found.first, found.last, found.count) == (NOON, NOON + timedelta(minutes=34), 35)


@pytest.fixture
def busy(db):
    """A researcher who asked thirty times just now."""
    studying.prepare_ground()
    rosa = studying.researcher()
    study = studying.drafted(rosa)
    Asking.objects.bulk_create(Asking(study=study, digest=bytes(32), by=rosa.user) for _ in range(30))
    return rosa, study


def test_a_burst_is_put_before_the_privacy_officer_once_and_logged(busy):
    rosa, _study = busy
    assert (tasks.watch_use(), tasks.watch_use()) == (1, 0)
    row = Unusual.objects.get()
    assert (row.by, row.why, row.count) == (rosa.user, "burst", 30)
    assert len(list(audit.with_action(["study.use-flagged"]))) == 1


def test_refusals_are_read_from_the_log_and_old_ones_are_not(busy):
    rosa, study = busy
    for _number in range(5):
        log_study("study.count-refused", study, rosa.user)
    assert looking.look() == 2
    assert {one.why for one in Unusual.objects.all()} == {"burst", "refusals"}
    assert list(audit.with_action(looking.REFUSALS, since=clock.now() + timedelta(days=1))) == []


def test_the_officer_looks_into_it_and_nobody_else_sees_it(busy):
    looking.look()
    row = Unusual.objects.get()
    petra = staff("Petra Ok", DeskRole.PRIVACY)
    assert "Unusual use by researchers" in page(petra, "admin:index")
    assert "many questions within an hour" in page(petra, "admin:research_unusual_change", row.pk)
    url = reverse("admin:research_unusual_act", args=[row.pk, "review"])
    assert petra.post(url, {"review-said": "A script of hers. Agreed to slow it down."}).status_code == 302
    row.refresh_from_db()
    assert row.said.startswith("A script")
    assert looking.look() == 0
    page(staff("Carl Moss", DeskRole.COMMITTEE), "admin:research_unusual_changelist", status=404)
