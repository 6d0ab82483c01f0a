"""Common situations: five to begin with, edited at the desk, never with a sensitive part in them."""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission

from audit.models import EventBody
from consent.models import GrantTemplate
from consent.sharing import templates
from ehr.accounts.models import User
from ehr.words import SENSITIVE
from providers.rules import NotPossible
from tests import people

pytestmark = pytest.mark.django_db
FACTS = {"description": "For a talk.", "categories": ["labs"], "write": False, "days": 5, "place": 5}
migration = importlib.import_module("consent.migrations.0008_common_situations")


@pytest.fixture
def administrator():
    user = people.account("Otto Zed", staff=True).user
    user.user_permissions.add(Permission.objects.get(codename="change_granttemplate"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def situations():
    """What a fresh installation offers."""
    migration.seed(apps, None)
    return templates.offered()


def test_a_fresh_installation_offers_five_situations_without_a_sensitive_part(situations):
    assert [one.name for one in situations] == [
        "My family doctor",
        "A specialist, for 30 days",
        "A stay in hospital",
        "One visit",
        "A second opinion",
    ]
    assert not any(SENSITIVE & set(one.categories) for one in situations)


def test_seeding_again_changes_nothing(situations):
    GrantTemplate.objects.filter(name="One visit").update(days=3)
    migration.seed(apps, None)
    assert GrantTemplate.objects.count() == 5
    assert GrantTemplate.objects.get(name="One visit").days == 3


def test_an_administrator_adds_and_changes_a_situation_and_each_change_is_on_the_log(administrator):
    made = templates.add(by=administrator, name="A talk", **FACTS)
    changed = templates.change(made, by=administrator, name="A long talk", active=False, **FACTS | {"write": True})
    assert (changed.name, changed.actions, changed.active) == ("A long talk", ["read", "write"], False)
    assert changed not in templates.offered()
    told = [
        bytes(body.payload) for body in EventBody.objects.order_by("pk") if b"template.changed" in bytes(body.payload)
    ]
    assert len(told) == 2
    assert b"A long talk" in b"".join(told)


@pytest.mark.security
def test_nobody_else_changes_one(situations):
    somebody = people.account("Nils None", staff=True).user
    with pytest.raises(NotPossible, match="desk role"):
        templates.change(situations.first(), by=somebody, name="x", active=True, **FACTS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"categories": ["labs", "genetic"]}, "Sensitive parts"),
        ({"categories": []}, "at least one part"),
        ({"days": 0}, "one day and one year"),
        ({"days": 367}, "one day and one year"),
        ({"name": "  "}, "a name"),
    ],
)
def test_what_cannot_be_offered_is_sent_back(administrator, wrong, message):
    with pytest.raises(NotPossible, match=message):
        templates.add(by=administrator, **{"name": "A talk"} | FACTS | wrong)


def test_two_situations_do_not_share_a_name(administrator):
    templates.add(by=administrator, name="A talk", **FACTS)
    with pytest.raises(NotPossible, match="this name already"):
        templates.add(by=administrator, name="A talk", **FACTS)
