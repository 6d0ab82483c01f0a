# ruff: noqa: F811 - fixtures are imported by their names
"""Pay through the contract, to the end: the chain away or of another mind, what goes back, sums, and who looks on."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from eth_utils.address import to_checksum_address

from consent.tasks import relay_grants
from ehr.chain import client, indexer, relaying, signing, studies, transactions
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.models import Deployment, Status, Transaction
from providers.rules import NotPossible
from research import joining, tasks
from research.compensation import claiming, following, shares, sums
from research.compensation.stages import Stage, stage
from research.models import Due, Joining, SetAside
from research.release import asking
from research.studies import deciding
from tests.chain.test_reorganisations import branch
from tests.consent import analyst
from tests.research import releasing, studying
from tests.research.paying_made import (  # noqa: F401 - fixtures
    PAY,
    PEOPLE,
    UNIT,
    account,
    acts,
    board,
    claim,
    contract,
    due_of,
    joined,
    ready,
    release,
    released,
    rosa,
    settled,
    small_groups,
    study,
    units,
)

pytestmark = pytest.mark.django_db


# --- The chain is away, changes its mind, or refuses ------------------------------------------------
def test_while_the_chain_is_down_nothing_stops_and_all_arrives_later(chain, study, rosa, ready, joined):
    ana = joined[0][0]
    with chain.down():
        again = released(study, rosa, [one for _person, one in joined], mark=b"again")
        claim(ana, "Ana's wallet", ready)
        with pytest.raises(client.Unavailable):
            relaying.relay()
        assert tasks.follow_pay() == 0
        assert stage(due_of(ana, ready)) == Stage.SENT
    settled(chain)
    assert (stage(due_of(ana, ready)), stage(due_of(ana, again))) == (Stage.PAID, Stage.READY)


def test_a_worker_killed_between_signing_and_sending_sends_the_same_once(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    signing.sign_queued()
    sent = Transaction.objects.get(method="claim")
    assert sent.status == Status.SIGNED
    raw = bytes(sent.forms.get().raw)
    settled(chain)
    assert bytes(sent.forms.get().raw) == raw
    assert contract(chain).creditOf(account("Ana's wallet")).call() == PAY * UNIT
    assert stage(due_of(ana)) == Stage.PAID


def test_a_claim_that_a_reorganisation_undoes_is_sent_again_and_paid_once(chain, ready, joined, monkeypatch):
    ana = joined[0][0]
    other = branch(chain.node)
    monkeypatch.setattr(indexer, "heights", lambda: indexer.Heights(10**6, 0))
    claim(ana, "Ana's wallet")
    chain.settle()
    assert tasks.follow_pay() == 0, "in a block is not final"
    other.mine(timestamp=other.head().timestamp + 77)
    chain.server.show(other)
    indexer.index()
    assert (Transaction.objects.get(method="claim").status, stage(due_of(ana))) == (Status.SENT, Stage.SENT)
    monkeypatch.undo()
    relaying.relay()
    other.mine()
    indexer.index()
    tasks.follow_pay()
    assert stage(due_of(ana)) == Stage.PAID
    assert contract(chain).creditOf(account("Ana's wallet")).call() == PAY * UNIT


def test_what_the_chain_never_takes_the_institution_pays(release, joined):
    told = studies.find("accrue", bytes(release.digest))
    Transaction.objects.filter(pk=told.pk).update(status=Status.FAILED)
    assert tasks.follow_pay() == PEOPLE
    assert tasks.follow_pay() == 0
    assert {stage(due_of(person)) for person, _joining in joined} == {Stage.DUE}
    assert sums.sums("CAD").waiting == PAY * PEOPLE
    assert Transaction.objects.get(method="giveBack").due_at > release.study.ends
    assert acts(joined[0][0])[-1] == "research.not-taken"


def test_a_refusal_in_a_block_counts_only_when_the_block_is_final(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    made = Transaction.objects.filter(method="claim")
    made.update(status=Status.FAILED, block_number=10**6, block_hash=bytes(32))
    assert not transactions.is_over(made.get())
    assert tasks.follow_pay() == 0
    made.update(block_number=None)
    assert tasks.follow_pay() == 1
    assert stage(due_of(ana)) == Stage.DUE


# --- What nobody claims --------------------------------------------------------------------------
def test_what_nobody_claims_in_time_goes_back_and_is_told(chain, ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    claim(ana, "Ana's wallet")
    settled(chain)
    too_late = time_machine.travel(shares.until(ready.study) + timedelta(minutes=1), tick=True)
    with too_late, pytest.raises(NotPossible, match="time to claim it is over"):
        claim(bo, "Bo's wallet")
    with time_machine.travel(shares.until(ready.study) + following.GRACE + timedelta(hours=1), tick=True):
        tasks.follow_pay()
        settled(chain)
        assert (stage(due_of(ana)), stage(due_of(bo))) == (Stage.PAID, Stage.RETURNED)
        assert studies.standing(bytes(ready.digest)).left == 0
        assert sums.sums("CAD").returned == PAY * (PEOPLE - 1)
        assert sums.sums("CAD").even
        assert sums.difference_on_chain() == ""
    assert acts(bo)[-1] == "research.lapsed"


def test_who_is_due_is_told_that_it_is_ready_and_once_more_before_it_goes_back(chain, ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    claim(ana, "Ana's wallet")
    settled(chain)
    with time_machine.travel(shares.until(ready.study) - timedelta(days=3), tick=True):
        tasks.follow_pay()
        tasks.follow_pay()
    kinds = [[one.kind for one in who.user.notices.order_by("pk") if "pay" in one.kind] for who in (ana, bo)]
    assert [sorted(each) for each in kinds] == [["study-pay-ready"], ["study-pay-ends", "study-pay-ready"]]


# --- It comes out even ---------------------------------------------------------------------------
def test_sums_come_out_even_to_the_unit_and_the_wei(chain, ready, joined):
    (ana, _one), (bo, _two) = joined
    claim(ana, "Ana's wallet")
    claiming.leave(due_of(bo), keyring=bo.keyring)
    settled(chain)
    now = sums.sums("CAD")
    assert (now.paid, now.waiting, now.in_contract) == (PAY, PAY, 0)
    assert now.even
    assert (sums.difference(), sums.difference_on_chain()) == ("", "")


@pytest.mark.security
def test_a_changed_row_is_the_first_difference(ready, joined):
    ana = joined[0][0]
    Due.objects.filter(pk=due_of(ana).pk).update(claimant=to_checksum_address(b"\1" * 20))
    assert "shares are not those" in sums.difference()
    with pytest.raises(NotPossible, match="not at an address of yours"):
        claim(ana, "Ana's wallet")
    Due.objects.filter(pk=due_of(ana).pk).update(amount=PAY - 1)
    assert f"Release {ready.pk}: people are due" in sums.difference()


@pytest.mark.security
def test_a_claim_on_chain_that_is_not_written_down_here_is_a_difference(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    settled(chain)
    Transaction.objects.filter(method="claim").update(status=Status.SENT)
    assert f"Due {due_of(ana).pk} of release {ready.pk}" in sums.difference_on_chain()


# --- Who looks at the chain ------------------------------------------------------------------------
@pytest.mark.security
def test_an_analyst_of_the_chain_links_no_two_shares_and_no_share_to_a_permission(chain, study, rosa, ready, joined):
    released(study, rosa, [one for _person, one in joined], mark=b"again")
    settled(chain)
    for place, one in enumerate(Due.objects.select_related("patient")):
        person = next(who for who, _joining in joined if who.patient.pk == one.patient_id)
        claiming.claim(one, keyring=person.keyring, payee=account(f"fresh {place}"))
    relay_grants()
    settled(chain)
    claims = analyst.look_at_claims(chain.contract("ResearchRegistry").address)
    public = analyst.look(chain.contract("AccessToken").address)
    assert (len(claims), len(public.of_kind("grant"))) == (4, 2)
    everything = replace(public, items=(*public.items, *claims))
    assert analyst.shared_bytes(everything) == set()
    again_somewhere = analyst.as_if(everything, claims[0].token, payee=claims[1].fields["payee"])
    assert analyst.shared_bytes(again_somewhere), "and it would be seen"
    assert not any(word in public.everything for word in naming(joined))


def naming(joined):
    """Return what would name somebody, or find their addresses."""
    found = [bytes(one) for one in Due.objects.values_list("ephemeral", flat=True)]
    for person, one in joined:
        version = one.grant.patient_version
        found += [person.patient.pk.bytes, one.pk.bytes, one.grant_id.bytes, one.study_id.bytes]
        found += [bytes(version.stealth_spend_public), bytes(version.stealth_view_public)]
    return found


# --- From the first verb to the last ---------------------------------------------------------------
def test_the_verbs_of_a_study_write_all_of_it_on_chain(chain, board, rosa):
    Deployment.objects.exclude(chain_id=CHAIN_ID).delete()
    made = studying.opened(rosa, board, unit=UNIT, views=releasing.VIEWS)
    found = releasing.joined(made)
    joinings = [Joining.objects.get(patient=one.patient) for one in found[:2]]
    tasks.relay_opt_ins()
    asked = asking.ask(made, by=rosa.user)
    tasks.make_releases()
    asked.refresh_from_db()
    b"".join(asking.fetch(asked, by=rosa.user, keyring=rosa.keyring))
    settled(chain)
    claim(found[0], "Ana's wallet")
    joining.withdraw(joinings[1], keyring=found[1].keyring)
    tasks.relay_opt_ins()
    settled(chain)

    registry = contract(chain)
    terms, sponsor, until, closed, _balance = registry.studyOf(studies.study_key(made.pk)).call()
    assert (terms, sponsor, until, closed) == (bytes(made.terms), studies.sponsor(), int(made.ends.timestamp()), False)
    stands = [registry.joiningOf(bytes(one.commitment)).call() for one in joinings]
    assert (stands[0], stands[1]) == (1, 2), "joined, withdrawn"
    study_key, root, _left = registry.releaseOf(bytes(asked.digest)).call()
    assert (study_key, root) == (studies.study_key(made.pk), bytes(SetAside.objects.get().root))
    assert registry.isClaimed(bytes(asked.digest), due_of(found[0]).claimant).call()
    deciding.close(made, by=rosa.user)
    settled(chain)
    assert registry.studyOf(studies.study_key(made.pk)).call()[3]
