"""Institutions' systems hear that one of theirs was let in, or is not any more: by id, in the commit of the cause."""

import json

import pytest

from consent import access
from consent.sharing import blocks, grants
from ehr.notices.models import Hook, HookParcel
from ehr.words import Category
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def hooked(lee):
    """The place where Dr Lee works has a system that wants to hear."""
    place = people.institution()
    Hook.objects.create(institution=place.pk, url="https://hospital.example/hook", sealed_secret=b"sealed")
    return place


def told() -> list[str]:
    return list(HookParcel.objects.order_by("created_at", "pk").values_list("kind", flat=True))


def test_a_permission_given_and_ended_is_told_once_each(with_record, lee, hooked):
    grant = people.give(with_record, lee, Category.LABS)
    for _twice in range(2):
        grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert told() == ["access-given", "access-ended"]


def test_nothing_but_the_permissions_id_is_in_it(with_record, lee, hooked):
    grant = people.give(with_record, lee, Category.LABS)
    assert json.loads(json.dumps(HookParcel.objects.get().payload)) == {"about": str(grant.pk)}


def test_somebody_elses_place_hears_nothing(with_record, hooked):
    other = people.clinician("Nora New", place=people.institution("New Hospital"))
    people.give(with_record, other, Category.LABS)
    assert told() == []


def test_a_block_is_told_as_an_end_and_no_otherwise(with_record, lee, hooked):
    people.give(with_record, lee, Category.LABS)
    blocks.block(with_record.patient, reader=lee.user)
    assert told() == ["access-given", "access-ended"]
