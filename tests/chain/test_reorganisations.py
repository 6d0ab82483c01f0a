"""The chain changes its mind until it calls a block final, and so does what we know of it."""

import pytest

from ehr.chain import client, indexer, relaying, transactions
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.embedded.node import Node
from ehr.chain.embedded.store import Store
from ehr.chain.models import Block, SignedForm, Transaction

from .approvals import attest, attestations, status


def branch(node):
    """Return a node with the same chain up to now, which then goes its own way."""
    copy = Store(":memory:")
    node.store._connection.backup(copy._connection)
    return Node(copy, node.funded, block_seconds=1.0)


def refusing(number):
    """Return a node's post that refuses to tell of one block."""
    real = client.post

    def post(batch):
        return [
            client.Answer(message="rate limited") if args[:1] == [number] else answer
            for (_, args), answer in zip(batch, real(batch), strict=True)
        ]

    return post


@pytest.fixture
def unsure(monkeypatch):
    """Let the chain call nothing final, as a young public chain does."""
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(10**6, 0))


def test_a_replaced_block_is_forgotten_and_what_it_held_is_sent_again(slow_chain, unsure):
    other = branch(slow_chain.node)
    digest = attest()
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    before = transactions.outcome(digest)
    assert before.status == "confirmed"

    other.mine(timestamp=other.head().timestamp + 77)
    slow_chain.server.show(other)
    indexer.index()
    after = transactions.outcome(digest)
    assert (after.status, after.block, after.logs) == ("sent", None, [])
    assert not Block.objects.filter(number=before.block).exists()

    relaying.relay()
    other.mine()
    indexer.index()
    again = transactions.outcome(digest)
    assert (again.status, again.block) == ("confirmed", before.block + 1)
    assert again.transaction_hash == before.transaction_hash
    assert attestations(slow_chain) == 1


def test_a_block_of_another_hash_with_the_same_transaction_is_taken_up(slow_chain, unsure):
    other = branch(slow_chain.node)
    digest = attest()
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    other.send(bytes(SignedForm.objects.get(transaction__digest=digest).raw))
    other.mine()
    slow_chain.server.show(other)
    indexer.index()
    assert status(digest) == "confirmed"
    assert bytes(Transaction.objects.get(digest=digest).block_hash) == other.head().hash


def test_a_block_that_the_node_does_not_tell_of_never_becomes_final(slow_chain, monkeypatch):
    other = branch(slow_chain.node)
    digest = attest()
    relaying.relay()
    slow_chain.node.mine()
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(10**6, 0))
    indexer.index()
    other.mine(timestamp=other.head().timestamp + 77)
    slow_chain.server.show(other)
    number = other.head().block_number
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(number, number))

    with monkeypatch.context() as patched:
        patched.setattr(client, "post", refusing(hex(number)))
        with pytest.raises(client.Unavailable):
            indexer.index()
    assert status(digest) == "confirmed"

    indexer.index()
    relaying.relay()
    other.mine()
    number += 1
    indexer.index()
    assert (status(digest), attestations(slow_chain)) == ("final", 1)


def test_what_the_chain_calls_final_is_no_longer_checked(chain, monkeypatch):
    digest = attest()
    chain.settle()
    assert Block.objects.filter(confirmed=False).count() == 0
    asked = []
    monkeypatch.setattr(client, "post", lambda batch: asked.extend(batch) or [])
    assert indexer.rewind(CHAIN_ID) == 0
    assert asked == []
    assert status(digest) == "final"


def test_confirmed_becomes_final_when_the_chain_says_so(slow_chain, monkeypatch):
    digest = attest()
    relaying.relay()
    number = slow_chain.node.mine().number
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(number, number - 1))
    indexer.index()
    assert status(digest) == "confirmed"
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(number + 9, number))
    indexer.index()
    assert status(digest) == "final"


def test_a_node_that_knows_no_final_block_is_trusted_64_blocks_down(chain, monkeypatch):
    head = chain.node.head().block_number
    real = client.post

    def without_finalized(batch):
        answers = real(batch)
        return [
            client.Answer(message="unknown block tag") if "finalized" in args else answer
            for (_, args), answer in zip(batch, answers, strict=True)
        ]

    monkeypatch.setattr(client, "post", without_finalized)
    assert indexer.heights() == indexer.Heights(head, max(0, head - 64))
