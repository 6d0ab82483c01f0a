"""The pages of visits of somebody for whom one acts: booked, moved, called off; nothing of what is kept from one."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from appointments.models import Appointment, Status
from appointments.rules import HOLD
from audit import queries as log
from consent.delegates import hiding
from consent.models import Grant
from ehr import clock
from tests import people
from tests.appointments import clinics
from tests.consent.delegating import name
from tests.patient.conftest import browser_of
from tests.patient.test_visits import booked

pytestmark = pytest.mark.django_db

BOOKS = ("appointments", "book")
NOISE = re.compile(r'name="(?:csrfmiddlewaretoken|read)" value="\w+"|nonce="[^"]+"')


@pytest.fixture
def kind(lee):
    return clinics.visit_type(name="Check-up", minutes=30, price=12_000, late_fee_percent=50, needs=["labs", "genetic"])


@pytest.fixture
def schedule(lee, kind):
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.open_on(made, range(7), "00:00", "00:00")
    return made


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


def acting(ana, rui, rights=BOOKS, parts=()):
    made, browser = name(ana, rui, rights=rights, categories=parts), browser_of(rui)
    browser.post(reverse("patient:acting-begin", args=[made.pk]))
    return browser


def said(browser, page, *args, status=200) -> str:
    answer = browser.get(reverse(f"patient:{page}", args=args))
    assert answer.status_code == status, answer
    return answer.content.decode()


def book(browser, schedule, kind, number=0) -> Appointment:
    times = reverse("patient:acting-visit-times", args=[schedule.pk, kind.pk])
    starts = re.findall(r'name="starts" value="([^"]+)"', browser.get(times).content.decode())[number]
    kept = browser.post(times, {"starts": starts})["Location"]
    assert "Ana Costa" in browser.get(kept).content.decode()
    made = browser.post(kept)["Location"]
    assert browser.post(kept)["Location"] == made
    return Appointment.objects.get(pk=made.strip("/").split("/")[-1])


def test_a_visit_is_booked_moved_cancelled_and_taken_back_for_them_and_each_page_says_for_whom(
    ana, rui, schedule, kind, browser
):
    theirs = acting(ana, rui)
    assert "Mei Lee" in said(theirs, "acting-visit-find")
    visit = book(theirs, schedule, kind)
    assert (visit.patient, visit.booked_by, visit.changes.get().by) == (ana.patient, rui.user, rui.user)
    pages = [said(theirs, "acting-visits"), *(said(theirs, f"acting-visit{one}", visit.pk) for one in ("", "-cancel"))]
    assert all("You act for <b>" in page and "Ana Costa" in page for page in pages)
    move = reverse("patient:acting-visit-move", args=[visit.pk])
    starts = re.findall(r'name="starts" value="([^"]+)"', theirs.get(move).content.decode())[3]
    confirm = theirs.post(move, {"starts": starts})["Location"]
    assert "Move this visit?" in theirs.get(confirm).content.decode()
    moved = Appointment.objects.get(pk=theirs.post(confirm)["Location"].strip("/").split("/")[-1])
    theirs.post(reverse("patient:acting-visit-cancel", args=[moved.pk]), {"because": "another-time"})
    assert "Cancelled" in said(theirs, "acting-visit", moved.pk)
    theirs.post(reverse("patient:acting-visit-undo", args=[moved.pk]))
    moved.refresh_from_db()
    assert moved.status == Status.BOOKED
    assert "Rui Costa" in said(browser, "visit", moved.pk)
    lines = [line for line in log.story(ana.patient.pk, limit=99) if line.action.startswith("appointment.")]
    assert {line.actor.role for line in lines} == {"delegate"}


def test_a_time_that_was_proposed_is_agreed_to_for_them(ana, rui, schedule, kind, browser):
    visit = booked(browser, schedule, kind)
    Appointment.objects.filter(pk=visit.pk).update(status=Status.PROPOSED)
    acting(ana, rui).post(reverse("patient:acting-visit-accept", args=[visit.pk]))
    visit.refresh_from_db()
    assert visit.status == Status.BOOKED


def test_who_may_only_see_finds_no_button_and_no_page_to_book(ana, rui, schedule, kind, browser):
    visit = booked(browser, schedule, kind)
    theirs = acting(ana, rui, rights=("appointments",))
    page = said(theirs, "acting-visit", visit.pk)
    assert "Check-up" in page
    assert "Cancel it" not in page
    for one in ("acting-visit-cancel", "acting-visit-move"):
        said(theirs, one, visit.pk, status=404)
    said(theirs, "acting-visit-find", status=404)
    said(theirs, "acting-visit-times", schedule.pk, kind.pk, status=404)


def test_without_the_right_there_is_no_page_of_visits(ana, rui, schedule, kind, browser):
    visit = booked(browser, schedule, kind)
    theirs = acting(ana, rui, rights=("log",))
    said(theirs, "acting-visits", status=404)
    said(theirs, "acting-visit", visit.pk, status=404)
    assert "Their visits" not in said(theirs, "acting-home")


def test_what_is_kept_from_them_leaves_every_page_as_if_it_had_never_been_booked(ana, rui, schedule, kind, browser):
    theirs = acting(ana, rui)
    pages = ("acting-home", "acting-visits", "acting-visit-find")
    before = [NOISE.sub("", said(theirs, page)) for page in pages]
    hiding.hide(ana.patient, what=["appointments"], delegate=rui.user)
    visit = booked(browser, schedule, kind)
    assert [NOISE.sub("", said(theirs, page)) for page in pages] == before
    for one in ("acting-visit", "acting-visit-cancel", "acting-visit-move"):
        said(theirs, one, visit.pk, status=404)
    for press in ("accept", "undo", "cancel"):
        sent = theirs.post(reverse(f"patient:acting-visit-{press}", args=[visit.pk]), {"because": "not-said"})
        assert sent.status_code == 404
    mine = book(theirs, schedule, kind)
    assert "Check-up" in said(theirs, "acting-visit", mine.pk)


def test_at_a_time_that_is_kept_from_them_they_book_elsewhere_as_anybody_would(ana, rui, schedule, kind, browser):
    visit = booked(browser, schedule, kind, 4)
    theirs = acting(ana, rui)
    hiding.hide(ana.patient, what=["appointments"], delegate=rui.user)
    other = clinics.schedule(people.clinician("Omar Haddad").user.clinician, kind)
    clinics.open_on(other, range(7), "00:00", "00:00")
    assert book(theirs, other, kind, 4).starts == visit.starts


@pytest.mark.parametrize("end", ["ended", "over"])
def test_when_it_is_over_there_is_no_page_and_no_visit_any_more(ana, rui, schedule, kind, end):
    theirs = acting(ana, rui)
    visit = book(theirs, schedule, kind)
    later = clock.now() + (timedelta(days=31) if end == "over" else HOLD)
    if end == "ended":
        theirs.post(reverse("patient:acting-give-up"))
    with time_machine.travel(later):
        assert theirs.post(reverse("patient:acting-visit-cancel", args=[visit.pk])).status_code in {302, 404}
    visit.refresh_from_db()
    assert visit.status == Status.BOOKED


def test_somebody_else_s_visit_is_none_of_theirs(ana, rui, ben, schedule, kind):
    other = booked(browser_of(ben), schedule, kind)
    said(acting(ana, rui), "acting-visit", other.pk, status=404)


def test_who_may_share_lets_in_what_the_visit_needs_with_one_sentence(ana, rui, schedule, kind):
    theirs = acting(ana, rui, rights=("read", "share", *BOOKS), parts=("labs",))
    visit = book(theirs, schedule, kind)
    assert "See what they would see" in said(theirs, "acting-visit", visit.pk)
    page = said(theirs, "acting-visit-access", visit.pk)
    assert "lab results" in page
    assert "genetic" not in page
    read = re.search(r'name="read" value="(\w+)"', page)[1]
    theirs.post(reverse("patient:acting-visit-access", args=[visit.pk]), {"read": read})
    grant = Grant.objects.get(kind=Grant.Kind.GIVEN)
    visit.refresh_from_db()
    assert (visit.grant, grant.categories, grant.delegation.reader.user) == (grant, ["labs"], rui.user)
    assert "See it, or stop it" in said(theirs, "acting-visit", visit.pk)


def test_who_may_not_share_is_offered_nothing_to_sign(ana, rui, schedule, kind):
    theirs = acting(ana, rui, rights=("read", *BOOKS), parts=("labs",))
    visit = book(theirs, schedule, kind)
    assert "what they would see" not in said(theirs, "acting-visit", visit.pk)
    said(theirs, "acting-visit-access", visit.pk, status=404)


def test_who_may_share_and_not_see_visits_finds_no_page_that_shares_for_one(ana, rui, schedule, kind, browser):
    visit = booked(browser, schedule, kind)
    theirs = acting(ana, rui, rights=("read", "share"), parts=("labs",))
    said(theirs, "acting-visit-access", visit.pk, status=404)
