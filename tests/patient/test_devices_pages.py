"""A patient lets a device send, gives it its code once, and stops it; says that an entry is about somebody else."""

import pytest
from django.db import transaction
from django.urls import reverse

from consent import access
from ehr.frame.drafting import draft
from ehr.intake import devices
from ehr.intake.models import Device, Stray
from patients.operations import source_signer
from tests import people
from tests.security.world import browser_of

pytestmark = pytest.mark.django_db
NOTE = {"resourceType": "Observation", "status": "final", "code": {"text": "Sodium"}, "valueString": "140"}


@pytest.fixture
def ana(db) -> people.Person:
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def browser(ana):
    return browser_of(ana)


def test_the_code_of_a_device_is_shown_once(ana, browser):
    shown = browser.post(reverse("patient:devices"), {"name": "My watch", "days": "90"}).content.decode()
    token = shown.partition("chartseal-device-")[2].partition("<")[0]
    assert len(token) > 40
    listed = browser.get(reverse("patient:devices")).content.decode()
    assert "My watch" in listed
    assert token not in listed


@pytest.mark.parametrize("sent", [{"name": "", "days": "90"}, {"name": "Watch", "days": "4000"}, {}])
def test_without_a_name_or_an_end_there_is_none(browser, sent):
    assert browser.post(reverse("patient:devices"), sent).status_code == 422
    assert Device.objects.count() == 0


def test_a_device_is_stopped_with_one_button(ana, browser):
    device, _token = devices.add(ana.patient, name="My watch", days=30)
    page = browser.post(reverse("patient:device-stop", args=[device.pk]), follow=True).content.decode()
    assert "Stopped" in page
    assert Device.objects.get().stopped_at is not None


def test_what_a_system_sent_can_be_said_to_be_somebody_else_s(ana, browser):
    one, own = draft(ana.patient, NOTE), draft(ana.patient, NOTE | {"code": {"text": "Potassium"}})
    with transaction.atomic():
        access.receive(ana.patient, [one], source=source_signer("North Laboratory"))
    access.add_own(ana.patient, [own], keyring=ana.keyring)
    listed = browser.get(reverse("patient:category", args=["labs"])).content.decode()
    assert reverse("patient:not-mine", args=[one.logical_id]) in listed
    assert reverse("patient:not-mine", args=[own.logical_id]) not in listed
    assert browser.get(reverse("patient:not-mine", args=[own.logical_id])).status_code == 404
    where = reverse("patient:not-mine", args=[one.logical_id])
    assert "Sodium" in browser.get(where).content.decode()
    assert browser.post(where, {"reason": "I was not there."}, follow=True).status_code == 200
    assert (Stray.objects.get().said_by, Stray.objects.get().reason) == (ana.user, "I was not there.")
