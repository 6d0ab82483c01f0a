"""Monday morning at the clinic: nothing is booked yet."""

import pytest
import time_machine

from tests import people
from tests.appointments.visiting_hours import BEGUN, clinic


@pytest.fixture
def monday():
    """The clock stands at seven on Monday morning in Toronto; name it first."""
    with time_machine.travel(BEGUN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def harbour(db, monday):
    people.prepare_ground()
    return clinic()


@pytest.fixture
def ana(harbour):
    return harbour.patient("Ana Costa")


@pytest.fixture
def ben(harbour):
    return harbour.patient("Ben Okafor")
