"""An entry in the wrong record, on three pages: its patient's, and those of two at the desk."""

import pytest
from django.urls import reverse

from consent.access import open_own
from ehr.intake.models import Stray
from patients.models import Identifier
from tests import people
from tests.desk.test_feeds import act, checkers, operator, page, receive, register
from tests.intake.hl7v2.vectors import GLUCOSE, ORU, oru
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.django_db]
__all__ = ["checkers", "operator"]


def test_what_its_patient_handed_back_goes_to_the_right_record_by_two(operator, checkers):
    people.prepare_ground()
    register(operator)
    receive(ORU)
    anna, ben = people.patient("Anna"), people.patient("Ben", identifier="B1")
    Identifier.objects.filter(patient__user=None).update(patient=anna.patient)
    Identifier.objects.filter(patient=ben.patient).update(verified_at=ben.patient.created_at)
    receive(oru(GLUCOSE.replace("2345-7", "2823-3"), control="7", at="20261122080000"))
    [entry] = [one for one in open_own(anna.patient, keyring=anna.keyring).entries if "valueQuantity" in one.resource]
    hers, where = browser_of(anna), reverse("patient:not-mine", args=[entry.logical_id])
    assert "Hand it back" in hers.get(where).content.decode()
    assert hers.post(where, {"reason": "not me", "hand": "on"}).status_code == 302
    stray = Stray.objects.get()
    (ida, _one), (eve, _two) = checkers
    assert "Send it on to this person" not in page(ida, stray)
    act(ida, stray, "send-on", system="urn:health-card", number="b-1")
    assert "Send it on to this person" not in page(ida, stray)
    shown = page(eve, stray)
    assert "Ben" in shown
    assert "Send it on to this person" in shown
    assert "2823-3" not in shown
    act(eve, stray, "move")
    assert Stray.objects.get().moved
    assert [
        one for one in open_own(anna.patient, keyring=anna.keyring).entries if "valueQuantity" in one.resource
    ] == []
    theirs = browser_of(ben).get(reverse("patient:looked")).content.decode()
    assert "had landed in somebody else’s record" in theirs
    assert "Anna" not in theirs


def test_without_the_tick_nothing_is_handed_back(operator):
    people.prepare_ground()
    register(operator)
    receive(ORU)
    anna = people.patient("Anna")
    Identifier.objects.filter(patient__user=None).update(patient=anna.patient)
    receive(oru(GLUCOSE.replace("2345-7", "2823-3"), control="7", at="20261122080000"))
    [entry] = [one for one in open_own(anna.patient, keyring=anna.keyring).entries if "valueQuantity" in one.resource]
    browser_of(anna).post(reverse("patient:not-mine", args=[entry.logical_id]), {"reason": "not me"})
    assert bytes(Stray.objects.get().body) == b""
