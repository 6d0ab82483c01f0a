"""The fhirUser of an app leads to who it is, for that app."""

import pytest

from ehr.r4 import validate
from ehr.smart import identity
from ehr.smart.models import Authorization
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def test_a_clinicians_app_reads_who_its_user_is(lee, ward):
    found = ward(lee, scope="user/*.rs").read(f"Practitioner/{lee.user.pk}")
    assert found["name"] == [{"text": "Dr Mei Lee"}]
    assert found["active"] is True
    assert validate.check(found) == []
    assert ward(lee, scope="openid fhirUser user/Observation.rs").read(f"Practitioner/{lee.user.pk}") == found


def test_nobody_else_is_there(lee, ward, ana, app, own):
    other = people.clinician("Omar Haddad")
    people.give(ana, lee, "labs")
    program = ward(lee)
    assert program.get(f"Practitioner/{other.user.pk}").status_code == 404
    assert program.get(f"Practitioner/{ana.user.pk}").status_code == 404
    for asker in (app(ana), own(ana)):
        assert asker.get(f"Practitioner/{lee.user.pk}").status_code == 404
        assert asker.get(f"Practitioner/{ana.user.pk}").status_code == 404
    assert ward(lee, scope="user/Observation.rs").get(f"Practitioner/{lee.user.pk}").status_code == 403


def test_a_patients_app_reads_whose_it_is(ana, app):
    assert app(ana).read(f"Patient/{ana.patient.pk}")["id"] == str(ana.patient.pk)


def test_the_id_token_names_an_address_that_is_there(lee, ward):
    authorization = Authorization(kind=Authorization.Kind.CLINICIAN, user=lee.user)
    path = identity.fhir_user(authorization).partition("/fhir/")[2]
    assert ward(lee, scope="fhirUser user/Patient.rs").get(path).status_code == 200
