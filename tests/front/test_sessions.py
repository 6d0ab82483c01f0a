"""A session lives as long as its role allows, holds half a secret, and ends everywhere at once."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import RequestFactory

from ehr import clock
from ehr.accounts import keyrings, operations, tasks
from ehr.accounts.models import Attempt, User
from ehr.frame import sessions
from ehr.notices.models import Notice
from ehr.notices.operations import notify
from providers.models import Clinician
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.django_db, pytest.mark.point(3), pytest.mark.security]
SECOND = timedelta(seconds=1)


def is_inside(browser, page="/account/") -> bool:
    return browser.get(page).status_code == 200


def test_the_keyring_is_open_after_signing_in_and_the_cookie_is_bound_to_this_host(inside):
    assert inside.get("/account/").wsgi_request.keyring is not None
    cookie = inside.cookies[settings.KEYRING_COOKIE_NAME]
    assert cookie.key.startswith("__Host-")
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]


@pytest.mark.privacy
def test_the_session_store_alone_opens_nothing(inside):
    del inside.cookies[settings.KEYRING_COOKIE_NAME]
    page = inside.get("/account/")
    assert page.status_code == 200, "signed in"
    assert page.wsgi_request.keyring is None, "and locked"


@pytest.mark.privacy
def test_the_cookie_alone_opens_nothing(inside):
    Session.objects.all().delete()
    page = inside.get("/account/")
    assert page.status_code == 302
    assert page.wsgi_request.keyring is None


@pytest.mark.privacy
def test_the_cookie_of_one_session_opens_no_other(alice, inside):
    other = Browser()
    other.sign_in()
    other.cookies[settings.KEYRING_COOKIE_NAME] = inside.cookies[settings.KEYRING_COOKIE_NAME].value
    assert other.get("/account/").wsgi_request.keyring is None


@pytest.mark.privacy
def test_the_session_row_holds_neither_cookie_nor_keys(inside):
    keyring = inside.get("/account/").wsgi_request.keyring
    held = repr(Session.objects.get().get_decoded())
    for secret in (inside.cookies[settings.KEYRING_COOKIE_NAME].value, *(key.hex() for key in keyring._text)):
        assert secret not in held


def test_signing_out_deletes_session_and_cookie(inside):
    inside.post("/sign-out/")
    assert not [one for one in Session.objects.all() if keyrings.SESSION_KEY in one.get_decoded()]
    assert inside.cookies[settings.KEYRING_COOKIE_NAME].value == ""
    assert not is_inside(inside)


def test_signing_out_takes_a_post(inside):
    assert inside.get("/sign-out/").status_code == 405
    assert is_inside(inside)


def test_signing_in_gives_the_session_another_key(alice, browser):
    browser.get("/sign-up/")
    browser.post("/sign-up/", {"name": "N N", "email": "n@example.org", "passphrase": "six words that fit nowhere"})
    before = browser.cookies[settings.SESSION_COOKIE_NAME].value
    browser.sign_in()
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value != before


@pytest.mark.compliance
@pytest.mark.parametrize(("role", "which"), [("patient", 0), ("clinician", 0), ("staff", 0)])
def test_an_idle_session_ends_at_its_roles_limit(alice, role, which):
    idle = settings.SESSION_LIMITS[role][which]
    become(alice, role)
    start = clock.now()
    early, late = Browser(), Browser()
    with time_machine.travel(start, tick=False):
        early.sign_in()
        late.sign_in()
    with time_machine.travel(start + idle - SECOND, tick=False):
        assert early.get("/account/second-step/").status_code == 200
    with time_machine.travel(start + idle + SECOND, tick=False):
        answer = late.get("/account/second-step/")
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/")
        assert "so you were signed out" in late.get("/sign-in/").content.decode()


@pytest.mark.compliance
@pytest.mark.parametrize("role", ["patient", "clinician", "staff"])
def test_a_busy_session_ends_at_its_roles_absolute_limit(alice, role):
    idle, absolute = settings.SESSION_LIMITS[role]
    become(alice, role)
    start, at = clock.now(), timedelta()
    browser = Browser()
    with time_machine.travel(start, tick=False) as traveller:
        browser.sign_in()
        while at + idle < absolute:
            at += idle - SECOND
            traveller.move_to(start + at, tick=False)
            assert browser.get("/account/second-step/").status_code == 200
        traveller.move_to(start + absolute - SECOND, tick=False)
        assert browser.get("/account/second-step/").status_code == 200
        traveller.move_to(start + absolute + SECOND, tick=False)
        assert browser.get("/account/second-step/").status_code == 302


def become(user, role):
    if role == "staff":
        User.objects.filter(pk=user.pk).update(is_staff=True)
    elif role == "clinician":
        Clinician.objects.create(user=user, professional_name=user.name)


def test_somebody_made_staff_during_a_session_has_the_staffs_limit_at_once(alice, inside):
    User.objects.update(is_staff=True)
    with time_machine.travel(clock.now() + settings.SESSION_LIMITS["staff"][0] + SECOND, tick=False):
        assert inside.get("/account/second-step/").status_code == 302


def test_signing_out_everywhere_ends_every_session_at_the_next_request(alice, inside):
    elsewhere = Browser()
    elsewhere.sign_in()
    assert is_inside(elsewhere)
    inside.post("/account/sign-out-everywhere/")
    assert not is_inside(elsewhere)
    assert not is_inside(inside)


def test_an_account_that_is_closed_is_out_at_the_next_request(alice, inside):
    User.objects.update(is_active=False)
    assert not is_inside(inside)


def test_changing_the_passphrase_ends_other_sessions_and_keeps_this_one_open(alice, inside):
    elsewhere = Browser()
    elsewhere.sign_in()
    answer = inside.post(
        "/account/passphrase/", {"current": PASSPHRASE, "passphrase": "five quite different words"}, follow=True
    )
    assert answer.status_code == 200
    assert inside.get("/account/").wsgi_request.keyring is not None
    assert not is_inside(elsewhere)


def test_a_reset_by_e_mail_ends_sessions_signs_in_and_unlocks_nothing(alice, inside):
    stranger = Browser()
    stranger.post("/forgotten/", {"email": "alice@example.org"})
    stranger.post(stranger.open_mail("reset"), {"passphrase": "seven brand new words here"})
    assert not is_inside(inside)
    stranger.sign_in(passphrase="seven brand new words here")
    page = stranger.get("/account/")
    assert page.status_code == 200
    assert page.wsgi_request.keyring is None
    locked = stranger.get("/unlock/").content.decode()
    assert "your keys are still locked" in locked
    answer = stranger.post(
        "/unlock/", {"how": "old", "old-old": PASSPHRASE, "old-passphrase": "seven brand new words here"}
    )
    assert answer.status_code == 302
    assert stranger.get("/account/").wsgi_request.keyring is not None


def test_a_locked_keyring_is_opened_by_the_passphrase(alice, inside):
    del inside.cookies[settings.KEYRING_COOKIE_NAME]
    assert inside.get("/begin/").headers["Location"] == "/unlock/?next=%2Fbegin%2F"
    assert inside.post("/unlock/", {"passphrase": "not her passphrase"}).status_code == 200
    answer = inside.post("/unlock/", {"passphrase": PASSPHRASE, "next": "/begin/"})
    assert answer.headers["Location"] == "/begin/"
    assert inside.get("/begin/").status_code == 200


@pytest.mark.privacy
def test_no_page_of_somebody_signed_in_is_stored_by_the_browser(inside):
    for page in ("/account/", "/notices/", "/", "/begin/"):
        assert inside.get(page).headers["Cache-Control"] == "no-store", page


def test_after_signing_in_one_goes_on_only_within_this_site(alice, browser):
    for wanted in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert browser.sign_in(next=wanted).headers["Location"].startswith("/")
        assert "evil" not in browser.sign_in(next=wanted).headers["Location"]
    assert browser.sign_in(next="/notices/").headers["Location"] == "/notices/"


@pytest.mark.parametrize("wanted", ["foo", "#a", "?x=1", "..", "patient:home"])
def test_after_signing_in_what_is_no_path_leads_where_one_belongs(alice, browser, wanted):
    assert browser.sign_in(next=wanted).headers["Location"] == browser.sign_in().headers["Location"]


def test_times_are_told_in_the_readers_zone(alice, inside):
    operations.change_details(user=alice, name="Alice Moreau", time_zone="Asia/Tokyo", language="en")
    notice = notify(alice, "access-ends-soon", key="1")
    Notice.objects.update(created_at=notice.created_at.replace(hour=20, minute=30))
    assert "05:30" in inside.get("/notices/").content.decode()


@pytest.mark.parametrize("late", [False, True])
def test_half_a_sign_in_lasts_ten_minutes(alice, enrolled, browser, late):
    browser.sign_in()
    span = sessions.HALF_LIFE + (SECOND if late else -SECOND)
    with time_machine.travel(clock.now() + span, tick=False):
        answer = browser.get("/sign-in/second-step/")
        assert answer.status_code == (302 if late else 200)


def test_half_a_sign_in_ends_when_the_passphrase_changes(alice, enrolled, browser):
    browser.sign_in()
    operations.change_passphrase(user=alice, current=PASSPHRASE, new="five quite different words", address="192.0.2.1")
    assert browser.get("/sign-in/second-step/").headers["Location"] == "/sign-in/"


def came(told="", peer="193.0.6.139"):
    """A request from a peer in the Netherlands that says where it was forwarded from."""
    return RequestFactory().get("/", REMOTE_ADDR=peer, **({"HTTP_X_FORWARDED_FOR": told} if told else {}))


@pytest.mark.security
def test_whoever_says_in_a_header_where_they_are_is_not_believed():
    request = came("8.8.8.8")
    assert settings.TRUST_PROXY == 0
    assert sessions.address(request) == "193.0.6.139"
    assert sessions.place(request) == "NL"


@pytest.mark.security
@pytest.mark.parametrize(
    ("proxies", "told", "address"),
    [
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first is the client's own invention
        (1, "203.0.113.9,198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "198.51.100.7", ""),  # did not come by both
        (1, "", ""),
        (1, "198.51.100.7, unknown", ""),
        (1, "198.51.100.7,", ""),
        (1, "198.51.100.7:50123", "198.51.100.7"),
        (1, "[2001:db8::7]:50123", "2001:db8::7"),
        (1, "2001:db8:0:0::7", "2001:db8::7"),
    ],
)
def test_behind_proxies_the_address_is_what_the_outermost_of_them_saw(proxies, told, address, settings):
    settings.TRUST_PROXY = proxies
    assert sessions.address(came(told)) == address


def test_the_place_is_that_of_the_address(settings):
    assert sessions.place(came(peer="127.0.0.1")) == ""
    settings.TRUST_PROXY = 1
    assert sessions.place(came("8.8.8.8, 2001:638::1")) == "DE"


def test_what_is_over_is_tidied_away(alice, inside):
    Attempt.objects.update(at=clock.now() - timedelta(days=2))
    Session.objects.update(expire_date=clock.now() - SECOND)
    tasks.tidy()
    assert not Session.objects.exists()
    assert not Attempt.objects.exists()


@pytest.mark.security
def test_a_keyring_in_somebody_else_s_session_is_not_theirs(alice, inside):
    bob = operations.open_account(email="bob@example.org", name="Bob Ray", passphrase=PASSPHRASE)
    session = inside.session
    inside.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, bob.keyring)
    session.save()
    assert inside.get("/account/").wsgi_request.keyring is None


@pytest.mark.security
def test_a_suspended_person_s_session_opens_no_keyring(alice, inside):
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert inside.get("/").wsgi_request.keyring is None


def test_a_form_sent_after_the_session_ended_is_said_to_be_unsaved_and_leads_back(db):
    page = "http://testserver/account/details/"
    stranger = Browser()
    reply = stranger.post("/account/details/", {"name": "Typed at length"}, headers={"Referer": page})
    assert reply["Location"] == "/sign-in/?next=%2Faccount%2Fdetails%2F"
    shown = stranger.get(reply["Location"]).content.decode()
    assert "What you sent was not saved" in shown
    assert "Typed at length" not in shown
    elsewhere = stranger.post("/account/details/", {}, headers={"Referer": "https://elsewhere.example/x/"})
    assert elsewhere["Location"] == "/sign-in/"
