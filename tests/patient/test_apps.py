"""An app that a patient let in stands where everybody stands who can see the record, and stops like everybody."""

import pytest
from django.urls import reverse

from consent.access import AccessDenied, open_record
from consent.models import Ending, Grant
from consent.sharing import apps
from ehr.notices.models import Notice
from ehr.words import Category
from tests import people
from tests.consent.calling import app_caller, clinician_caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def heartbeat(ana):
    return app_caller(ana, Category.LABS)


@pytest.fixture
def grant(heartbeat):
    return Grant.objects.get(reader=heartbeat.app)


def read(browser, name: str, *args) -> str:
    response = browser.get(reverse(f"patient:{name}", args=args))
    assert response.status_code == 200, name
    return response.content.decode()


def test_an_app_is_listed_with_who_can_see_it(browser, grant):
    page = read(browser, "sharing")
    assert "Heartbeat" in page
    assert "An app that you use" in page
    assert "licence" not in page


def test_its_page_says_the_sentence_and_offers_to_stop_and_nothing_that_is_for_people(browser, grant):
    page = read(browser, "grant", grant.pk)
    assert grant.sentence.startswith("The app Heartbeat may see your lab results")
    assert "Stop sharing" in page
    assert "Change it" not in page
    assert "Keep Heartbeat out" not in page
    assert "See it as Heartbeat" not in page


def test_stopping_it_stops_it_at_the_next_request(browser, ana, heartbeat, grant):
    read(browser, "stop", grant.pk)
    assert browser.post(reverse("patient:stop", args=[grant.pk])).status_code == 302
    with pytest.raises(AccessDenied):
        open_record(ana.patient, heartbeat)
    assert "Heartbeat" in read(browser, "sharing")


def test_pages_that_change_several_at_once_cope_with_it(browser, ana, lee, grant):
    people.give(ana, lee, Category.LABS)
    for name in ("end-many", "move", "kept-out", "find", "home", "record", "looked", "delegates", "emergencies"):
        read(browser, name)


def test_what_it_did_stands_on_the_list_with_its_name(browser, ana, heartbeat):
    open_record(ana.patient, heartbeat)
    with pytest.raises(AccessDenied):
        open_record(ana.patient, heartbeat, categories=[Category.GENETIC])
    page = read(browser, "looked")
    assert "Searched your lab results and measurements." in page
    assert "Tried to open your genetic information and was refused." in page
    assert "It was done with" not in page  # its own name says it


def test_what_is_done_with_a_program_says_with_which(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    open_record(ana.patient, clinician_caller(lee))
    assert "It was done with WardRound." in read(browser, "looked")


def test_an_app_that_is_taken_out_of_use_opens_nothing_and_its_patient_is_told(browser, ana, heartbeat, grant):
    assert apps.withdraw("client:Heartbeat") == 1
    assert apps.withdraw("client:Heartbeat") == 0
    with pytest.raises(AccessDenied, match="no longer in use"):
        open_record(ana.patient, heartbeat)
    assert Ending.objects.get(grant=grant).cause == Ending.Cause.WITHDRAWN
    assert Notice.objects.filter(user=ana.user, kind="app-withdrawn").count() == 1
    assert "because it is no longer in use here" in read(browser, "looked")
    with pytest.raises(apps.CannotGive):
        apps.connect(
            ana.patient, keyring=ana.keyring, app_reader=heartbeat.app, name="Heartbeat",
            categories=["labs"], ends=grant.ends,
        )  # fmt: skip


def test_it_is_counted_as_an_app_and_as_no_person(browser, ana, heartbeat, lee):
    open_record(ana.patient, heartbeat)
    sharing, home = read(browser, "sharing"), read(browser, "home")
    assert "One app that you use can see a part of it." in sharing
    assert "Nobody but you" not in sharing + home
    assert "Nobody else looked at your record this week. One app that you use did." in home
    people.give(ana, lee, Category.LABS)
    both = "One person besides you can see a part of it. One app that you use can see a part of it."
    assert both in read(browser, "sharing")
