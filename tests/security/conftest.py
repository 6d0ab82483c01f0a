"""One world for each file that asks for it: what is asked of it leaves nothing behind (`World.ask`)."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import transaction

from tests.consent.conftest import ana, ground, lee, stranger, with_record
from tests.security import world as worlds

# The people of the attacks: a patient with a record, whom she trusts, and somebody else's doctor.
__all__ = ["ana", "ground", "lee", "stranger", "with_record"]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[worlds.World]:
    """Make everybody once, inside a transaction that is taken back at the end of the file."""
    before, settings.LOG_WITNESS_PATH = settings.LOG_WITNESS_PATH, tmp_path_factory.mktemp("witness")
    with django_db_blocker.unblock():
        whole = transaction.atomic()
        whole._from_testcase = True  # the log's own commits refuse any other transaction around them
        with whole:
            yield worlds.build()
            transaction.set_rollback(True)
    settings.LOG_WITNESS_PATH = before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whoever asks for the world as a test with a database: pytest-django makes one for those alone."""
    for item in items:
        if "world" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.django_db)
