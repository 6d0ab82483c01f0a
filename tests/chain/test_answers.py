"""Whatever stands in front of a node says when it is busy counts as a chain that is down, and stops nothing else."""

import io
from contextlib import suppress

import pytest
from django.core.management import CommandError, call_command

from audit import anchors, checkpoints, sequencer
from audit.models import Anchor
from ehr.chain import answers, client, contracts, events, identities, indexer, relaying, tasks
from ehr.frame import readiness
from tests.audit.conftest import Day

from .approvals import attest, attestations, status

ODD = {
    "an error in words": {"error": "rate limited"},
    "an error that is a list": {"error": [1]},
    "an error by its code": {"error": {"code": -32005, "message": "daily request count exceeded"}},
    "no result": {},
    "null": {"result": None},
    "a number": {"result": 7},
    "no hexadecimal": {"result": "0xzz"},
    "nothing behind 0x": {"result": "0x"},
    "a list": {"result": []},
    "an object": {"result": {}},
    "a word too long": {"result": "0x" + "f" * 65},
}


@pytest.fixture
def day(db):
    return Day()


def each(chain):
    """Let a node answer everything with the same nonsense, each kind in its turn."""
    for said in ODD.values():
        with chain.saying(said):
            yield said


@pytest.mark.parametrize("work", [relaying.relay, indexer.index, contracts.deploy, client.chain_id])
def test_what_needs_the_chain_finds_it_unavailable(chain, work):
    attest()
    for said in each(chain):
        with pytest.raises(client.Unavailable):
            pytest.fail(f"{said} was taken for {work()}")


def test_what_waits_arrives_once_the_node_answers_again(chain):
    digest = attest()
    for _said in each(chain):
        tasks.relay()
        tasks.index()
    chain.settle()
    assert (status(digest), attestations(chain)) == ("final", 1)


def test_the_log_s_head_is_signed_and_queued_for_the_chain_all_the_same(chain, day):
    for said in each(chain):
        day.looks(1)
        sequencer.sequence()
        assert checkpoints.sign() is not None, said
        anchors.anchor()
    assert Anchor.objects.count() == 1


def test_no_odd_number_of_a_chain_is_remembered(chain):
    known = client.chain_id()
    for _said in each(chain):
        with suppress(client.Unavailable):
            assert client.web3().eth.chain_id == known
    assert client.web3().eth.chain_id == known


def test_readiness_says_unreachable(chain):
    assert {readiness.look().chain for _said in each(chain)} == {"unreachable"}


def test_the_log_is_verified_without_the_chain(chain, day):
    day.looks(1)
    day.ends()
    for _said in each(chain):
        call_command("verify_log", stdout=io.StringIO(), stderr=io.StringIO())


def test_putting_the_contracts_there_ends_in_a_sentence(chain):
    for _said in each(chain):
        with pytest.raises(CommandError, match="No chain answers"):
            call_command("deploy_contracts", wait=0, stdout=io.StringIO())


def test_reading_a_contract_finds_it_unavailable(chain):
    for _said in each(chain):
        with pytest.raises(client.Unavailable):
            identities.bindings_of([bytes(32)])


def test_reading_a_contract_by_web3_finds_it_unavailable(chain):
    call = chain.contract("ProviderRegistry").functions.statusOf(bytes(32))
    for said in each(chain):
        if said != ODD["nothing behind 0x"]:  # what a place without a contract answers
            with pytest.raises(client.Unavailable):
                call.call()


@pytest.mark.parametrize(
    "logs", [None, 7, "0x", {}, [7], [{}], [{"address": "0x" + "01" * 20, "topics": [], "data": "0x"}]]
)
def test_tokens_logs_of_another_shape_are_no_answer(monkeypatch, logs):
    monkeypatch.setattr(client, "post", lambda _batch: [client.Answer(logs)])
    with pytest.raises(client.Unavailable):
        events.of_tokens("0x" + "00" * 20, 1, 1)


# --- Shapes ----------------------------------------------------------------------------------------
HEADER = {"number": "0x1", "hash": "0x" + "ab" * 32, "timestamp": "0x10", "baseFeePerGas": "0x7"}
RECEIPT = {
    "blockNumber": "0x1",
    "blockHash": "0x" + "ab" * 32,
    "status": "0x1",
    "gasUsed": "0x5208",
    "contractAddress": None,
    "logs": [{"address": "0x" + "01" * 20, "topics": ["0x" + "02" * 32], "data": "0x"}],
}
WRONG = (None, 7, "", "0x", "0xzz", "0x" + "f" * 70, [], {}, True)


@pytest.mark.parametrize("value", [None, 7, "", "7", "0x", "0xzz", "0x" + "f" * 17, [], True, "0x1 "])
def test_what_is_no_number_is_not_read_as_one(value):
    with pytest.raises(answers.Unavailable):
        answers.quantity(value)


@pytest.mark.parametrize("value", [None, 7, "", "ab", "0xa", "0xzz", [], "0x ab"])
def test_what_is_no_bytes_is_not_read_as_some(value):
    with pytest.raises(answers.Unavailable):
        answers.octets(value)


@pytest.mark.parametrize("name", ["number", "hash", "timestamp"])
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_header_with_a_part_of_another_shape_is_none(name, value):
    with pytest.raises(answers.Unavailable):
        answers.Answer(HEADER | {name: value}).header()


@pytest.mark.parametrize("name", ["blockNumber", "blockHash", "status", "gasUsed", "logs"])
@pytest.mark.parametrize("value", [*WRONG[:6], [7], {}, True], ids=repr)
def test_a_receipt_with_a_part_of_another_shape_is_none(name, value):
    with pytest.raises(answers.Unavailable):
        answers.Answer(RECEIPT | {name: value}).receipt()


def test_a_moment_that_no_calendar_has_is_not_a_block_s():
    with pytest.raises(answers.Unavailable):
        answers.Answer(HEADER | {"timestamp": hex(2**62)}).header()


def test_a_node_that_knows_no_such_block_is_believed():
    assert answers.Answer(None).header() is None


@pytest.mark.parametrize(
    ("error", "reverted"),
    [
        ({"code": 3, "message": "execution failed"}, True),
        ({"code": -32000, "message": "execution reverted: NotAnchorer"}, True),
        ({"code": -32015, "message": "VM error", "data": "0x08c379a0"}, True),
        ({"code": -32005, "message": "daily request count exceeded, request rate limited"}, False),
        ({"code": -32000, "message": "header not found", "data": "0x"}, False),
        ({"code": -32000, "message": "insufficient funds for transfer"}, False),
        ({"code": -32603, "message": "internal error", "data": {"trace": 1}}, False),
        ({}, False),
    ],
)
def test_a_contract_s_refusal_is_told_from_the_node_s_own(error, reverted):
    answer = answers.read({"error": error})
    assert (answer.refused, answer.reverted) == (True, reverted)
