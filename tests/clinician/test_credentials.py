"""Uma registers, hands in her licence, and sees no patient until somebody else has approved it."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from consent.sharing import finding
from ehr import clock
from providers.models import Clinician, Credential, Membership
from tests import people
from tests.clinician.conftest import browser_of

pytestmark = pytest.mark.django_db


def licence(**more) -> dict:
    return {
        "role": "specialist",
        "number": "L-4711",
        "issuing_body": "College of Physicians",
        "country": "ca",
        "expires": "2098-12-31",
        "training": "Cardiology, Toronto 2015",
        "evidence": SimpleUploadedFile("licence.pdf", b"%PDF-1.7 a licence"),
    } | more


def registration(**more) -> dict:
    return licence(title="Dr", professional_name="Uma Unverified", institution=str(people.institution().pk), **more)


@pytest.fixture
def uma(ground):
    return people.account("Uma Unverified")


def test_registering_hands_in_a_licence_and_opens_nothing(uma, ana):
    browser = browser_of(uma)
    assert browser.get(reverse("clinician:register")).status_code == 200
    answer = browser.post(reverse("clinician:register"), registration())
    assert answer["Location"] == reverse("clinician:credentials")
    credential = Credential.objects.get(clinician__user=uma.user)
    assert (credential.status, credential.country) == ("pending", "CA")
    assert Membership.objects.get(clinician__user=uma.user).confirmed_at is None
    browser = browser_of(people.Person(type(uma.user).objects.get(pk=uma.user.pk), uma.keyring))
    page = browser.get(reverse("clinician:credentials")).content.decode()
    assert "Waiting for a decision" in page
    assert "waiting for a verifier" in page
    home = browser.get(reverse("clinician:home"))
    assert home.context["rows"] == []
    assert "waiting for a verifier" in home.content.decode()
    code, _ = finding.show_code(ana.patient)
    assert "waiting for a verifier" in browser.post(reverse("clinician:code"), {"code": code}).content.decode()


def test_the_last_day_of_a_licence_still_counts(uma):
    browser_of(uma).post(reverse("clinician:register"), registration())
    assert Credential.objects.get().expires_at.isoformat() == "2099-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"number": ""}, "number of your licence"),
        ({"country": "Canada"}, "at most 2"),
        ({"country": "C1"}, "two capital letters"),
        ({"expires": "2020-01-01"}, "already ended"),
        ({"role": ""}, "what you work as"),
        ({"role": "privacy-officer"}, "not one of the available choices"),
        ({"evidence": SimpleUploadedFile("a.txt", b"just words")}, "neither a PDF nor"),
        ({"evidence": ""}, "Choose a scan or photo"),
        ({"institution": ""}, "Choose where you work"),
    ],
)
def test_an_incomplete_registration_registers_nobody(uma, wrong, told):
    answer = browser_of(uma).post(reverse("clinician:register"), registration() | wrong)
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert not Clinician.objects.filter(user=uma.user).exists()


def test_who_is_registered_hands_in_another_licence(lee, browser):
    assert browser.get(reverse("clinician:register"))["Location"] == reverse("clinician:credentials")
    assert browser.post(reverse("clinician:submit"), licence()).status_code == 302
    assert set(lee.user.clinician.credentials.values_list("status", flat=True)) == {"approved", "pending"}
    again = browser.post(reverse("clinician:submit"), licence()).content.decode()
    assert "already waiting" in again


def test_a_refused_licence_shows_why(lee, browser):
    Credential.objects.filter(clinician__user=lee.user).update(
        status="refused", reason="The scan cannot be read.", decided_at=clock.now()
    )
    page = browser.get(reverse("clinician:credentials")).content.decode()
    assert "The scan cannot be read." in page
    assert "No record opens for you" in page
