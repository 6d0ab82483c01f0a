"""A registered feed, and an HTTP client that shows its token."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from ehr.accounts.models import User
from ehr.intake import feeds
from ehr.intake.hl7v2 import er7
from ehr.intake.models import Feed
from tests import people


def worker(name: str, *permissions: str) -> User:
    """Return a member of staff who may do these things of the intake."""
    made = people.account(name, staff=True).user
    made.user_permissions.set(Permission.objects.filter(content_type__app_label="intake", codename__in=permissions))
    return User.objects.get(pk=made.pk)


@dataclass
class Sending:
    """A feed, its token, and how it posts."""

    feed: Feed
    token: str
    by: User

    def post(self, content: bytes, *, where: str = "feeds:hl7v2", content_type: str = "application/hl7-v2", **headers):
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return Client(headers=headers).post(reverse(where), content, content_type=content_type)


def ack(response) -> er7.Message:
    """Return the acknowledgement in a response."""
    return er7.parse(response.content)


@pytest.fixture
def sending(db) -> Sending:
    """Return a laboratory that may send everything."""
    people.prepare_ground()
    by = worker("Petra Ok", "manage_feed", "repair_message", "join_records", "remove_stray")
    feed, token = feeds.register(
        name="North Laboratory", institution=people.institution(), kinds=["hl7v2", "ccda", "fhir"], by=by
    )
    return Sending(feed, token, by)
