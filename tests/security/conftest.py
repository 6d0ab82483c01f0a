"""One world for each test that asks for it."""

import pytest

from tests.security import world as worlds


@pytest.fixture
def world(db) -> worlds.World:
    return worlds.build()
