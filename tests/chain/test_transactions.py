"""Queued once, sent until it arrives, counted once: with crashes, outages, rivals and reorganisations in between."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db import transaction as database
from eth_account import Account as EthAccount
from eth_utils.crypto import keccak

from ehr import clock
from ehr.chain import client, contracts, deployments, indexer, relaying, signing, tasks, transactions
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.models import Block, SignedForm, Status, Transaction

from .approvals import attest, attestations, credential, status

DIGEST = keccak(text="the first approval")
FAR = 2**40


# --- Queueing --------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_queueing_needs_no_chain(settings):
    settings.CHAIN_URL = "http://127.0.0.1:9"
    assert status(attest()) == "queued"


@pytest.mark.django_db
def test_the_same_digest_is_queued_once():
    attest()
    attest()
    assert Transaction.objects.count() == 1


@pytest.mark.django_db
def test_a_digest_cannot_come_to_mean_another_call():
    digest = attest()
    with pytest.raises(ValueError, match="already stands for another call"):
        transactions.queue(digest, contract="ProviderRegistry", method="attest", args=[credential(2), FAR])


@pytest.mark.django_db
def test_a_digest_has_32_bytes():
    with pytest.raises(ValueError, match="32 bytes"):
        transactions.queue(b"short", contract="ProviderRegistry", method="revoke", args=[credential()])


@pytest.mark.django_db(transaction=True)
def test_what_its_cause_undoes_was_never_queued():
    with database.atomic():
        attest()
        database.set_rollback(True)
    assert not Transaction.objects.exists()


@pytest.mark.django_db
def test_an_unknown_digest_has_no_outcome():
    assert transactions.outcome(DIGEST) is None


# --- Arriving --------------------------------------------------------------------------------------
def test_a_queued_call_arrives_and_becomes_final(chain):
    digest = attest()
    chain.settle()
    outcome = transactions.outcome(digest)
    assert (outcome.status, outcome.confirmed, outcome.problem) == ("final", True, "")
    assert outcome.logs[0]["topics"][1] == f"0x{credential().hex()}"
    assert outcome.block == chain.node.head().block_number
    assert chain.contract("ProviderRegistry").functions.statusOf(credential()).call() == 1


def test_many_arrive_in_one_block_in_their_order(slow_chain):
    digests = [attest(number) for number in range(12)]
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    assert {status(digest) for digest in digests} == {"final"}
    assert Block.objects.filter(number=slow_chain.node.head().block_number).count() == 1
    nonces = list(Transaction.objects.filter(method="attest").order_by("pk").values_list("nonce", flat=True))
    assert nonces == list(range(nonces[0], nonces[0] + 12))


def test_relaying_twice_sends_once(chain):
    attest()
    for _ in range(3):
        relaying.relay()
        relaying.send()
    chain.settle()
    assert attestations(chain) == 1
    assert SignedForm.objects.filter(transaction__method="attest").count() == 1


def test_a_worker_that_dies_after_sending_and_before_saving_sends_the_same_bytes_again(chain):
    digest = attest()
    relaying.relay()
    # As it stands in the database of a worker that was killed between the network and the commit.
    Transaction.objects.filter(digest=digest).update(status=Status.SIGNED)
    SignedForm.objects.filter(transaction__digest=digest).update(sent_at=None)
    chain.settle()
    assert status(digest) == "final"
    assert attestations(chain) == 1


def test_a_worker_that_dies_before_sending_left_the_signed_bytes(slow_chain):
    digest = attest()
    signing.sign_queued()
    assert status(digest) == "signed"
    raw = bytes(SignedForm.objects.get(transaction__digest=digest).raw)
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    assert status(digest) == "final"
    assert bytes(SignedForm.objects.get(transaction__digest=digest).raw) == raw


def test_two_workers_with_the_same_list_sign_each_once(chain):
    for number in range(3):
        attest(number)
    waiting = list(Transaction.objects.to_sign(clock.now()))
    payer, offer = signing.account(), signing.fees()
    signed = [signing._sign(transaction, payer, offer) for transaction in waiting * 2]
    assert signed == [True] * 3 + [False] * 3
    chain.settle()
    assert attestations(chain) == 3


def test_what_a_contract_refuses_waits_and_costs_nothing(chain):
    bench_digest = keccak(text="revoke what was never attested")
    transactions.queue(bench_digest, contract="ProviderRegistry", method="revoke", args=[credential()])
    chain.settle(rounds=1)
    waiting = Transaction.objects.get(digest=bench_digest)
    assert (waiting.status, waiting.tries, waiting.nonce) == ("queued", 1, None)
    assert waiting.problem.startswith("execution reverted")
    assert waiting.due_at > clock.now()


def test_what_is_refused_for_a_day_has_failed(chain):
    digest = keccak(text="revoke what was never attested")
    transactions.queue(digest, contract="ProviderRegistry", method="revoke", args=[credential()])
    Transaction.objects.filter(digest=digest).update(tries=signing.MOST_TRIES - 1)
    relaying.relay()
    assert status(digest) == "failed"


def test_a_call_that_needs_the_one_before_it_waits_for_it(slow_chain):
    first = attest()
    digest = keccak(text="and revoke it")
    transactions.queue(digest, contract="ProviderRegistry", method="revoke", args=[credential()])
    relaying.relay()
    assert (status(first), status(digest)) == ("sent", "queued")
    assert Transaction.objects.get(digest=digest).tries == 0
    slow_chain.node.mine()
    indexer.index()
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    assert status(digest) == "final"


def test_a_call_of_a_contract_that_is_not_there_yet_waits(bare_chain):
    digest = attest()
    relaying.relay()
    assert status(digest) == "queued"
    contracts.deploy(poll_seconds=0)
    bare_chain.settle()
    assert status(digest) == "final"


def test_many_early_calls_do_not_stand_before_the_creation_they_wait_for(bare_chain):
    digests = [attest(number) for number in range(60)]
    contracts.deploy(poll_seconds=0)
    bare_chain.settle()
    assert {status(digest) for digest in digests} == {"final"}


def test_a_call_that_reverts_in_its_block_has_failed(slow_chain):
    # Both pass their trial run; in the block the second finds the credential revoked already.
    attest()
    slow_chain.node.block_seconds = 0
    slow_chain.settle()
    slow_chain.node.block_seconds = 1.0
    digests = [keccak(text=f"revoke {number}") for number in range(2)]
    for digest in digests:
        transactions.queue(digest, contract="ProviderRegistry", method="revoke", args=[credential()])
    relaying.relay()
    slow_chain.node.mine()
    indexer.index()
    outcomes = [transactions.outcome(digest) for digest in digests]
    assert [(outcome.status, outcome.problem) for outcome in outcomes] == [("final", ""), ("failed", "reverted")]


# --- Outages ---------------------------------------------------------------------------------------
def test_with_the_chain_down_nothing_is_lost_and_one_line_is_logged(chain, caplog):
    with chain.down():
        digest = attest()
        for _ in range(3):
            tasks.relay()
            tasks.index()
    told = [record.message for record in caplog.records if record.name == "ehr.chain.tasks"]
    assert len(told) == 2
    assert all(line.startswith("The chain is unavailable, work waits in the queue") for line in told)
    assert status(digest) == "queued"
    tasks.relay()
    tasks.index()
    assert status(digest) == "final"
    assert attestations(chain) == 1


def test_an_answer_that_is_no_json_counts_as_down(chain, monkeypatch):
    monkeypatch.setattr("ehr.chain.embedded.server.json.dumps", lambda _: "<html>busy</html>")
    with pytest.raises(client.Unavailable):
        client.post([("eth_chainId", [])])


def test_reading_a_contract_with_the_chain_down_says_so(chain):
    with chain.down():
        call = chain.contract("ProviderRegistry").functions.statusOf(credential())
        with pytest.raises(client.Unavailable):
            call.call()


def test_where_the_contracts_stand_is_known_with_the_chain_down(chain):
    with chain.down():
        found = deployments.find("AccessToken")
        assert (found.chain_id, found.address) == (CHAIN_ID, deployments.address("AccessToken"))


# --- Fees and nonces -------------------------------------------------------------------------------
def test_what_no_block_takes_is_outbid_with_the_same_nonce(slow_chain):
    digest = attest()
    relaying.relay()
    first = SignedForm.objects.get(transaction__digest=digest)
    SignedForm.objects.update(signed_at=clock.now() - 2 * signing.BUMP_AFTER)
    relaying.relay()
    second = SignedForm.objects.exclude(pk=first.pk).get(transaction__digest=digest)
    assert second.max_fee >= first.max_fee * 9 / 8
    assert len(slow_chain.node.waiting) == 1
    slow_chain.node.mine()
    indexer.index()
    assert transactions.outcome(digest).transaction_hash == str(second)
    assert attestations(slow_chain) == 1


def test_the_first_form_counts_when_a_block_takes_that(slow_chain):
    digest = attest()
    relaying.relay()
    first = SignedForm.objects.get(transaction__digest=digest)
    SignedForm.objects.update(signed_at=clock.now() - 2 * signing.BUMP_AFTER)
    signing.bump_slow()
    slow_chain.node.mine()
    slow_chain.settle()
    assert transactions.outcome(digest).transaction_hash == str(first)
    assert attestations(slow_chain) == 1


def test_only_the_latest_form_is_sent_again(slow_chain, caplog):
    attest()
    relaying.relay()
    SignedForm.objects.update(signed_at=clock.now() - 2 * signing.BUMP_AFTER)
    relaying.relay()
    SignedForm.objects.update(sent_at=clock.now() - 2 * relaying.SEND_AGAIN_AFTER)
    assert relaying.send() == 1
    assert "was not taken" not in caplog.text


def test_after_a_change_of_keys_the_old_accounts_work_arrives_and_is_not_outbid(slow_chain, settings):
    digest = attest()
    relaying.relay()
    SignedForm.objects.update(signed_at=clock.now() - 2 * signing.BUMP_AFTER)
    settings.CHAIN_RELAYER_KEY = keccak(text="the next relayer")
    relaying.relay()
    assert SignedForm.objects.filter(transaction__digest=digest).count() == 1
    slow_chain.node.mine()
    indexer.index()
    assert status(digest) == "final"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_send_each_once(chain):
    digests = [attest(number) for number in range(24)]

    def work(_):
        try:
            relaying.relay()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(16)))
    chain.settle()
    assert {status(digest) for digest in digests} == {"final"}
    assert attestations(chain) == 24
    assert Transaction.objects.values("nonce").distinct().count() == Transaction.objects.count()


def someone_elses_transfer(settings, nonce):
    fields = {
        "type": 2,
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": "0x" + "11" * 20,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 10**12,
        "maxPriorityFeePerGas": 10**9,
    }
    return bytes(EthAccount.sign_transaction(fields, settings.CHAIN_RELAYER_KEY).raw_transaction)


def test_a_nonce_that_somebody_else_used_is_replaced(slow_chain, settings):
    digest = attest()
    signing.sign_queued()
    nonce = Transaction.objects.get(digest=digest).nonce
    slow_chain.node.send(someone_elses_transfer(settings, nonce))
    slow_chain.node.mine()
    slow_chain.node.block_seconds = 0
    slow_chain.settle()
    assert status(digest) == "final"
    assert Transaction.objects.get(digest=digest).nonce == nonce + 1
    assert attestations(slow_chain) == 1


def test_waiting_time_grows_to_an_hour(chain):
    digest = keccak(text="revoke what was never attested")
    transactions.queue(digest, contract="ProviderRegistry", method="revoke", args=[credential()])
    Transaction.objects.filter(digest=digest).update(tries=20)
    relaying.relay()
    wait = Transaction.objects.get(digest=digest).due_at - clock.now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)
