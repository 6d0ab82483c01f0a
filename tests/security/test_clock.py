"""Time that cannot be trusted stops decisions; a database that is slow to answer is no wrong clock."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError

from ehr import clock

pytestmark = pytest.mark.security


@pytest.fixture
def database(settings, monkeypatch):
    """A database whose clock a test sets: seconds ahead of this machine's, and what it takes to answer."""
    settings.CLOCK_COMPARE_WITH_DATABASE = True
    told = {"ahead": 0.0, "takes": 0.0, "asked": 0}

    def answer():
        told["asked"] += 1
        if told["ahead"] is None:
            raise OperationalError("the database is away")
        before = datetime.now(UTC)
        theirs = before + timedelta(seconds=told["ahead"] + told["takes"] / 2)
        return before, theirs, before + timedelta(seconds=told["takes"])

    monkeypatch.setattr(clock, "_database_now", answer)
    return told


@pytest.mark.parametrize("ahead", [-2.5, 2.5, 3600, -86_400])
def test_a_database_with_another_time_stops_everything(database, ahead):
    database["ahead"] = ahead
    with pytest.raises(clock.ClockUnsure, match="Synchronise"):
        clock.now()
    with pytest.raises(clock.ClockUnsure):
        clock.now()


@pytest.mark.parametrize("ahead", [-1.5, 0, 1.5])
def test_a_small_difference_is_forgiven(database, ahead):
    database["ahead"] = ahead
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1


def test_a_slow_answer_is_no_wrong_clock(database):
    database["takes"] = 9
    clock.now()


def test_a_slow_answer_hides_no_wrong_clock(database):
    database |= {"takes": 9, "ahead": 20}
    with pytest.raises(clock.ClockUnsure):
        clock.now()


def test_clocks_are_compared_once_in_ten_seconds(database):
    clock.now()
    clock.now()
    assert database["asked"] == 1
    clock.watch.compared_at -= 11
    clock.now()
    assert database["asked"] == 2


def test_a_comparison_that_failed_is_made_again(database):
    database["ahead"] = None
    for _ in range(2):
        with pytest.raises(OperationalError):
            clock.now()
    assert database["asked"] == 2


def test_time_that_runs_backwards_stops_everything():
    with time_machine.travel(datetime(2026, 5, 3, 12, tzinfo=UTC)) as traveller:
        clock.now()
        traveller.shift(-5)
        with pytest.raises(clock.ClockUnsure, match="backwards"):
            clock.now()
