"""What the chain's tests share."""

import pytest

from ehr.chain import tasks


@pytest.fixture
def slow_chain(chain):
    """A chain that mines only when the test says so."""
    chain.node.block_seconds = 1.0
    return chain


@pytest.fixture(autouse=True)
def _no_outage_remembered():
    """Let no test know of another's outage: a worker says once that the chain is down."""
    tasks._down.clear()
    yield
    tasks._down.clear()
