"""Who works around the record sees no clinical text at any door, though a patient shared everything with them."""

import uuid

import pytest
from django.urls import reverse

from ehr.portals.clinician.urls import urlpatterns
from ehr.words import Category
from providers.roles import CLINICAL, Role
from tests import people
from tests.clinician.conftest import READ_AND_WRITE, browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.security, pytest.mark.point(5)]

CLINICAL_TEXT = ("Glucose", "Asthma", "Depressive", "Penicillin", "Metformin", "1 tablet")
AROUND = [role for role in Role if role not in CLINICAL]


def addresses(ana, record) -> list[str]:
    """Return every address of the portal, each with what of Ana's would stand behind it."""
    given = {"patient": ana.patient.pk, "section": "results", "kind": "note"}
    found = []
    for pattern in urlpatterns:
        for entry in record.values():
            known = {"logical_id": entry, **given}
            wanted = pattern.pattern.converters
            filled = {name: known.get(name, uuid.uuid4()) for name in wanted}
            found.append(reverse(f"clinician:{pattern.name}", kwargs=filled))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("role", AROUND)
def test_no_door_shows_clinical_text_to_a_role_without_it(ana, record, role):
    desk = people.clinician("Fran Desk", role=role)
    people.give(ana, desk, *Category, actions=READ_AND_WRITE)
    browser = browser_of(desk)
    shown = {}
    for at in addresses(ana, record):
        for ask in (browser.get, browser.post):
            reply = ask(at)
            text = b"".join(reply.streaming_content) if reply.streaming else reply.content
            if words := [word for word in CLINICAL_TEXT if word.encode() in text]:
                shown[at] = words
    assert shown == {}


def test_the_same_doors_show_it_to_a_physician(ana, record):
    lee = people.clinician("Mei Lee")
    people.give(ana, lee, *Category)
    shown = b"".join(browser_of(lee).get(at).content for at in addresses(ana, record))
    assert [word for word in ("Glucose", "Asthma", "Penicillin", "Metformin") if word.encode() not in shown] == []
