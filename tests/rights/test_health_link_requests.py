"""What programs send to a health link's address: read whole or refused, and no try goes uncounted."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from ehr.rights import health_links
from ehr.rights.models import HealthLink
from ehr.words import Category
from tests.rights.test_health_links import DAY, PASSCODE, handle

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def address(ana) -> str:
    made = health_links.make(
        ana.patient, keyring=ana.keyring, categories=[Category.LABS], passcode=PASSCODE, lasts=DAY, purpose="Dentist"
    )
    return reverse("front:health-link-manifest", args=[handle(made)])


def sent(address: str, body: str):
    return Client(raise_request_exception=False).post(address, body, content_type="application/json")


@pytest.mark.parametrize(
    "body",
    [
        r'{"recipient": "\ud800", "passcode": "wrong"}',
        r'{"recipient": "Dr Silva", "passcode": "\ud800"}',
        r'{"recipient": "Dr\u0000Silva", "passcode": "wrong"}',
        r'{"recipient": "Dr Silva", "passcode": "\u0000"}',
        r'{"recipient": "Dr Silva", "passcode": "wrong", "\udfff": 1}',
        '{"recipient": "Dr Silva", "passcode": "wrong", "embeddedLengthMax": NaN}',
        "[" * 4000,
        "nothing",
        "[]",
        '{"recipient": " ", "passcode": "wrong"}',
    ],
)
def test_what_is_no_request_is_refused_before_a_passcode_is_tried(address, body):
    answer = sent(address, body)
    assert answer.status_code == 400, answer.content
    assert HealthLink.objects.get().tries_left == 5


def test_a_whole_character_beyond_the_first_plane_is_a_name_like_any(address):
    answer = sent(address, json.dumps({"recipient": "Dr 😀", "passcode": "wrong"}))
    assert (answer.status_code, answer.json()) == (401, {"remainingAttempts": 4})


def test_the_right_passcode_opens_it(address):
    answer = sent(address, json.dumps({"recipient": "Dr Silva", "passcode": PASSCODE}))
    assert answer.status_code == 200
    assert answer.json()["files"][0]["embedded"]
