"""Services of institutions at the desk: those that send, and those that read of patients who let them in."""

import json

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from ehr.smart.models import App
from tests import people
from tests.desk.conftest import session_of, staff
from tests.smart.signing import jwks

pytestmark = pytest.mark.django_db


@pytest.fixture
def verifier(db):
    people.prepare_ground()
    return session_of(staff("Vera Stahl", DeskRole.VERIFIER))


def register(verifier, **told):
    asked = {"name": "Registry", "jwks": json.dumps(jwks())} | told
    return verifier.post(reverse("admin:smart_app_add"), asked)


def test_a_service_that_reads_is_an_institutions(verifier):
    place = people.institution()
    told = {"does": "reads", "institution": place.pk, "words": "Counts who is treated how.", "scope": "system/*.rs"}
    assert register(verifier, **told).status_code == 302
    made = App.objects.get()
    assert (made.is_reading, made.publisher, made.scope, made.source) == (True, place.name, "system/*.rs", None)


def test_a_service_that_sends_has_a_source(verifier):
    told = {"does": "sends", "publisher": "City Lab", "source": "City Lab"}
    assert register(verifier, **told).status_code == 302
    made = App.objects.get()
    assert (made.is_reading, made.source.name) == (False, "City Lab")


@pytest.mark.parametrize("told", [{"does": "reads"}, {"does": "sends"}, {"does": "reads", "scope": "system/*.cruds"}])
def test_what_is_missing_is_asked_for(verifier, told):
    assert register(verifier, **told).status_code == 422
    assert not App.objects.exists()
