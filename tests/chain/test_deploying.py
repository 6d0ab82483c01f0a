"""The contracts are put on a chain once, finished after a crash, and started over only where that is safe."""

import pytest

from ehr.chain import contracts, deployments, relaying, signing, tasks, transactions
from ehr.chain.models import Account, Deployment

from .approvals import attest, attestations, status
from .embedded import fresh_node


def test_deploying_twice_changes_nothing(chain):
    before = {row.name: row.address for row in Deployment.objects.all()}
    height = chain.node.head().block_number
    assert {row.name: row.address for row in contracts.deploy(poll_seconds=0)} == before
    assert chain.node.head().block_number == height
    assert len(before) == 6


def test_the_relayer_may_do_its_work_and_an_admin_named_apart_holds_the_roles(bare_chain):
    admin = "0x00000000000000000000000000000000000000AA"
    contracts.deploy(admin=admin, poll_seconds=0)
    registry = bare_chain.contract("ProviderRegistry").functions
    assert registry.hasRole(registry.ACCREDITOR_ROLE().call(), signing.relayer()).call()
    assert registry.hasRole(b"\0" * 32, admin).call()
    assert not registry.hasRole(b"\0" * 32, signing.relayer()).call()
    identities = bare_chain.contract("IdentityRegistry").functions
    assert identities.hasRole(identities.REGISTRAR_ROLE().call(), signing.relayer()).call()
    assert bare_chain.contract("AuditAnchor").functions.operator().call()[0] == signing.relayer()


def test_a_deployment_that_died_halfway_is_finished_with_the_same_addresses(bare_chain):
    payer = signing.account()
    plan = contracts.plans(admin=payer.address, relayer=payer.address)[0]
    transactions.queue_creation(plan.digest(payer), contract=plan.name, args=plan.args)
    relaying.relay()
    created = len(bare_chain.node.chain.get_canonical_block_by_number(1).transactions)
    contracts.deploy(poll_seconds=0)
    assert created == 1
    assert Deployment.objects.get(name=plan.name).block == 1


def test_nothing_is_sent_to_another_chain_with_the_same_id(chain):
    digest = attest()
    chain.server.show(fresh_node())
    with pytest.raises(signing.AnotherChain):
        relaying.relay()
    tasks.relay()
    assert status(digest) == "queued"


def test_on_an_embedded_chain_made_anew_everything_is_done_again(chain):
    digest = attest()
    chain.settle()
    standing = deployments.address("ProviderRegistry")
    chain.server.show(fresh_node())
    contracts.deploy(poll_seconds=0)
    chain.settle()
    assert deployments.address("ProviderRegistry") == standing
    assert status(digest) == "final"
    assert attestations(chain) == 1


def test_another_chain_that_is_not_embedded_is_never_started_over(chain, monkeypatch):
    monkeypatch.setattr(contracts, "EMBEDDED", "something-else")
    chain.server.show(fresh_node())
    with pytest.raises(signing.AnotherChain):
        contracts.deploy(poll_seconds=0)
    assert Account.objects.count() == 1
