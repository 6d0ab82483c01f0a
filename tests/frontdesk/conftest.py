"""Ana, who comes; Dr Lee, who sees her; Dee, who works at the desk of Dr Lee's place; Noah, at another desk."""

import pytest

from patients.models import Identifier
from patients.queries import identifier_digest
from providers.roles import Role
from tests import people
from tests.appointments import clinics

HEALTH_CARD = "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground):
    person = people.patient("Ana Costa")
    digest = identifier_digest(HEALTH_CARD, "4711-0815")
    Identifier.objects.create(patient=person.patient, system=HEALTH_CARD, digest=digest, verified_at=people.LONG_AGO)
    return person


@pytest.fixture
def lee(ground):
    return people.clinician("Mei Lee")


@pytest.fixture
def dee(ground):
    return people.clinician("Dee Dray", role=Role.FRONT_DESK)


@pytest.fixture
def noah(ground):
    return people.clinician("Noah Novak", role=Role.FRONT_DESK, place=people.institution("Elsewhere Clinic"))


@pytest.fixture
def kind(ground):
    return clinics.visit_type(name="Check-up", minutes=30, price=12_000, no_show_percent=100, needs=["labs"])


@pytest.fixture
def schedule(lee, kind):
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.open_on(made, range(7), "08:00", "18:00")
    return made
