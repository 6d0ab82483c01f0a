"""The embedded chain for tests of any room: `from tests.chain.embedded import chain, chain_server` in a conftest.

`chain` gives each test a fresh chain with the contracts deployed, mined at once, behind settings.CHAIN_URL.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ehr.chain import artifacts, client, contracts, deployments, indexer, relaying, signing
from ehr.chain.embedded import server
from ehr.chain.embedded.node import Node
from ehr.chain.embedded.store import Store
from ehr.chain.models import Status, Transaction

NOWHERE = "http://127.0.0.1:9"


@dataclass
class _Saying:
    """Stands in for a node's methods."""

    said: dict[str, Any]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": request["id"], **self.said}


@dataclass
class EmbeddedChain:
    """A running chain and what a test does with it."""

    server: server.Server
    settings: Any

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def node(self) -> Node:
        return self.server.node

    def settle(self, rounds: int = 5) -> None:
        """Relay and index until nothing is on its way."""
        for _ in range(rounds):
            relaying.relay()
            indexer.index()
            if not Transaction.objects.filter(status__in=[Status.QUEUED, Status.SIGNED, Status.SENT]).exists():
                return

    def contract(self, name: str) -> Any:
        """Return web3's contract, to read: `chain.contract("AuditAnchor").functions.head().call()`."""
        return client.web3().eth.contract(address=deployments.address(name), abi=artifacts.load(name).abi)

    @contextmanager
    def saying(self, said: dict[str, Any]) -> Iterator[None]:
        """Let the node answer everything with the same inside: `{"error": "busy"}`."""
        honest = self.server._handler.methods
        self.server._handler.methods = _Saying(said)  # type: ignore[assignment]  # a dict of all methods
        try:
            yield
        finally:
            self.server._handler.methods = honest

    @contextmanager
    def down(self) -> Iterator[None]:
        """Let nobody reach the chain inside."""
        self.settings.CHAIN_URL = NOWHERE
        try:
            yield
        finally:
            self.settings.CHAIN_URL = self.url


def fresh_node() -> Node:
    """Return a new chain in memory that funds the relayer and mines every transaction at once."""
    return Node(Store(":memory:"), [signing.relayer()], block_seconds=0)


@pytest.fixture(scope="session")
def chain_server() -> Iterator[server.Server]:
    running = server.start(":memory:", funded=[signing.relayer()], block_seconds=0)
    yield running
    running.close()


@pytest.fixture
def bare_chain(chain_server: server.Server, db: None, settings: Any) -> EmbeddedChain:
    """A fresh chain with nothing on it yet."""
    chain_server.show(fresh_node())
    settings.CHAIN_URL = chain_server.url
    return EmbeddedChain(chain_server, settings)


@pytest.fixture
def chain(bare_chain: EmbeddedChain) -> EmbeddedChain:
    """A fresh chain with the contracts deployed."""
    contracts.deploy(poll_seconds=0)
    return bare_chain
