"""Ana, whose record it is; Ben, a stranger with a record of his own; Dr Lee, whom Ana trusts."""

import pytest
from django.conf import settings
from django.test import Client

from ehr.accounts import keyrings
from ehr.frame import sessions
from tests import people


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


def browser_of(person: people.Person, *, unlocked: bool = True) -> Client:
    """Return a browser in which somebody is signed in, with their keyring open unless said otherwise."""
    client = Client()
    client.force_login(person.user, backend=sessions.BACKEND)
    if unlocked:
        session = client.session
        client.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, person.keyring)
        session.save()
    return client


@pytest.fixture
def browser(ana):
    return browser_of(ana)
