"""What the chain passes over is noticed: on the patient's log, and by the operators."""

import pytest

from audit.models import EventBody
from audit.queries import story
from consent import access, deployed, proofs, tasks
from consent.models import Grant, GrantParcel
from consent.sharing import grants
from ehr import clock
from ehr.chain import indexer, tokens, transactions
from ehr.chain.models import Status, Transaction
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.notices.models import Notice
from ehr.words import Category
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.contracts, pytest.mark.security]


@pytest.fixture
def two(chain):
    people.open_escrow()
    operator = people.account("Otto Operator", staff=True).user
    operator.groups.add(ensure_desk_roles()[DeskRole.OPERATOR])
    return people.patient("Ana Costa"), people.clinician("Mei Lee")


def send(chain):
    GrantParcel.objects.update(due_at=clock.now())
    tasks.relay_grants()
    chain.settle()
    indexer.index()


def alarms(patient) -> list[tuple[str, object]]:
    return [(line.because, line.grant) for line in story(patient.pk) if line.action == "grant.token-skipped"]


def mint_first(grant, private: bytes) -> None:
    """Mint a token of somebody else's to the same one-time address, as whoever saw the grant in public could."""
    shape = proofs.token_grant(grant)
    signature = tokens.sign_grant(private, shape, proofs.domain(grant))
    transactions.queue(
        b"\x07" * 32, contract="AccessToken", method="grant", args=[[tokens.grant_item(shape, signature)]]
    )


def test_what_arrives_raises_no_alarm_and_is_noted_once(chain, two):
    people.give(*two, Category.LABS)
    send(chain)
    assert tasks.follow_tokens() == 1
    assert tasks.follow_tokens() == 0
    assert GrantParcel.objects.get().outcome == "arrived"
    assert alarms(two[0].patient) == []


def test_a_token_that_somebody_minted_first_is_an_alarm(chain, two):
    ana, lee = two
    fine, taken = people.give(ana, lee, Category.LABS), people.give(ana, lee, Category.HISTORY)
    mint_first(taken, b"\x09" * 32)
    chain.settle()
    send(chain)
    assert tasks.follow_tokens() == 2
    assert alarms(ana.patient) == [("holder-used", taken.pk)]
    assert {one.grant_id: one.outcome for one in GrantParcel.objects.all()} == {
        fine.pk: "arrived",
        taken.pk: "holder-used",
    }
    assert Notice.objects.filter(kind="desk.token-skipped", about=taken.pk).count() == 1
    assert tasks.follow_tokens() == 0


@pytest.mark.parametrize("change", [{"ends": people.FAR_AHEAD}, {"holder": "0xnot-an-address"}])
def test_a_grant_row_altered_before_its_token_left_stays_and_is_an_alarm(chain, two, change):
    """Sent, it would mint somebody else's token to the one-time address, or keep the rest of its batch from leaving."""
    ana, lee = two
    fine, altered = people.give(ana, lee, Category.LABS), people.give(ana, lee, Category.HISTORY)
    Grant.objects.filter(pk=altered.pk).update(**change)
    send(chain)
    assert deployed.token_owner(fine.chain_id, fine.contract, proofs.token_id(fine)) == fine.holder
    assert deployed.token_owner(altered.chain_id, altered.contract, proofs.token_id(altered)) is None
    assert alarms(ana.patient) == [("altered", altered.pk)]


def test_a_mint_that_comes_after_its_own_end_is_none(chain, two):
    ana, lee = two
    grant = people.give(ana, lee, Category.LABS)
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    mint = GrantParcel.objects.get(kind="mint")
    GrantParcel.objects.filter(pk=mint.pk).update(delivered_at=clock.now())
    send(chain)
    GrantParcel.objects.filter(pk=mint.pk).update(delivered_at=None)
    send(chain)
    tasks.follow_tokens()
    assert GrantParcel.objects.get(kind="mint").outcome == "holder-used"
    assert alarms(ana.patient) == []


def test_a_batch_that_failed_is_an_alarm_for_each_of_its_items(chain, two):
    ana, lee = two
    people.give(ana, lee, Category.LABS)
    people.give(ana, lee, Category.HISTORY)
    send(chain)
    Transaction.objects.filter(method="grant").update(status=Status.FAILED)
    tasks.follow_tokens()
    assert [because for because, _grant in alarms(ana.patient)] == ["batch-failed"] * 2


def test_nothing_is_noted_before_it_is_final(chain, two):
    people.give(*two, Category.LABS)
    send(chain)
    Transaction.objects.filter(method="grant").update(status=Status.CONFIRMED)
    assert tasks.follow_tokens() == 0
    assert not any(b"token-skipped" in bytes(body.payload) for body in EventBody.objects.all())
