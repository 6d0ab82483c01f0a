"""Ana, Ben and Dr Lee in their browsers, and an app that Max made."""

import pytest

from ehr.smart.models import App
from tests import people
from tests.security.world import browser_of
from tests.smart.walking import Walk, registered


@pytest.fixture
def ana(db):
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def ben(ana):
    return people.patient("Ben Okoro")


@pytest.fixture
def lee(ana):
    return people.clinician("Mei Lee")


@pytest.fixture
def max_(db):
    return people.account("Max Maker")


@pytest.fixture
def app(max_) -> App:
    return registered(max_)


@pytest.fixture
def anas(ana):
    return browser_of(ana)


@pytest.fixture
def lees(lee):
    return browser_of(lee)


@pytest.fixture
def walk(app, anas) -> Walk:
    return Walk(app, anas)
