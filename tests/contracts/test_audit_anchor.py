"""AuditAnchor: the chain takes a head only where it extends the last."""

from functools import cache
from hashlib import sha256

import pytest

from .conftest import DAY, events

pytestmark = pytest.mark.contracts

DELAY = 2 * DAY
NOBODY = "0x" + "0" * 40
LEAVES = [sha256(b"\0" + bytes([number])).digest() for number in range(70)]
OTHERS = [sha256(b"\0other" + bytes([number])).digest() for number in range(70)]


def split(size):
    """Return the largest power of two below size."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves):
    """Return RFC 9162's tree hash, written from its definition."""
    leaves = tuple(leaves)
    return _root(leaves)


@cache
def _root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    middle = split(len(leaves))
    return sha256(b"\x01" + _root(leaves[:middle]) + _root(leaves[middle:])).digest()


def proof(first, leaves, *, whole=True):
    """Return RFC 9162's consistency proof SUBPROOF(first, leaves, whole), written from its definition."""
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    middle = split(len(leaves))
    if first <= middle:
        return [*proof(first, leaves[:middle], whole=whole), root(leaves[middle:])]
    return [*proof(first - middle, leaves[middle:], whole=False), root(leaves[:middle])]


@pytest.fixture
def log(bench):
    return bench.deploy("AuditAnchor", bench.operator.address, DELAY)


def anchor(log, first, size, leaves=LEAVES):
    return log.functions.anchor(size, root(leaves[:size]), proof(first, leaves[:size]) if first else [])


def test_the_first_head_needs_no_proof(bench, log):
    receipt = bench.send(anchor(log, 0, 7))
    assert events(log, receipt, "Anchored") == [{"sequence": 1, "size": 7, "root": root(LEAVES[:7])}]
    assert log.functions.head().call() == (7, 1, bench.node.head().timestamp, root(LEAVES[:7]))


def test_a_head_that_extends_the_last_is_taken(bench, log):
    sizes = [1, 2, 3, 6, 8, 13, 64, 70]
    for first, size in zip([0, *sizes], sizes, strict=False):
        bench.send(anchor(log, first, size))
    size, sequence, _, top = log.functions.head().call()
    assert (size, sequence, top) == (70, len(sizes), root(LEAVES))


def test_every_size_extends_every_smaller_size(log):
    for size in range(1, 33):
        for first in range(1, size + 1):
            ends = first, size, root(LEAVES[:first]), root(LEAVES[:size])
            assert log.functions.verifyConsistency(*ends, proof(first, LEAVES[:size])).call(), (first, size)


@pytest.mark.security
def test_a_fork_is_refused(bench, log):
    bench.send(anchor(log, 0, 20))
    fork = [*LEAVES[:19], *OTHERS[19:]]
    call = log.functions.anchor(40, root(fork[:40]), proof(20, fork[:40]))
    assert bench.refusal(call) == ("NotConsistent", (20, 40))


@pytest.mark.security
def test_a_log_does_not_shrink_nor_stand_still(bench, log):
    bench.send(anchor(log, 0, 20))
    assert bench.refusal(log.functions.anchor(20, root(LEAVES[:20]), [])) == ("SizeNotGrowing", (20, 20))
    assert bench.refusal(log.functions.anchor(19, root(LEAVES[:19]), [])) == ("SizeNotGrowing", (19, 20))


@pytest.mark.security
@pytest.mark.parametrize(("first", "size"), [(1, 2), (4, 7), (6, 8), (7, 33), (32, 64), (33, 70)])
def test_a_proof_with_anything_changed_is_refused(log, first, size):
    good = proof(first, LEAVES[:size])
    ends = first, size, root(LEAVES[:first]), root(LEAVES[:size])
    assert log.functions.verifyConsistency(*ends, good).call()
    changed = [[*good[:at], bytes([node[0] ^ 1]) + node[1:], *good[at + 1 :]] for at, node in enumerate(good)]
    changed += [good[:-1], [*good, b"\0" * 32], [b"\0" * 32, *good], good[::-1] if len(good) > 1 else []]
    for bad in changed:
        assert not log.functions.verifyConsistency(*ends, bad).call(), bad
    for at in (2, 3):
        wrong = list(ends)
        wrong[at] = OTHERS[0]
        assert not log.functions.verifyConsistency(*wrong, good).call()


def test_degenerate_sizes_prove_nothing(log):
    one, two = root(LEAVES[:1]), root(LEAVES[:2])
    assert not log.functions.verifyConsistency(0, 2, one, two, [LEAVES[1]]).call()
    assert not log.functions.verifyConsistency(2, 1, two, one, [LEAVES[1]]).call()
    assert log.functions.verifyConsistency(2, 2, two, two, []).call()
    assert not log.functions.verifyConsistency(2, 2, two, one, []).call()
    assert not log.functions.verifyConsistency(2, 2, two, two, [one]).call()
    assert not log.functions.verifyConsistency(3, 5, two, two, []).call()


@pytest.mark.security
def test_only_the_operator_anchors(bench, log):
    assert bench.refusal(anchor(log, 0, 7), by=bench.stranger) == ("NotOperator", (bench.stranger.address,))


def test_a_successor_takes_over_after_the_delay(bench, log):
    bench.send(anchor(log, 0, 7))
    bench.send(log.functions.nameSuccessor(bench.admin.address))
    named = bench.node.head().timestamp
    assert log.functions.operator().call() == [bench.operator.address, bench.admin.address, named + DELAY]
    early = bench.refusal(log.functions.takeOver(), by=bench.admin)
    assert (early[0], early[1][0]) == ("TooEarly", named + DELAY)
    bench.send(anchor(log, 7, 8))
    bench.time = named + DELAY
    receipt = bench.send(log.functions.takeOver(), by=bench.admin)
    change = {"former": bench.operator.address, "operator": bench.admin.address}
    assert events(log, receipt, "OperatorChanged") == [change]
    assert log.functions.operator().call() == [bench.admin.address, NOBODY, 0]
    assert bench.refusal(anchor(log, 8, 9)) == ("NotOperator", (bench.operator.address,))
    bench.send(anchor(log, 8, 9), by=bench.admin)


def test_a_succession_can_be_called_off(bench, log):
    bench.send(log.functions.nameSuccessor(bench.stranger.address))
    bench.send(log.functions.cancelSuccession())
    bench.time += 2 * DELAY
    assert bench.refusal(log.functions.takeOver(), by=bench.stranger) == ("NotSuccessor", (bench.stranger.address,))
    assert bench.refusal(log.functions.cancelSuccession()) == ("NoSuccessor", ())


@pytest.mark.security
def test_naming_another_successor_starts_the_delay_anew(bench, log):
    bench.send(log.functions.nameSuccessor(bench.admin.address))
    bench.time += DELAY
    bench.send(log.functions.nameSuccessor(bench.stranger.address))
    assert bench.refusal(log.functions.takeOver(), by=bench.stranger)[0] == "TooEarly"
    assert bench.refusal(log.functions.takeOver(), by=bench.admin)[0] == "NotSuccessor"


@pytest.mark.security
def test_only_the_operator_names_a_successor_or_calls_it_off(bench, log):
    stranger = bench.stranger
    assert bench.refusal(log.functions.nameSuccessor(stranger.address), by=stranger)[0] == "NotOperator"
    assert bench.refusal(log.functions.cancelSuccession(), by=stranger)[0] == "NotOperator"
