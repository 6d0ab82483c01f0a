"""The ward of the providers' tests, and sessions of everybody who might come to the desk."""

import pytest
from django.test import Client

from ehr.accounts.models import AuthenticatorApp, User
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from providers import institutions
from tests.providers import people

BACKEND = "ehr.accounts.backends.Passphrase"


def session_of(user: User, *, second_factor: bool = True) -> Client:
    """A browser in which somebody is signed in, with or without their second step."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    if second_factor:
        app, _new = AuthenticatorApp.objects.get_or_create(
            user=user, name="app", confirmed=True, defaults={"sealed_secret": b""}
        )
        session = client.session
        session["otp_device_id"] = app.persistent_id
        session.save()
    return client


def staff(name: str, *roles: DeskRole) -> User:
    user = people.person(name, staff=True)
    for role in roles:
        desk.give_role(user, role=role, by=None, reason="test")
    return User.objects.get(pk=user.pk)


@pytest.fixture
def ward(db):
    return people.ward()


@pytest.fixture
def everybody(ward):
    """Name → a browser: all the kinds of people there are."""
    administrator = people.person("Ida Berg")
    institutions.appoint_administrator(ward.hospital, user=administrator, by=ward.vera)
    desk.give_role(administrator, role=DeskRole.INSTITUTION, by=None, reason="test")
    administrator.refresh_from_db()
    return {
        "stranger": Client(),
        "patient": session_of(people.person("Rosa Diaz")),
        "clinician": session_of(ward.lee.user),
        "verifier with one factor": session_of(staff("Uma One", DeskRole.VERIFIER), second_factor=False),
        "staff without role": session_of(staff("Nils None")),
        "verifier": session_of(staff("Vega Cho", DeskRole.VERIFIER)),
        "privacy officer": session_of(staff("Petra Ok", DeskRole.PRIVACY)),
        "identity checker": session_of(staff("Ines Roy", DeskRole.IDENTITY)),
        "operator": session_of(staff("Otto Zed", DeskRole.OPERATOR)),
        "institution administrator": session_of(administrator),
        "committee": session_of(staff("Carl Moss", DeskRole.COMMITTEE)),
        "payments officer": session_of(staff("Paula Pays", DeskRole.PAYMENTS)),
    }
