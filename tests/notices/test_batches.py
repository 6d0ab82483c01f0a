"""Many letters at once leave in one run, not fifty every five seconds."""

import uuid

import pytest

from ehr.notices import operations, tasks
from ehr.notices.models import Mail
from tests import people

pytestmark = pytest.mark.django_db


def test_a_hundred_and_twenty_letters_leave_in_one_run():
    person = people.account("Ana Costa")
    for _ in range(120):
        operations.notify(person.user, "access-given", key=str(uuid.uuid4()))
    assert tasks.deliver() >= 120
    assert not Mail.objects.filter(delivered_at=None).exists()
