"""Signed heads on the chain."""

import io

import pytest
from django.core.management import call_command

from audit import anchors, checkpoints, proofs, queries, sequencer, tasks, verify, witness
from audit.models import Anchor, Checkpoint, Event
from ehr.chain.models import Transaction
from tests.audit.tampering import everything_allowed, set_back

Status = Anchor.Status


def on_chain(chain):
    size, sequence, _time, root = chain.contract("AuditAnchor").functions.head().call()
    return size, sequence, bytes(root)


def test_a_signed_head_reaches_the_chain_and_the_row_says_so(day, chain):
    day.looks(2)
    day.ends()
    row = anchors.anchor()
    assert (row.status, row.checkpoint.size, row.from_size) == (Status.QUEUED, 4, 0)
    chain.settle()
    assert anchors.pull() == 1
    row.refresh_from_db()
    assert row.status in {Status.CONFIRMED, Status.FINAL}
    assert on_chain(chain) == (4, 1, bytes(Checkpoint.objects.get().root)) == (4, 1, witness.anchored()[1])
    assert (queries.head().anchored_block, queries.head().anchored_size) == (row.block, 4)


@pytest.mark.point(7)
def test_each_anchor_is_proven_to_continue_the_one_before(day, chain):
    for looks in (3, 10, 1):
        day.looks(looks)
        day.ends()
        assert tasks.anchor() == Checkpoint.objects.last().size
        chain.settle()
        anchors.pull()
    assert list(Anchor.objects.order_by("pk").values_list("from_size", flat=True)) == [0, 6, 26]
    assert on_chain(chain) == (28, 3, bytes(Checkpoint.objects.last().root))


def test_a_quiet_log_is_anchored_with_a_heartbeat(day, chain):
    day.looks()
    day.ends()
    tasks.anchor()
    chain.settle()
    assert tasks.anchor() == 3
    assert queries.line(Event.objects.order_by("-id").first()).action == "log.heartbeat"


def test_one_anchor_at_a_time_and_twice_is_once(day, chain):
    day.looks()
    day.ends()
    assert tasks.anchor() == 2
    assert tasks.anchor() is None
    day.looks()
    day.ends()
    assert tasks.anchor() is None
    assert Transaction.objects.filter(contract="AuditAnchor", method="anchor").count() == 1


@pytest.mark.point(8)
def test_with_the_chain_down_heads_are_signed_and_the_anchor_arrives_later_once(day, chain):
    day.looks()
    with chain.down():
        day.ends()
        assert tasks.anchor() == 2
        day.looks()
        day.ends()
        assert Checkpoint.objects.last().size == 4
    chain.settle()
    anchors.pull()
    assert on_chain(chain)[:2] == (2, 1)


def test_before_the_contract_stands_nothing_is_queued(day):
    day.looks()
    assert tasks.anchor() is None
    assert not Anchor.objects.exists()


def test_a_list_carries_the_proof_that_it_continues_the_head_on_the_chain(day, chain):
    day.looks(3)
    day.ends()
    tasks.anchor()
    chain.settle()
    anchors.pull()
    day.looks(2)
    day.ends()
    size, _, root = on_chain(chain)
    findings = verify.check([proofs.for_subject(day.patient)], chain=f"{size}:0x{root.hex()}")
    assert "It continues the head you read from the chain." in findings
    with pytest.raises(verify.Refused, match="head of 6 events that you read"):
        verify.check([proofs.for_subject(day.patient)], chain=f"{size}:{'00' * 32}")


def test_verify_log_says_nothing_more_once_the_chain_holds_a_head(day, chain):
    def verified():
        call_command("verify_log", stdout=(out := io.StringIO()), stderr=io.StringIO())
        return out.getvalue().splitlines()

    day.looks()
    day.ends()
    assert verified()[1:] == ["The chain holds no head yet, so none was compared."]
    tasks.anchor()
    chain.settle()
    assert verified()[1:] == []


@pytest.mark.security
def test_nothing_is_signed_behind_the_chain_even_when_the_kept_head_is_lost(day, chain, settings, tmp_path):
    day.looks(2)
    day.ends()
    day.looks(2)
    day.ends()
    tasks.anchor()
    chain.settle()
    settings.LOG_WITNESS_PATH = tmp_path / "lost"
    with everything_allowed():
        Anchor.objects.all().delete()
        set_back(4)
    day.looks()
    sequencer.sequence()
    with pytest.raises(witness.Behind, match="a head over 8 stands on the chain"):
        checkpoints.sign()


@pytest.mark.security
def test_the_chain_refuses_a_fork_and_the_next_anchor_starts_from_what_it_holds(day, chain):
    day.looks(2)
    day.ends()
    tasks.anchor()
    chain.settle()
    anchors.pull()
    day.looks()
    day.ends()
    honest = Checkpoint.objects.last()
    with everything_allowed():
        Checkpoint.objects.filter(pk=honest.pk).update(root=bytes(32))
        assert tasks.anchor() == 6
        Checkpoint.objects.filter(pk=honest.pk).update(root=honest.root)
    chain.settle()
    assert on_chain(chain)[:2] == (4, 1)
    Transaction.objects.filter(status="queued").update(status="failed")  # as relaying does after its last try
    assert tasks.anchor() == 7
    assert Anchor.objects.get(checkpoint=honest).status == Status.FAILED
    chain.settle()
    assert on_chain(chain) == (7, 2, bytes(Checkpoint.objects.last().root))
