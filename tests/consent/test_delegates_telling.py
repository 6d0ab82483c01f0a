"""Who acts for a patient and may see who looked hears of what does not wait, and nobody else does."""

from datetime import timedelta

import pytest

from audit import log, sequencer
from consent.delegates import hiding, naming, telling
from consent.sharing import blocks
from ehr.notices.models import Notice
from ehr.words import Category
from tests import people
from tests.consent.delegating import let_in, name


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


def heard(rui) -> list[str]:
    """What Rui has heard of Ana's record, once the log was followed, twice."""
    while sequencer.sequence():
        pass
    for _ in range(2):
        while telling.follow():
            pass
    return sorted(Notice.objects.filter(user=rui.user, kind__startswith="acting").values_list("kind", flat=True))


def test_somebody_let_in_is_news_told_once(ana, rui, lee):
    name(ana, rui)
    people.give(ana, lee, Category.LABS)
    assert heard(rui) == ["acting-news"]


def test_an_emergency_is_told_as_one(ana, rui, lee):
    name(ana, rui)
    doctor = log.Party("person", lee.user.pk, "Mei Lee", "emergency", "")
    log.record("emergency.opened", actor=doctor, subject=ana.patient.pk, categories=["labs"])
    assert heard(rui) == ["acting-emergency"]


def test_ones_own_acts_are_no_news(ana, rui, lee):
    name(ana, rui)
    let_in(ana, rui, lee)
    assert heard(rui) == []


def test_what_came_before_is_no_news(at_begun, ana, rui, lee):
    people.give(ana, lee, Category.LABS)
    at_begun.shift(timedelta(seconds=2))
    name(ana, rui)
    assert heard(rui) == []


def test_of_parts_they_may_not_see_they_hear_nothing(ana, rui, lee):
    name(ana, rui)
    people.give(ana, lee, Category.GENETIC)
    assert heard(rui) == []


def test_without_the_right_to_the_log_they_hear_nothing(ana, rui, lee):
    name(ana, rui, rights=("read",))
    people.give(ana, lee, Category.LABS)
    assert heard(rui) == []


@pytest.mark.parametrize("stopped", ["ended", "blocked", "hidden"])
def test_who_no_longer_acts_is_kept_out_or_kept_from_the_list_hears_nothing(ana, rui, lee, stopped):
    made = name(ana, rui)
    people.give(ana, lee, Category.LABS)
    match stopped:
        case "ended":
            naming.end(made, by=ana.user, keyring=ana.keyring)
        case "blocked":
            blocks.block(ana.patient, reader=rui.user, keyring=ana.keyring)
        case "hidden":
            hiding.hide(ana.patient, what=["log"], delegate=rui.user)
    assert heard(rui) == []
