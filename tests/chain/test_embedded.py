"""The embedded chain keeps what it acknowledged, and answers as a node does."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command
from eth_account import Account
from eth_utils.crypto import keccak
from web3 import Web3
from web3.exceptions import BlockNotFound, TransactionNotFound, Web3RPCError

from ehr.chain import artifacts, typed_data
from ehr.chain.embedded import server
from ehr.chain.embedded.evm import CHAIN_ID, Transfer
from ehr.chain.embedded.node import Node, Refused
from ehr.chain.embedded.store import Store

PAYER = keccak(text="payer")
PAYERS_ADDRESS = typed_data.address_of(PAYER)
SINK = "0x" + "11" * 20
NOON = 1_800_000_000


def transfer(nonce, *, fee=10**10, key=PAYER, **changes):
    fields = {
        "type": 2,
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": SINK,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": fee,
        "maxPriorityFeePerGas": 1,
    }
    return bytes(Account.sign_transaction(fields | changes, key).raw_transaction)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def time_now():
    return Clock()


@pytest.fixture
def node(time_now):
    """A node that mines when told to, with a clock that is moved by hand."""
    return Node(Store(":memory:"), [PAYERS_ADDRESS], clock=time_now)


@pytest.fixture
def running():
    chain = server.start(":memory:", funded=[PAYERS_ADDRESS], block_seconds=0)
    yield chain
    chain.close()


# --- Surviving -------------------------------------------------------------------------------------
@contextmanager
def run_chain(folder):
    """Run `manage.py run_chain` in a process of its own, on a port that is free; kill -9 ends it."""
    environment = os.environ | {"DATA_DIR": str(folder), "CHAIN_RELAYER_KEY": PAYER.hex(), "DATABASE_URL": ""}
    command = [sys.executable, "manage.py", "run_chain", "--port", "0", "--data", str(folder / "chain.sqlite3")]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        told = re.search(r"The chain answers at (http://127\.0\.0\.1:\d+)", process.stderr.readline())
        yield Web3(Web3.HTTPProvider(told[1])), process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.point(8)
def test_kill_9_between_blocks_loses_nothing(tmp_path):
    with run_chain(tmp_path) as (web3, process):
        mined = web3.eth.send_raw_transaction(transfer(0))
        block = web3.eth.wait_for_transaction_receipt(mined, timeout=20, poll_latency=0.02)["blockHash"]
        waiting = [web3.eth.send_raw_transaction(transfer(nonce)) for nonce in (1, 2)]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with run_chain(tmp_path) as (web3, _):
        assert web3.eth.get_transaction_receipt(mined)["blockHash"] == block
        receipts = [web3.eth.wait_for_transaction_receipt(one, timeout=20, poll_latency=0.02) for one in waiting]
        assert [receipt["status"] for receipt in receipts] == [1, 1]
        assert web3.eth.get_transaction_count(PAYERS_ADDRESS) == 3


def test_a_second_node_opens_the_same_chain(tmp_path, time_now):
    path = tmp_path / "chain.sqlite3"
    first = Node(Store(path), [PAYERS_ADDRESS], clock=time_now)
    first.send(transfer(0))
    first.mine()
    first.send(transfer(1))
    head, genesis = first.head(), first.chain.get_canonical_block_hash(0)
    first.store.close()
    second = Node(Store(path), [PAYERS_ADDRESS], clock=time_now)
    assert (second.head(), second.chain.get_canonical_block_hash(0)) == (head, genesis)
    assert second.mine().transactions[0].nonce == 1


def test_a_block_that_fails_halfway_leaves_no_trace(node, monkeypatch):
    node.send(transfer(0))
    before = node.head()
    monkeypatch.setattr(type(node.chain), "mine", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        node.mine()
    monkeypatch.undo()
    assert node.head() == before
    assert len(node.mine().transactions) == 1


# --- Time ------------------------------------------------------------------------------------------
def test_block_times_are_the_clocks_and_always_grow(node, time_now):
    times = []
    for nonce, now in enumerate([NOON + 100, NOON + 100, NOON + 50, NOON + 900]):
        time_now.now = now
        node.send(transfer(nonce))
        times.append(node.mine().header.timestamp - NOON)
    assert times == [100, 101, 102, 900]


def test_calls_see_the_time_that_is_now_on_an_idle_chain(node, time_now):
    node.send(transfer(0))
    node.mine()
    time_now.now += 3_600
    assert node.next_header().timestamp == NOON + 3_600


def test_blocks_are_a_second_apart(time_now):
    node = Node(Store(":memory:"), [PAYERS_ADDRESS], block_seconds=0.3)
    stop = threading.Event()
    miner = threading.Thread(target=node.mine_until, args=[stop])
    miner.start()
    began = time.monotonic()
    seen = {}
    nonce = 0
    while node.head().block_number < 3:
        if not node.waiting:
            node.send(transfer(nonce))
            nonce += 1
        seen.setdefault(node.head().block_number, time.monotonic() - began)
        stop.wait(0.01)
    stop.set()
    miner.join()
    assert time.monotonic() - began >= 0.6


# --- Taking and refusing ---------------------------------------------------------------------------
def test_transactions_run_in_the_order_of_their_nonces(node):
    for nonce in (2, 0, 1, 5):
        node.send(transfer(nonce))
    assert [one.nonce for one in node.mine().transactions] == [0, 1, 2]
    assert [nonce for _, nonce in node.waiting] == [5]
    assert node.mine() is None


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"\x02junk", "invalid transaction"),
        (b"", "invalid transaction"),
        (transfer(0, chainId=1), "invalid chain id"),
        (transfer(0, gas=40_000_000), "exceeds block gas limit"),
        (transfer(0, key=keccak(text="a pauper")), "insufficient funds"),
    ],
    ids=["junk", "nothing", "another chain's", "too large", "unpaid"],
)
def test_what_cannot_run_is_refused(node, raw, says):
    with pytest.raises(Refused, match=says):
        node.send(raw)
    assert not node.waiting


def test_what_is_known_is_refused_as_known(node):
    node.send(transfer(0))
    with pytest.raises(Refused, match="already known"):
        node.send(transfer(0))
    node.mine()
    with pytest.raises(Refused, match="already known"):
        node.send(transfer(0))
    with pytest.raises(Refused, match="nonce too low"):
        node.send(transfer(0, value=2))


def test_a_higher_bid_takes_the_place_of_a_lower_and_only_then(node):
    node.send(transfer(0))
    with pytest.raises(Refused, match="underpriced"):
        node.send(transfer(0, fee=10**10 * 109 // 100))
    node.send(transfer(0, fee=2 * 10**10))
    assert node.store.waiting() == [transfer(0, fee=2 * 10**10)]
    assert [one.max_fee_per_gas for one in node.mine().transactions] == [2 * 10**10]
    assert node.store.waiting() == []


def test_a_bid_below_the_base_fee_waits(node):
    node.send(transfer(0, fee=10))
    assert node.mine() is None
    assert len(node.waiting) == 1


def test_an_estimate_is_enough_and_little_more(node):
    data = artifacts.load("AuditAnchor").deployment([PAYERS_ADDRESS, 60])
    gas = node.estimate_gas(Transfer(sender=bytes.fromhex(PAYERS_ADDRESS[2:]), data=data))
    node.send(transfer(0, to="", value=0, data=data, gas=gas))
    block = node.mine()
    used = block.get_receipts(node.chain.chaindb)[0].gas_used
    assert used <= gas <= used * 1.05


# --- JSON-RPC --------------------------------------------------------------------------------------
@pytest.fixture
def web3(running):
    return Web3(Web3.HTTPProvider(running.url))


def test_it_answers_as_a_node_does(web3):
    sent = web3.eth.send_raw_transaction(transfer(0))
    receipt, found = web3.eth.get_transaction_receipt(sent), web3.eth.get_transaction(sent)
    block = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)
    assert web3.eth.chain_id == CHAIN_ID
    assert (receipt["status"], receipt["gasUsed"], receipt["from"]) == (1, 21_000, PAYERS_ADDRESS)
    assert (found["nonce"], found["to"], found["blockHash"]) == (0, Web3.to_checksum_address(SINK), block["hash"])
    assert block["transactions"][0]["hash"] == sent
    assert web3.eth.get_block(block["hash"])["number"] == 1
    assert web3.eth.get_balance(Web3.to_checksum_address(SINK)) == 1
    assert web3.eth.get_balance(Web3.to_checksum_address(SINK), 0) == 0
    assert web3.eth.get_transaction_count(PAYERS_ADDRESS, "pending") == 1
    assert web3.eth.get_code(PAYERS_ADDRESS) == b""
    assert web3.eth.get_storage_at(PAYERS_ADDRESS, 0) == b"\0" * 32
    assert web3.eth.fee_history(4, "latest", [50.0])["oldestBlock"] == 0


@pytest.mark.parametrize("tag", ["latest", "finalized", "safe", "pending"])
def test_its_latest_block_is_final(web3, tag):
    web3.eth.send_raw_transaction(transfer(0))
    assert web3.eth.get_block(tag)["number"] == 1


def test_what_is_not_there_is_not_found(web3):
    with pytest.raises(BlockNotFound):
        web3.eth.get_block(99)
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction_receipt(b"\1" * 32)
    with pytest.raises(Web3RPCError):
        web3.eth.get_balance(PAYERS_ADDRESS, 99)


def test_logs_are_found_by_address_topic_and_range(web3):
    created = []
    for nonce in range(2):
        data = artifacts.load("AuditAnchor").deployment([PAYERS_ADDRESS, 60])
        sent = web3.eth.send_raw_transaction(transfer(nonce, to="", value=0, data=data, gas=2_000_000))
        created.append(web3.eth.get_transaction_receipt(sent)["contractAddress"])
    topic = keccak(text="OperatorChanged(address,address)").hex()

    def found(**asked):
        return [log["address"] for log in web3.eth.get_logs(asked)]

    assert found(fromBlock=0) == created
    assert found(fromBlock=2) == created[1:]
    assert found(fromBlock=0, toBlock=1) == created[:1]
    assert found(fromBlock=0, address=created[1]) == created[1:]
    assert found(fromBlock=0, topics=["0x" + topic]) == created
    assert found(fromBlock=0, topics=[["0x" + "22" * 32, "0x" + topic]]) == created
    assert found(fromBlock=0, topics=["0x" + "22" * 32]) == []
    assert found(fromBlock=0, topics=[None, None, None, None]) == []
    assert found(blockHash=web3.eth.get_block(1)["hash"]) == created[:1]


def post(url, **request):
    return requests.post(url, timeout=5, **request)


def test_a_batch_is_answered_in_its_order(running):
    batch = [
        {"jsonrpc": "2.0", "id": 7, "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "id": 8, "method": "eth_unheardOf", "params": []},
        {"jsonrpc": "2.0", "id": 9, "method": "eth_getBalance", "params": ["0x12", "latest"]},
        "not a request",
    ]
    answers = post(running.url, json=batch).json()
    assert [answer["id"] for answer in answers] == [7, 8, 9, None]
    assert answers[0]["result"] == hex(CHAIN_ID)
    assert [answer["error"]["code"] for answer in answers[1:]] == [-32601, -32602, -32600]


@pytest.mark.security
def test_a_web_page_cannot_post_to_it_unasked(running):
    body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'
    assert post(running.url, data=body, headers={"content-type": "text/plain"}).status_code == 415
    assert requests.options(running.url, timeout=5).status_code == 501


def test_what_is_no_json_is_refused(running):
    assert post(running.url, data="{", headers={"content-type": "application/json"}).status_code == 400


def test_a_taken_port_is_said(running, tmp_path):
    port = int(running.url.rsplit(":", 1)[1])
    with pytest.raises(CommandError, match=f"Port {port} is taken"):
        call_command("run_chain", port=port, data=tmp_path / "chain.sqlite3")
