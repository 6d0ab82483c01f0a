"""When a child comes of age, a parent's right to act for them is over, by itself."""

from datetime import UTC, date, datetime, timedelta

import pytest

from consent import access
from consent.access import AccessDenied
from consent.delegates import naming
from ehr.words import Category
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.delegating import chart, let_in, name, opened, terms


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


@pytest.fixture
def leo(ground):
    """A boy with keys of his own, who lives in Toronto and comes of age on 1 December 2026."""
    boy = people.patient("Leo Costa")
    boy.user.time_zone = "America/Toronto"
    boy.user.save(update_fields=["time_zone"])
    boy.patient.birth_date = date(2008, 12, 1)
    boy.patient.save(update_fields=["birth_date"])
    access.add_own(boy.patient, [draft(part) for part in Category], keyring=boy.keyring)
    return boy


def test_a_parents_right_ends_by_itself_when_the_child_comes_of_age(at_begun, leo, rui):
    grown = datetime(2026, 12, 1, 5, tzinfo=UTC)  # midnight in Toronto
    made = name(leo, rui, basis="parent", days=300)
    assert made.ends == grown
    at_begun.move_to(grown - timedelta(seconds=1))
    assert texts(opened(leo, rui))
    at_begun.move_to(grown + timedelta(seconds=1))
    with pytest.raises(AccessDenied):
        opened(leo, rui)


def test_whom_a_parent_let_in_is_out_then_too(at_begun, leo, rui, lee):
    made = name(leo, rui, basis="parent", days=300)
    let_in(leo, rui, lee, days=300)
    at_begun.move_to(made.ends - timedelta(seconds=1))
    assert texts(chart(leo, lee))
    at_begun.move_to(made.ends + timedelta(seconds=1))
    with pytest.raises(AccessDenied):
        chart(leo, lee)


def test_the_day_counts_where_the_child_lives_now(at_begun, leo, rui):
    name(leo, rui, basis="parent", days=300)
    leo.user.time_zone = "Pacific/Auckland"
    leo.user.save(update_fields=["time_zone"])
    at_begun.move_to(datetime(2026, 11, 30, 10, 59, 59, tzinfo=UTC))
    assert texts(opened(leo, rui))
    at_begun.move_to(datetime(2026, 11, 30, 11, 0, 1, tzinfo=UTC))
    with pytest.raises(AccessDenied):
        opened(leo, rui)


def test_a_carer_stays_when_somebody_comes_of_age(at_begun, leo, rui):
    name(leo, rui, basis="carer", days=60)
    at_begun.move_to(datetime(2026, 12, 2, tzinfo=UTC))
    assert texts(opened(leo, rui))


def test_nobody_is_named_as_the_parent_of_somebody_of_age(at_begun, leo, rui):
    at_begun.move_to(datetime(2026, 12, 1, 5, tzinfo=UTC))
    with pytest.raises(naming.CannotName):
        naming.ask(leo.patient, email=rui.user.email, terms=terms(basis="parent"))
