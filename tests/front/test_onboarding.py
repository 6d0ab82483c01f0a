"""J1: from a stranger to somebody with a record, in seven screens."""

import base64
import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import transaction
from django.urls import get_resolver, reverse

from consent.models import Claim, Grant
from consent.sharing import arrivals
from ehr import clock
from ehr.accounts import operations, queries
from ehr.accounts.models import KeyVersion, User
from ehr.frame import roles
from ehr.notices import tasks
from patients.models import Patient
from tests.front.conftest import PASSPHRASE

pytestmark = [pytest.mark.django_db, pytest.mark.point(3)]
FORM = {"name": "Alice Moreau", "email": "alice@example.org", "passphrase": PASSPHRASE, "time_zone": "Europe/Paris"}
IDENTITY = {
    "name": "Alice Moreau",
    "birth_date": "1980-03-25",
    "sex": "female",
    "system": "http://hl7.org/fhir/sid/us-ssn",
    "number": "999-12-3456",
}


def portal_pages(prefix: str) -> list[str]:
    """Return every page of a portal that needs nothing in its address."""
    patterns = next(one for one in get_resolver().url_patterns if str(one.pattern) == prefix)
    return [f"/{prefix}{one.pattern}" for one in patterns.url_patterns if "<" not in str(one.pattern)]


def asked(browser, page):
    """Ask for a page, or send an empty form where it only takes forms."""
    answer = browser.get(page)
    return browser.post(page) if answer.status_code == 405 else answer


def verified(browser):
    browser.post("/sign-up/", FORM)
    return browser.post(browser.open_mail("verify"), {"passphrase": PASSPHRASE})


def groups_on(page) -> list[str]:
    return re.findall(r"<code>([0-9A-Z]{4})</code>", page.content.decode())


def confirm(browser, groups):
    asked = re.findall(r'name="group_(\d)"', browser.get("/account/recovery-code/confirm/").content.decode())
    answers = {f"group_{number}": groups[int(number) - 1] for number in asked}
    return browser.post("/account/recovery-code/confirm/", answers)


def test_a_stranger_has_a_record_after_seven_screens(browser):
    screens = [browser.get("/sign-up/")]
    screens.append(browser.post("/sign-up/", FORM, follow=True))
    link = browser.open_mail("verify")
    screens.append(browser.get(link))
    screens.append(browser.post(link, {"passphrase": PASSPHRASE}, follow=True))
    screens.append(browser.post("/begin/", IDENTITY, follow=True))
    groups = groups_on(screens[-1])
    screens.append(browser.get("/account/recovery-code/confirm/"))
    answer = confirm(browser, groups)
    assert answer.status_code == 302
    assert len(screens) + 1 <= 7
    assert all(screen.status_code == 200 for screen in screens)
    assert Patient.objects.get().user.email == "alice@example.org"
    assert queries.has_recovery_code(User.objects.get())
    assert User.objects.get().time_zone == "Europe/Paris"


@pytest.mark.security
def test_before_the_address_is_proven_every_record_page_leads_to_proving_it(browser):
    browser.post("/sign-up/", FORM)
    for page in portal_pages("patient/"):
        answer = asked(browser, page)
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/check-mail/"), page


@pytest.mark.security
def test_a_session_of_an_unproven_address_reaches_no_record_page_either(browser):
    browser.post("/sign-up/", FORM)
    browser.force_login(User.objects.get(), backend="ehr.accounts.backends.Passphrase")
    pages = [*portal_pages("patient/"), *portal_pages("clinician/"), "/account/", "/notices/", "/begin/", "/unlock/"]
    assert len(pages) > 8
    for page in pages:
        answer = asked(browser, page)
        assert (answer.status_code, answer.headers.get("Location")) == (302, "/check-mail/"), page


@pytest.mark.security
def test_looking_at_the_link_uses_nothing_up(browser):
    browser.post("/sign-up/", FORM)
    link = browser.open_mail("verify")
    for _scanner in range(3):
        assert browser.get(link).status_code == 200
    assert browser.post(link, {"passphrase": PASSPHRASE}).status_code == 302
    assert browser.get(link).status_code == 404


def test_the_letter_can_be_sent_again_and_only_the_newest_link_works(browser):
    browser.post("/sign-up/", FORM)
    first = browser.open_mail("verify")
    browser.post("/check-mail/")
    second = browser.open_mail("verify")
    assert browser.get(first).status_code == 404
    assert browser.get(second).status_code == 200


@pytest.mark.security
@pytest.mark.privacy
def test_signing_up_with_a_known_address_looks_like_signing_up_with_a_new_one(alice, browser):
    answers = []
    for email in ("alice@example.org", "new@example.org"):
        answer = browser.post("/sign-up/", {**FORM, "name": "X Y", "email": email}, follow=True)
        text = re.sub(r'value="[^"]{64}"', "", answer.content.decode()).replace(email, "")
        answers.append((answer.redirect_chain, text, browser.get("/account/").headers["Location"]))
    assert answers[0] == answers[1]


@pytest.mark.privacy
@pytest.mark.security
def test_after_the_identity_step_keys_exist_and_the_database_holds_none_of_them(browser):
    verified(browser)
    page = browser.post("/begin/", IDENTITY, follow=True)
    groups = groups_on(page)
    confirm(browser, groups)
    assert KeyVersion.objects.filter(reader__user__email="alice@example.org").exists()
    keyring = page.wsgi_request.keyring or browser.get("/account/").wsgi_request.keyring
    held = dump()
    secrets = {
        "passphrase": PASSPHRASE.encode(),
        "recovery code": "-".join(groups).encode(),
        "recovery code without dashes": "".join(groups).encode(),
        "cookie": browser.cookies[settings.KEYRING_COOKIE_NAME].value.encode(),
        **{f"private key {name}": value for name, value in keyring._text._asdict().items()},
    }
    for name, secret in secrets.items():
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in held, name


def dump() -> bytes:
    """Return every value of every table, as bytes."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy:
            continue
        for row in model._base_manager.values_list():
            found += [bytes(one) if isinstance(one, memoryview | bytes) else str(one).encode() for one in row]
    return b"\n".join(found)


@pytest.mark.privacy
def test_a_record_begins_shared_with_nobody(browser):
    verified(browser)
    browser.post("/begin/", IDENTITY)
    assert not Grant.objects.exists()


@pytest.mark.security
def test_an_identity_somebody_showed_to_be_theirs_is_refused_and_sent_to_staff(browser):
    verified(browser)
    browser.post("/begin/", IDENTITY)
    Patient.objects.get().identifiers.update(verified_at="2026-01-01T00:00:00Z")
    other = type(browser)()
    other.post("/sign-up/", {**FORM, "email": "mallory@example.org", "name": "Mallory Jones"})
    other.post(other.open_mail("verify"), {"passphrase": PASSPHRASE})
    answer = other.post("/begin/", {**IDENTITY, "number": "999 12 3456"})
    assert answer.status_code == 200
    assert "Ask the front desk" in answer.content.decode()
    assert Patient.objects.count() == 1


@pytest.mark.parametrize("wrong", [["0000", "0000"], ["", ""], ["ÉÉÉÉ", "ÉÉÉÉ"]])
def test_a_recovery_code_counts_only_after_two_groups_were_typed(browser, wrong):
    verified(browser)
    groups = groups_on(browser.get("/account/recovery-code/"))
    asked = re.findall(r'name="group_(\d)"', browser.get("/account/recovery-code/confirm/").content.decode())
    assert len(asked) == 2
    answer = browser.post(
        "/account/recovery-code/confirm/", dict(zip([f"group_{number}" for number in asked], wrong, strict=True))
    )
    assert answer.status_code == 200
    assert not queries.has_recovery_code(User.objects.get())
    assert confirm(browser, groups).status_code == 302
    assert queries.has_recovery_code(User.objects.get())


@pytest.mark.security
def test_a_confirmed_code_is_not_shown_again_without_the_passphrase(browser):
    verified(browser)
    groups = groups_on(browser.get("/account/recovery-code/"))
    confirm(browser, groups)
    again = browser.get("/account/recovery-code/")
    assert not groups_on(again)
    assert browser.post("/account/recovery-code/", {"passphrase": "not her passphrase"}).status_code == 200
    browser.post("/account/recovery-code/", {"passphrase": PASSPHRASE})
    fresh = groups_on(browser.get("/account/recovery-code/"))
    assert len(fresh) == 6
    assert fresh != groups


def test_whoever_came_as_a_clinician_goes_on_to_registering_as_one(browser):
    browser.post("/sign-up/", {**FORM, "door": "clinician"})
    link = browser.open_mail("verify")
    assert "door=clinician" in link
    other_browser = type(browser)()
    answer = other_browser.post(link, {"passphrase": PASSPHRASE})
    assert answer.headers["Location"].startswith(("/clinician/", reverse("front:begin")))


def test_no_letter_means_no_account(browser):
    browser.post("/sign-up/", FORM)
    tasks.deliver()
    assert len(mail.outbox) == 1
    assert browser.sign_in().status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("birth_date", "2999-01-01"),
        ("birth_date", "1700-01-01"),
        ("number", "12"),
        ("name", ""),
        ("birth_date", "25/3"),
    ],
)
def test_an_identity_that_cannot_be_right_is_asked_for_again(browser, field, value):
    verified(browser)
    answer = browser.post("/begin/", {**IDENTITY, field: value})
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert not Patient.objects.exists()


@pytest.fixture
def noon_in_auckland(db):
    """Ten to noon on 4 May in Auckland, where it is still 3 May in UTC."""
    with time_machine.travel(datetime(2027, 5, 3, 23, 50, tzinfo=UTC), tick=False):
        clock.watch.forget()
        yield


def test_who_was_born_today_where_they_are_has_a_record_today(noon_in_auckland, browser):
    browser.post("/sign-up/", {**FORM, "time_zone": "Pacific/Auckland"})
    browser.post(browser.open_mail("verify"), {"passphrase": PASSPHRASE})
    tomorrow = browser.post("/begin/", {**IDENTITY, "birth_date": "2027-05-05"})
    assert "has not come yet" in tomorrow.content.decode()
    browser.post("/begin/", {**IDENTITY, "birth_date": "2027-05-04"})
    assert Patient.objects.get().birth_date == date(2027, 5, 4)


def test_the_same_identity_sent_twice_at_once_leads_on_as_once_does(browser, monkeypatch):
    verified(browser)
    monkeypatch.setattr(roles, "patient_of", lambda _user: None)
    answers = [browser.post("/begin/", IDENTITY) for _again in range(2)]
    assert [answer.headers["Location"] for answer in answers] == ["/account/recovery-code/"] * 2
    assert Patient.objects.count() == 1


def test_a_record_that_was_here_first_is_taken_up_by_invitation_and_two_checks(browser, alice):
    with transaction.atomic():
        waiting = arrivals.expect(
            name="Alice Moreau", birth_date=date(1980, 3, 25), sex="female", identifiers=[("urn:x", "1")], source="City"
        )
    staff = [
        operations.open_account(email=f"{name}@example.org", name=name, passphrase=f"words of {name} alone").user
        for name in ("carol", "dora", "emil")
    ]
    for one in staff:
        one.user_permissions.add(Permission.objects.get(codename="check_identity"))
    _claim, code = arrivals.invite(waiting, by=staff[2])
    browser.sign_in()
    assert "This invitation cannot be used" in browser.post("/invitation/", {"code": "AAAAA"}).content.decode()
    taken = browser.post("/invitation/", {"code": code}, follow=True)
    assert "will now check who you are" in taken.content.decode()
    claim = Claim.objects.get()
    arrivals.check_claim(claim, by=staff[0], document="passport")
    assert browser.get("/invitation/").context["ready"] is None
    arrivals.check_claim(claim, by=staff[1], document="passport")
    assert "Make it mine" in browser.get("/invitation/").content.decode()
    assert browser.post("/invitation/").headers["Location"] == "/account/recovery-code/"
    waiting.refresh_from_db()
    assert waiting.user == alice
