"""A program that speaks for somebody: it signs in, and keeps one token."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django_otp.oath import TOTP

from ehr import clock
from ehr.accounts.models import AuthenticatorApp
from tests import people

SECRET = b"12345678901234567890"


@dataclass
class Program:
    """Calls /api/v1 for one person. What comes back is read as JSON."""

    token: str = ""

    def call(self, method: str, address: str, body: object = None, **headers: str) -> HttpResponse:
        """Send one request; `body` is sent as JSON. Returns the answer with its JSON in `told`."""
        more: dict[str, Any] = {"headers": {"Authorization": f"Bearer {self.token}"} if self.token else {}}
        more["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            more |= {"data": body if isinstance(body, (str, bytes)) else json.dumps(body)}
            more |= {"content_type": "application/json"}
        answer = Client().generic(method, f"/api/v1/{address}", **more)
        answer.told = json.loads(answer.content) if answer.content else None
        return answer

    def get(self, address: str, **headers: str) -> HttpResponse:
        return self.call("GET", address, **headers)

    def post(self, address: str, body: object = None, **headers: str) -> HttpResponse:
        return self.call("POST", address, body if body is not None else {}, **headers)


def enrolled(person: people.Person) -> people.Person:
    """Give somebody a second step, and return them."""
    app = AuthenticatorApp(user=person.user, name="app", confirmed=True)
    app.secret = SECRET
    app.save()
    person.user.second_factor_at = clock.now()
    person.user.save(update_fields=["second_factor_at"])
    return person


def code() -> str:
    """Return what an authenticator app shows at this moment."""
    totp = TOTP(SECRET)
    totp.time = time.time()
    return f"{totp.token():06d}"


def signed_in(person: people.Person) -> Program:
    """Return a program for which somebody has signed in, with a second step where their role asks for one."""
    told = {"email": person.user.email, "passphrase": people.PASSPHRASE}
    if person.user.second_factor_at is not None:
        told["code"] = code()
    answer = Program().post("session", told)
    assert answer.status_code == 201, answer.told
    return Program(answer.told["token"])


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa")


@pytest.fixture
def ben(ground):
    return people.patient("Ben Okoro")


@pytest.fixture
def lee(ground):
    return people.clinician("Mei Lee")


@pytest.fixture
def nobody():
    return Program()


@pytest.fixture
def as_ana(ana):
    return signed_in(ana)


@pytest.fixture
def as_lee(lee):
    return signed_in(enrolled(lee))
