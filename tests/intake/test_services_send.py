"""A service that signs sends at /in/ as the feed of its source, and for nothing less than everything."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from ehr.accounts.models import User
from ehr.desk.roles import DeskRole
from ehr.intake import feeds
from ehr.smart import registering
from patients.models import Entry
from tests import people
from tests.desk.conftest import staff
from tests.smart.signing import jwks, proof
from tests.smart.walking import post

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def operator(db) -> User:
    people.prepare_ground()
    return staff("Otto Lind", DeskRole.OPERATOR)


@pytest.fixture
def feed(operator):
    made, _token = feeds.register(
        name="North Laboratory", institution=people.institution(), kinds=["fhir"], by=operator
    )
    return made


def token(feed, operator, scope: str = "system/*.c") -> str:
    service = registering.register_service(
        operator, name="North", publisher="North", words="Sends.", source=feed.source.name, jwks=jwks()
    )
    answer = post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id))
    return answer.json()["access_token"]


def send(where: str, shown: str, content: bytes, kind: str):
    return Client().post(reverse(where), content, content_type=kind, headers={"Authorization": f"Bearer {shown}"})


def test_a_service_sends_as_the_feed_of_its_source(feed, operator, bundle):
    answer = send("feeds:fhir", token(feed, operator), json.dumps(bundle).encode(), "application/fhir+json")
    assert answer.status_code == 200, answer.content
    assert Entry.objects.exists()


def test_it_sends_what_its_feed_may(feed, operator):
    shown = token(feed, operator)
    assert send("feeds:hl7v2", shown, b"MSH|", "application/hl7-v2").status_code == 401
    assert send("feeds:ccda", shown, b"<x/>", "application/cda+xml").status_code == 401


def test_a_token_for_less_sends_no_message(feed, operator, bundle):
    shown = token(feed, operator, "system/Observation.c")
    assert send("feeds:fhir", shown, json.dumps(bundle).encode(), "application/fhir+json").status_code == 401


def test_a_feed_that_was_stopped_takes_nothing(feed, operator, bundle):
    shown = token(feed, operator)
    feeds.stop(feed, by=operator)
    assert send("feeds:fhir", shown, json.dumps(bundle).encode(), "application/fhir+json").status_code == 401


def test_a_service_that_reads_sends_nothing(feed, operator, bundle):
    service = registering.register_reading_service(
        operator, name="R", words="R.", institution=people.institution(), jwks=jwks(), scope="system/*.rs"
    )
    answer = post("token", grant_type="client_credentials", scope="system/*.rs", **proof(service.client_id)).json()
    content = json.dumps(bundle).encode()
    assert send("feeds:fhir", answer["access_token"], content, "application/fhir+json").status_code == 401
