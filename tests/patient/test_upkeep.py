"""What ended without the patient's keys is finished when they next come in with them."""

import pytest
from django.urls import reverse

from consent.access import own_party
from consent.models import Ending, GrantParcel
from consent.sharing import grants
from ehr.words import Category
from patients.models import Lockbox
from tests import people
from tests.patient.conftest import browser_of

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def ended(ana, lee):
    """A grant that was stopped from a session whose keys were locked."""
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=None, by=own_party(ana.patient))
    return grant


def epoch(ana) -> int:
    return Lockbox.objects.current().get(patient=ana.patient, part="labs").epoch


def test_the_epoch_turns_and_the_burn_is_signed_at_the_next_visit_with_open_keys(ana, ended):
    browser_of(ana).get(reverse("patient:home"))
    assert epoch(ana) == 2
    assert Ending.objects.get().epoch_turned_at is not None
    assert GrantParcel.objects.filter(grant=ended, kind="burn").count() == 1


def test_a_visit_with_locked_keys_turns_nothing(ana, ended):
    browser_of(ana, unlocked=False).get(reverse("patient:home"))
    assert epoch(ana) == 1


def test_two_visits_turn_it_once(ana, ended):
    for _visit in range(2):
        browser_of(ana).get(reverse("patient:home"))
    assert epoch(ana) == 2
