"""A person at a browser: cookies, forms, and the letters that reached their mailbox."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django_otp.oath import totp

from consent import escrow
from ehr import clock
from ehr.accounts import operations, second_factor
from ehr.notices import tasks

PASSPHRASE = "four plain words of hers"


class Browser(Client):
    """Django's test client, with what a person does more than once."""

    def sign_in(self, email: str = "alice@example.org", passphrase: str = PASSPHRASE, **more):
        """Type e-mail address and passphrase; return the answer."""
        return self.post("/sign-in/", {"email": email, "passphrase": passphrase, **more})

    def open_mail(self, what: str) -> str:
        """Let the worker run, and return the path of the newest link of a kind in the mailbox."""
        tasks.deliver()
        links = re.findall(rf"(/{what}/\S+)", "\n".join(sent.body for sent in mail.outbox))
        return links[-1]


@pytest.fixture(autouse=True)
def _escrow(db):
    """Records are begun only where an escrow stands."""
    escrow.open_escrow()


@pytest.fixture
def browser(db) -> Browser:
    return Browser()


@pytest.fixture
def alice(db):
    """Alice has an account and is not signed in."""
    return operations.open_account(email="alice@example.org", name="Alice Moreau", passphrase=PASSPHRASE).user


@pytest.fixture
def inside(alice, browser) -> Browser:
    """Alice's browser, signed in with her keyring open."""
    assert browser.sign_in().status_code == 302
    return browser


@pytest.fixture
def enrolled(alice):
    """Alice's authenticator app; the clock is a minute on, so that it shows a code it has not shown yet."""
    start = clock.now()
    with time_machine.travel(start, tick=False):
        waiting = second_factor.enrolment(alice)
        app, sheet = second_factor.enrol(user=alice, code=f"{totp(waiting.secret):06d}", address="192.0.2.1")
    with time_machine.travel(start + timedelta(minutes=1), tick=False):
        app.sheet = sheet
        yield app
