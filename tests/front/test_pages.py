"""The front door's pages: the second step, notices, the licence check, and what every page keeps to."""

import re

import pytest
from django.test import Client
from django_otp.oath import totp

from ehr.accounts import operations
from ehr.accounts.models import User
from ehr.notices import operations as notices
from tests.front.conftest import PASSPHRASE, Browser

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
OPEN_PAGES = ["/", "/sign-up/", "/sign-in/", "/sign-in/help/", "/forgotten/", "/licence/"]
OWN_PAGES = [
    "/begin/",
    "/invitation/",
    "/account/",
    "/account/details/",
    "/account/passphrase/",
    "/account/second-step/",
    "/account/recovery-code/",
    "/account/guardian/",
    "/account/renew-keys/",
    "/recover/",
    "/notices/",
]


def shown(app) -> str:
    return f"{totp(app.secret):06d}"


@pytest.mark.security
def test_with_a_second_step_the_passphrase_alone_is_not_signed_in(alice, enrolled, browser):
    answer = browser.sign_in()
    assert answer.headers["Location"].startswith("/sign-in/second-step/")
    assert browser.get("/account/").headers["Location"].startswith("/sign-in/")
    page = browser.get("/sign-in/second-step/")
    assert page.wsgi_request.keyring is None, "half signed in is locked"
    answer = browser.post("/sign-in/second-step/", {"code": shown(enrolled), "next": "/notices/"})
    assert answer.headers["Location"] == "/notices/"
    assert browser.get("/account/").wsgi_request.keyring is not None


@pytest.mark.security
def test_a_wrong_code_leaves_one_outside_and_a_backup_code_lets_one_in_once(alice, enrolled):
    for turn, expected in ((0, 302), (1, 200)):
        browser = Browser()
        browser.sign_in()
        assert browser.post("/sign-in/second-step/", {"code": "AAAA-AAAA"}).status_code == 200
        answer = browser.post("/sign-in/second-step/", {"code": enrolled.sheet[0]})
        assert answer.status_code == expected, turn


@pytest.mark.security
def test_a_session_made_without_the_second_step_reaches_nothing(alice, enrolled, browser):
    browser.force_login(alice, backend="ehr.accounts.backends.Passphrase")
    for page in OWN_PAGES:
        assert browser.get(page).headers["Location"].startswith("/sign-in/second-step/"), page


@pytest.mark.security
@pytest.mark.compliance
def test_staff_reach_nothing_before_they_have_a_second_step(alice, browser):
    User.objects.update(is_staff=True)
    assert browser.sign_in().headers["Location"] == "/account/second-step/"
    for page in ("/account/", "/notices/", "/desk/"):
        assert browser.get(page).headers["Location"] == "/account/second-step/", page
    text = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.get("/account/second-step/").content.decode())[1]
    assert len(text.replace(" ", "")) == 32
    waiting = alice.authenticatorapp_set.get()
    answer = browser.post("/account/second-step/", {"code": shown(waiting)})
    assert len(re.findall(r"<code>[0-9A-Z]{4}-[0-9A-Z]{4}</code>", answer.content.decode())) == 10
    assert browser.get("/account/").status_code == 200
    assert browser.get("/account/second-step/stop/").status_code == 404, "their role needs it"


@pytest.mark.security
def test_a_patient_gives_the_second_step_up_with_the_passphrase(alice, enrolled, browser):
    browser.sign_in()
    browser.post("/sign-in/second-step/", {"code": shown(enrolled)})
    assert browser.post("/account/second-step/stop/", {"passphrase": "not her passphrase"}).status_code == 200
    assert browser.post("/account/second-step/stop/", {"passphrase": PASSPHRASE}).status_code == 302
    alice.refresh_from_db()
    assert alice.second_factor_at is None


@pytest.fixture
def paired(alice, enrolled, browser) -> Browser:
    """Alice's browser, signed in by both steps, at the page that changes the app."""
    browser.sign_in()
    browser.post("/sign-in/second-step/", {"code": shown(enrolled)})
    assert browser.get("/account/second-step/").status_code == 200
    return browser


@pytest.mark.security
@pytest.mark.parametrize("told", [{}, {"passphrase": "not her passphrase"}])
def test_whoever_comes_upon_an_open_session_puts_no_app_of_theirs_in_place_of_hers(alice, enrolled, paired, told):
    waiting = alice.authenticatorapp_set.get(confirmed=False)
    answer = paired.post("/account/second-step/", {"code": shown(waiting), **told})
    assert answer.status_code == 200
    assert answer.context["form"].errors["passphrase"]
    assert not re.search(r"<code>[0-9A-Z]{4}-[0-9A-Z]{4}</code>", answer.content.decode())
    assert alice.authenticatorapp_set.get(confirmed=True) == enrolled


@pytest.mark.security
def test_an_app_is_put_in_place_of_another_for_the_passphrase(alice, paired):
    waiting = alice.authenticatorapp_set.get(confirmed=False)
    answer = paired.post("/account/second-step/", {"code": shown(waiting), "passphrase": PASSPHRASE})
    assert len(re.findall(r"<code>[0-9A-Z]{4}-[0-9A-Z]{4}</code>", answer.content.decode())) == 10
    assert alice.authenticatorapp_set.get() == waiting
    assert paired.get("/account/").status_code == 200


def test_the_page_that_changes_the_app_asks_for_the_passphrase_and_the_first_one_does_not(paired):
    keeps_to_the_rules(paired.get("/account/second-step/"))
    assert 'name="passphrase"' in paired.get("/account/second-step/").content.decode()
    bob = Browser()
    operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")
    bob.sign_in("bob@example.org", "what bob would say here")
    assert 'name="passphrase"' not in bob.get("/account/second-step/").content.decode()


@pytest.mark.point(10)
def test_notices_are_listed_opened_and_read(alice, inside):
    notice = notices.notify(alice, "access-ends-soon", key="1")
    assert "Access to a record ends within three days" in inside.get("/notices/").content.decode()
    assert inside.post(f"/notices/{notice.pk}/").status_code == 302
    notice.refresh_from_db()
    assert notice.read_at is not None


@pytest.mark.security
def test_the_notices_of_others_do_not_exist(alice, inside):
    bob = operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here").user
    notice = notices.notify(bob, "access-ends-soon", key="1")
    assert "three days" not in inside.get("/notices/").content.decode()
    assert inside.post(f"/notices/{notice.pk}/").status_code == 404


@pytest.mark.point(4)
def test_anybody_may_ask_whether_a_licence_counts(browser):
    answer = browser.post("/licence/", {"issuer": "College of Physicians", "number": "12345"})
    assert "No such licence is registered here" in answer.content.decode()


def test_the_front_door_lets_whoever_is_inside_go_on(alice, inside):
    assert inside.get("/").headers["Location"] == "/begin/"


@pytest.mark.parametrize("page", OPEN_PAGES)
def test_every_open_page_answers_without_an_account(browser, page):
    keeps_to_the_rules(browser.get(page))


def test_every_own_page_answers_its_owner_and_nobody_else(alice, inside):
    for page in OWN_PAGES:
        keeps_to_the_rules(inside.get(page))
        assert Browser().get(page).headers["Location"].startswith("/sign-in/?next="), page


def keeps_to_the_rules(answer):
    """One heading of the first rank, a title, no inline style or script, every input with its label."""
    text = answer.content.decode()
    assert answer.status_code == 200
    assert len(re.findall(r"<h1[ >]", text)) == 1
    assert not re.search(r'\sstyle="|\son\w+="|<style', text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert len(answer.content) < 60_000
    for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text):
        if 'type="hidden"' not in tag and not tag.endswith(" hidden>"):
            found = re.search(r'\bid="([^"]+)"', tag)[1]
            assert f'for="{found}"' in text, tag


def test_what_is_to_be_corrected_is_named_and_what_was_typed_is_kept(browser):
    answer = browser.post("/sign-up/", {"name": "Alice Moreau", "email": "alice", "passphrase": "short"})
    text = answer.content.decode()
    assert "with an @" in text
    assert 'value="Alice Moreau"' in text
    assert "short" not in text, "a passphrase is not sent back"
    weak = browser.post("/sign-up/", {"name": "Alice Moreau", "email": "alice@example.org", "passphrase": "short"})
    assert "Use at least 12 characters" in weak.content.decode()


@pytest.mark.security
def test_a_form_from_elsewhere_is_refused_in_words(alice):
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/sign-in/", {"email": "alice@example.org", "passphrase": PASSPHRASE})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()


@pytest.mark.parametrize("path", ["/verify/nonsense/", "/reset/nonsense/", "/verify/a:b/"])
def test_a_link_that_is_none_says_what_to_do(browser, path):
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "This link has done its work" in answer.content.decode()


def test_details_are_changed(alice, inside):
    inside.post("/account/details/", {"name": "Alice M. Moreau", "time_zone": "America/Toronto", "language": "en"})
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone, alice.reader.name) == ("Alice M. Moreau", "America/Toronto", "Alice M. Moreau")
