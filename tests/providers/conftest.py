"""The ward every test here begins from."""

import pytest

from tests.providers import people


@pytest.fixture
def ward(db):
    return people.ward()


@pytest.fixture
def lee(ward):
    return ward.lee


@pytest.fixture
def vera(ward):
    return ward.vera


@pytest.fixture
def victor(ward):
    return ward.victor
