"""A clinician's app works with the clinician's keys, within scopes and record, and no longer than they are there."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse

from audit.models import EventBody
from ehr import clock
from ehr.accounts import keyrings, operations
from ehr.smart.models import Authorization, Launch
from ehr.words import Category
from tests import people
from tests.security.world import browser_of
from tests.smart.walking import Walk, caller, registered, told, words

SCOPE = "launch/patient launch openid fhirUser patient/Observation.rs patient/Condition.c user/Condition.rs"
START = "https://app.example/start"


@pytest.fixture
def lent(ana, lee):
    return people.give(ana, lee, Category.LABS)


@pytest.fixture
def work(max_, lees, lent) -> Walk:
    app = registered(max_, scope=f"{SCOPE} offline_access online_access", launch_uri=START)
    return Walk(app, lees, scope=SCOPE.replace(" launch ", " "))


def answer(walk: Walk, **instead):
    """Answer the one page that a clinician sees."""
    form = walk.browser.get(walk.page).context["form"]
    told = {"ticket": form.fields["ticket"].initial, "things": form.fields["things"].initial, "until": "hour"}
    if "patient" in form.fields:
        told["patient"] = form.fields["patient"].choices[0][0]
    return walk.browser.post(walk.page, told | instead)


def connected(walk: Walk, **instead) -> dict:
    walk.begin()
    return walk.exchange(told(answer(walk, **instead))["code"]).json()


def opened(walk: Walk, patient) -> str:
    """Open the app from a record and return the launch value it was given."""
    response = walk.browser.post(reverse("smart:launch", args=[patient.pk]), {"app": walk.app.client_id})
    assert response.status_code == 303
    assert response["Location"].startswith(START)
    return parse_qs(urlsplit(response["Location"]).query)["launch"][0]


def test_a_clinician_picks_one_of_their_patients(work, lee, ana):
    tokens = connected(work)
    assert tokens["patient"] == str(ana.patient.pk)
    asked = caller(tokens["access_token"])
    assert (asked.user, asked.patient, asked.app) == (lee.user, ana.patient, None)
    assert asked.keyring.text == lee.keyring.text
    assert asked.parts == set(Category) - {Category.MENTAL_HEALTH, Category.GENETIC}


def test_nobody_beyond_reach_is_offered_or_taken(work, ben):
    work.begin()
    page = work.browser.get(work.page)
    assert "Ana Costa" in words(page)
    assert "Ben Okoro" not in words(page)
    assert answer(work, patient=str(ben.patient.pk)).status_code == 200
    assert not Authorization.objects.exists()


def test_what_is_about_the_patient_is_for_that_patient_only(work, ana, ben):
    asked = caller(connected(work)["access_token"])
    assert asked.allows("Observation", "read", patient=ana.patient)
    assert not asked.allows("Observation", "read", patient=ben.patient)
    assert asked.allows("Condition", "read", patient=ben.patient)  # user/: what the clinician may, the door decides
    assert asked.allows("Condition", "create", patient=ana.patient)
    assert not asked.allows("Condition", "create", patient=ben.patient)


def test_the_patients_list_says_that_an_app_works_with_the_record(work, ana):
    connected(work)
    lines = [body.payload for body in EventBody.objects.all() if b"app.connected" in bytes(body.payload)]
    assert str(ana.patient.pk).encode() in bytes(lines[0])


def test_an_app_opened_from_a_record_begins_with_it(work, ana):
    work.scope = SCOPE.replace("launch/patient ", "")
    work.begin(launch=opened(work, ana.patient))
    page = work.browser.get(work.page)
    assert "Ana Costa" in words(page)
    assert "patient" not in page.context["form"].fields
    assert work.exchange(told(answer(work))["code"]).json()["patient"] == str(ana.patient.pk)


def test_a_launch_is_good_once(work, ana):
    work.scope = SCOPE
    value = opened(work, ana.patient)
    assert "error" not in work.begin(launch=value)["Location"]
    assert told(work.begin(launch=value))["error"] == "invalid_request"


def test_a_launch_is_for_its_session(work, ana, lee):
    value = opened(work, ana.patient)
    elsewhere = Walk(work.app, browser_of(people.Person(lee.user, lee.keyring)), scope=SCOPE)
    assert told(elsewhere.begin(launch=value))["error"] == "invalid_request"


def test_a_launch_is_for_its_app(work, ana, max_):
    other = registered(max_, "Other", scope=SCOPE)
    value = opened(work, ana.patient)
    assert told(Walk(other, work.browser, scope=SCOPE).begin(launch=value))["error"] == "invalid_request"


def test_a_launch_is_over_after_minutes(work, ana):
    value = opened(work, ana.patient)
    with time_machine.travel(clock.now() + timedelta(minutes=6), tick=False):
        assert told(work.begin(launch=value))["error"] == "invalid_request"


def test_a_record_beyond_reach_opens_no_app(work, ben):
    assert work.browser.get(reverse("smart:launch", args=[ben.patient.pk])).status_code == 404
    assert (
        work.browser.post(reverse("smart:launch", args=[ben.patient.pk]), {"app": work.app.client_id}).status_code
        == 404
    )
    assert not Launch.objects.exists()


def test_without_offline_access_signing_out_ends_it(work):
    tokens = connected(work)
    assert caller(tokens["access_token"])
    work.browser.post(reverse("front:sign-out"))
    assert caller(tokens["access_token"]) is None


def test_with_offline_access_it_works_on_and_for_hours_only(work):
    work.scope += " offline_access"
    begun = clock.now()
    tokens = connected(work, until="shift")
    Session.objects.all().delete()
    assert caller(tokens["access_token"])
    with time_machine.travel(begun + timedelta(hours=11, minutes=59), tick=False):
        assert work.refresh(tokens["refresh_token"]).status_code == 200
    with time_machine.travel(begun + timedelta(hours=12, minutes=1), tick=False):
        assert caller(tokens["access_token"]) is None


@pytest.mark.parametrize("verb", ["signs out everywhere", "renews the keys", "loses the account"])
def test_it_ends_with(verb, work, lee):
    work.scope += " offline_access"
    tokens = connected(work, until="shift")
    match verb:
        case "signs out everywhere":
            operations.sign_out_everywhere(user=lee.user)
        case "renews the keys":
            with transaction.atomic():
                fresh = keyrings.succeed(lee.user.reader.keyring, lee.keyring)
            assert fresh.version_id != lee.keyring.version_id
        case "loses the account":
            lee.user.is_active = False
            lee.user.save()
    assert caller(tokens["access_token"]) is None
    assert work.refresh(tokens["refresh_token"]).status_code == 400
