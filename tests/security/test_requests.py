"""Requests that come from elsewhere: forged, replayed into another session, sent to another host, led astray."""

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from ehr.accounts import recovery
from ehr.accounts.models import User
from ehr.notices import tasks
from tests import people
from tests.security import world as worlds
from tests.security.world import addresses, browser_of

pytestmark = [pytest.mark.security, pytest.mark.django_db]
ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "\thttps://evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
]


# Nobody is known there by a session, so a form from elsewhere does nothing in anybody's name: programs show a token.
# That cookies count for nothing there: tests/api/test_session.py, tests/fhir/test_limits.py, tests/smart, tests/intake.
WITHOUT_A_SESSION = ("api:", "feeds:", "fhir:", "front:health-link-manifest", "smart:configuration", "smart:openid",
                     "smart:keys", "smart:token", "smart:introspect", "smart:revoke")  # fmt: skip


@pytest.fixture
def world(db):
    """A world of each test's own, for here forms are taken."""
    return worlds.build()


@pytest.mark.parametrize("who", ["patient", "clinician with grant", "staff"])
def test_no_form_from_elsewhere_is_taken_anywhere(world, who):
    browser = world.browsers[who]
    browser.handler.enforce_csrf_checks = True
    for name in addresses():
        if name.startswith(WITHOUT_A_SESSION):
            continue
        answer = world.ask(who, "POST", world.address(name), content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 403, name


def test_a_form_of_ours_is_taken(world):
    browser = world.browsers["patient"]
    browser.handler.enforce_csrf_checks = True
    browser.get(reverse("front:notices"))
    token = browser.cookies[settings.CSRF_COOKIE_NAME].value
    assert browser.post(reverse("front:notices-read"), {"csrfmiddlewaretoken": token}).status_code == 302


def test_another_origin_is_refused_even_with_the_right_token(world):
    browser = world.browsers["patient"]
    browser.handler.enforce_csrf_checks = True
    browser.get(reverse("front:notices"))
    told = {"csrfmiddlewaretoken": browser.cookies[settings.CSRF_COOKIE_NAME].value}
    answer = browser.post(reverse("front:notices-read"), told, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


# --- Sessions ------------------------------------------------------------------------------------
@pytest.fixture
def ground(db):
    people.prepare_ground()


def signed_in(browser: Client, user: User, **more):
    return browser.post(reverse("front:sign-in"), {"email": user.email, "passphrase": people.PASSPHRASE} | more)


def test_signing_in_takes_a_new_session_and_new_cookies(ground):
    ana, browser = people.patient(), Client()
    browser.post(reverse("front:sign-up"), {"email": "planted@example.org"})
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    browser.cookies[settings.KEYRING_COOKIE_NAME] = "planted"
    browser.get(reverse("front:sign-in"))
    token = browser.cookies[settings.CSRF_COOKIE_NAME].value
    assert signed_in(browser, ana.user).status_code == 302
    assert browser.session.session_key != session.session_key
    assert "planted" not in browser.session
    assert not Session.objects.filter(session_key=session.session_key).exists()
    assert browser.cookies[settings.KEYRING_COOKIE_NAME].value != "planted"
    assert browser.cookies[settings.CSRF_COOKIE_NAME].value != token


def test_a_session_of_another_person_does_not_open_with_ones_own_key(ground):
    ana, ben = people.patient("Ana"), people.patient("Ben")
    hers, his = browser_of(ana, second_step=False), browser_of(ben, second_step=False)
    hers.cookies[settings.KEYRING_COOKIE_NAME] = his.cookies[settings.KEYRING_COOKIE_NAME].value
    answer = hers.get(reverse("patient:category", args=["labs"]))
    assert answer["Location"].startswith(reverse("front:unlock"))


def test_a_session_row_copied_without_its_cookie_stays_locked(ground):
    browser, thief = browser_of(people.patient(), second_step=False), Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    answer = thief.get(reverse("patient:category", args=["labs"]))
    assert answer["Location"].startswith(reverse("front:unlock"))


def test_a_session_that_signed_out_is_gone_with_its_row(ground):
    browser, thief = browser_of(people.patient(), second_step=False), Client()
    for name in (settings.SESSION_COOKIE_NAME, settings.KEYRING_COOKIE_NAME):
        thief.cookies[name] = browser.cookies[name].value
    browser.post(reverse("front:sign-out"))
    assert thief.get(reverse("patient:home"))["Location"].startswith(reverse("front:sign-in"))


# --- Where one is led, and by which name ---------------------------------------------------------
@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_led_to_another_site_after_signing_in(ground, address):
    ana = people.patient()
    answer = signed_in(Client(), ana.user, next=address)
    assert answer["Location"] == reverse("patient:home")
    answer = Client().post(
        f"{reverse('front:sign-in')}?{urlencode({'next': address})}",
        {"email": ana.user.email, "passphrase": people.PASSPHRASE},
    )
    assert answer["Location"] == reverse("patient:home")


@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_led_to_another_site_after_unlocking(ground, address):
    ana = people.patient()
    browser = browser_of(ana, second_step=False, unlocked=False)
    answer = browser.post(reverse("front:unlock"), {"passphrase": people.PASSPHRASE, "next": address})
    assert "evil" not in answer.get("Location", "")
    assert answer.status_code == 302
    assert "evil" not in browser.get(f"{reverse('front:unlock')}?{urlencode({'next': address})}").get("Location", "")


@pytest.mark.parametrize("host", ["evil.example", "localhost@evil.example", "testserver.evil.example"])
def test_another_name_for_this_site_is_refused(ground, host):
    assert Client(raise_request_exception=False).get("/", headers={"host": host}).status_code == 400


def test_a_letter_names_this_site_whatever_the_request_called_it(ground):
    ana = people.patient()
    browser = Client(headers={"host": "localhost", "x-forwarded-host": "evil.example"})
    browser.post(reverse("front:forgotten"), {"email": ana.user.email})
    recovery.ask_for_reset(email=ana.user.email, address="192.0.2.9")
    tasks.deliver()
    links = [sent.body for sent in mail.outbox if "/reset/" in sent.body]
    assert links
    assert all(settings.SITE_URL in body and "evil" not in body for body in links)
