"""A node that has no time, or an account without funds, refuses nothing: what waits goes out once that is over."""

from datetime import timedelta

import pytest

from ehr import clock
from ehr.chain import client, relaying, signing
from ehr.chain.models import SignedForm, Status, Transaction

from .approvals import attest, attestations, status

BUSY = client.Answer(message="daily request count exceeded, request rate limited", code=-32005)


@pytest.fixture
def says(monkeypatch):
    """Let the node answer every trial run with the same."""
    real = client.post

    def say(answer):
        def post(batch):
            answers = real(batch)
            tried = [name == "eth_estimateGas" for name, _args in batch]
            return [answer if trial else given for trial, given in zip(tried, answers, strict=True)]

        monkeypatch.setattr(client, "post", post if answer else real)

    return say


def try_again():
    Transaction.objects.update(due_at=clock.now())
    relaying.relay()


@pytest.mark.parametrize(
    "answer",
    [
        BUSY,
        client.Answer(message="insufficient funds for transfer", code=-32000),
        client.Answer(message="header not found", data="0x", code=-32000),
    ],
    ids=["busy", "poor", "behind"],
)
def test_what_a_busy_node_refuses_is_no_failed_try(chain, says, answer):
    digest = attest()
    says(answer)
    for _ in range(signing.MOST_TRIES + 1):
        try_again()
    waiting = Transaction.objects.get(digest=digest)
    assert (waiting.status, waiting.tries, waiting.problem) == (
        Status.QUEUED,
        0,
        f"{answer.message} {answer.data}".strip(),
    )


def test_what_waited_for_a_busy_node_arrives_once_it_has_time(chain, says):
    digest = attest()
    says(BUSY)
    for _ in range(signing.MOST_TRIES + 1):
        try_again()
    says(None)
    try_again()
    chain.settle()
    assert (status(digest), attestations(chain)) == ("final", 1)


def test_a_busy_node_is_asked_again_a_minute_later(chain, says):
    digest = attest()
    says(BUSY)
    relaying.relay()
    wait = Transaction.objects.get(digest=digest).due_at - clock.now()
    assert timedelta(seconds=50) < wait <= timedelta(minutes=1)


def test_a_busy_node_is_told_of_once(chain, says, caplog):
    attest()
    says(BUSY)
    for _ in range(3):
        try_again()
    assert caplog.text.count("daily request count exceeded") == 1


def test_what_a_contract_refuses_with_another_code_is_a_failed_try_all_the_same(chain, says):
    digest = attest()
    says(client.Answer(message="VM execution error", data="0x08c379a0", code=-32015))
    relaying.relay()
    assert Transaction.objects.get(digest=digest).tries == 1


# --- Fees ------------------------------------------------------------------------------------------
@pytest.fixture
def stuck(slow_chain):
    """A transaction that no block takes, outbid as often as that is done without asking what the chain wants."""
    digest = attest()
    relaying.relay()
    for _ in range(signing.MOST_FORMS + 3):
        wait_for(signing.BUMP_AFTER)
    return SignedForm.objects.filter(transaction__digest=digest).order_by("pk")


def wait_for(time):
    SignedForm.objects.update(signed_at=clock.now() - 2 * time)
    relaying.relay()


def rise(monkeypatch, forms):
    """Let the chain ask for ten times what was offered last."""
    wanted = signing.Fees(int(forms.last().max_fee) * 10, 10**9)
    monkeypatch.setattr(signing, "fees", lambda: wanted)
    return wanted


def test_a_chain_that_stands_still_does_not_drive_up_what_is_offered(stuck):
    wait_for(signing.BUMP_LATER)
    assert stuck.count() == signing.MOST_FORMS


def test_a_later_rise_of_fees_is_followed(stuck, monkeypatch):
    wanted = rise(monkeypatch, stuck)
    wait_for(signing.BUMP_LATER)
    assert (stuck.count(), stuck.last().max_fee) == (signing.MOST_FORMS + 1, wanted.max_fee)


def test_a_later_rise_is_followed_less_often(stuck, monkeypatch):
    rise(monkeypatch, stuck)
    wait_for(signing.BUMP_AFTER)
    assert stuck.count() == signing.MOST_FORMS
