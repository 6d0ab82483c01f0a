"""Many at once: ticked, read in full, confirmed once, and gone on with over any number of loads."""

from datetime import timedelta

import pytest
from django.urls import reverse

from consent import access
from consent.models import AccessRequest, BulkAct, Ending, Grant
from consent.sharing import answering, asking, bulk
from ehr import clock
from ehr.words import Category
from tests import people
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(ana):
    return [people.give(ana, people.clinician(f"Doctor {n}"), Category.LABS) for n in range(5)]


def ask(ana, name, *parts):
    reader = people.clinician(name)
    before = people.give(ana, reader, Category.BASIC)
    people.grants.end(before, keyring=None, by=access.own_party(ana.patient))
    return asking.ask(
        ana.patient, reader=reader.user, keyring=reader.keyring, categories=parts, days=10, words="For your visit."
    )


@pytest.fixture
def asked(ana):
    return [ask(ana, f"Asker {n}", Category.LABS) for n in range(3)]


def tick(browser, page, do, items):
    return browser.post(reverse(f"patient:{page}"), {"do": do, "item": [one.pk for one in items]})


def confirm(browser, page, do, items) -> str:
    """Tick and confirm; return the address of the page that goes on."""
    return yes(browser, tick(browser, page, do, items)["Location"])


def yes(browser, where) -> str:
    """Confirm what a page shows; return where that leads."""
    page = browser.get(where)
    read = page.context.get("read", "") if page.status_code == 200 else ""
    return browser.post(where, {"read": read})["Location"]


def test_every_sentence_is_read_before_anything_ends(browser, five):
    page = browser.get(tick(browser, "end-many", "end", five)["Location"]).content.decode()
    assert all(grant.sentence in page for grant in five)
    assert "End these 5 permissions?" in page
    assert not Ending.objects.exists()


def test_many_end_at_once_and_the_page_says_so(browser, five):
    page = browser.get(confirm(browser, "end-many", "end", five))
    assert "5 permissions have ended." in page.content.decode()
    assert "Refresh" not in page
    assert Ending.objects.count() == 5


def test_each_load_goes_on_and_a_second_tab_does_nothing_twice(ana, browser, five, monkeypatch):
    monkeypatch.setattr(bulk.advance, "__kwdefaults__", {"steps": 2})
    where = confirm(browser, "end-many", "end", five)
    first = browser.get(where)
    assert "2 of 5 done" in first.content.decode()
    assert first["Refresh"] == f"2;url={where}"
    assert "4 of 5 done" in browser_of(ana).get(where).content.decode()
    assert "Go on with it" in browser.get(reverse("patient:end-many")).content.decode()
    assert "5 permissions have ended." in browser.post(where).content.decode()
    assert Ending.objects.count() == 5


def test_confirmed_twice_it_is_one_act(browser, five):
    where = tick(browser, "end-many", "end", five)["Location"]
    assert yes(browser, where) == yes(browser, where)
    assert BulkAct.objects.count() == 1


def test_many_requests_are_approved_as_they_were_asked(browser, asked):
    where = tick(browser, "answer-many", "approve", asked)["Location"]
    assert browser.get(where).content.decode().count('class="sentence"') == 3
    page = browser.get(yes(browser, where)).content.decode()
    assert "You said yes to 3 requests." in page
    assert set(AccessRequest.objects.values_list("state", flat=True)) == {"approved"}


def test_what_ends_is_the_day_that_was_read_also_when_one_goes_on_days_later(ana, browser, asked, time_machine):
    time_machine.move_to(clock.now() + timedelta(minutes=1))
    where = tick(browser, "answer-many", "approve", asked)["Location"]
    sentence = browser.get(where).context["lines"][0]["sentence"]
    act = yes(browser, where)
    time_machine.move_to(clock.now() + timedelta(days=3))
    browser_of(ana).get(act)
    assert set(Grant.objects.filter(request__isnull=False).values_list("sentence", flat=True)) >= {sentence}


def test_many_requests_are_declined(browser, asked):
    page = browser.get(confirm(browser, "answer-many", "decline", asked)).content.decode()
    assert "You said no to 3 requests." in page


def test_what_was_left_is_named_with_the_reason(browser, asked):
    where = tick(browser, "answer-many", "approve", asked)["Location"]
    answering.decline(asked[1])
    page = browser.get(yes(browser, where)).content.decode()
    assert "You said yes to 2 requests." in page
    assert "Left as it was" in page
    assert "Dr Asker 1" in page
    assert "answered or taken back meanwhile" in page


@pytest.mark.parametrize(
    ("do", "words"), [("approve", "Tick at least one line."), ("end", "Choose what to do with what you ticked.")]
)
def test_what_cannot_be_done_is_said_beside_the_list(browser, ana, do, words):
    assert words in tick(browser, "answer-many", do, []).content.decode()


def test_sensitive_parts_are_answered_by_themselves(browser, ana, asked):
    asked.append(ask(ana, "Gene Asker", Category.GENETIC))
    assert "Answer that one by itself." in tick(browser, "answer-many", "approve", asked).content.decode()


def test_somebody_elses_act_is_not_found(browser, ben, five):
    where = confirm(browser, "end-many", "end", five)
    assert browser_of(ben).get(where).status_code == 404
    assert not Ending.objects.exists()


def test_locked_keys_lead_to_unlocking_and_back(ana, browser, five):
    where = confirm(browser, "end-many", "end", five)
    answer = browser_of(ana, unlocked=False).get(where)
    assert answer["Location"] == f"{reverse('front:unlock')}?next={where.replace('/', '%2F')}"


def test_the_ways_to_it_are_on_both_lists(browser):
    assert reverse("patient:end-many") in browser.get(reverse("patient:sharing")).content.decode()
    assert reverse("patient:answer-many") in browser.get(reverse("patient:requests")).content.decode()
