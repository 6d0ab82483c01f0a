# ruff: noqa: F811 - fixtures are imported by their names
"""Pay through the contract: set aside when data leave, claimed once by whose it is, or left with the institution."""

from datetime import timedelta

import pytest
import time_machine

from consent.access import KeysLocked
from ehr import clock
from ehr.chain import client, signing, studies
from ehr.chain.models import Transaction
from providers.rules import NotPossible
from research import joining
from research.compensation import accruing, claiming, paying
from research.compensation.stages import Stage, stage
from research.models import Due, SetAside, Study
from tests.research import leaving_made, studying
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
from tests.research.test_compensation import lines, officer  # noqa: F401

pytestmark = pytest.mark.django_db


# --- Set aside -----------------------------------------------------------------------------------
def test_what_is_due_is_set_aside_when_the_release_leaves(chain, release, joined):
    ana = joined[0][0]
    assert stage(due_of(ana)) == Stage.ON_ITS_WAY
    settled(chain)
    assert stage(due_of(ana)) == Stage.READY
    made = SetAside.objects.get()
    _study, root, left = contract(chain).releaseOf(bytes(release.digest)).call()
    assert (root, left) == (bytes(made.root), made.total * UNIT)
    assert made.total - made.padded == PAY * PEOPLE
    assert contract(chain).studyOf(studies.study_key(release.study_id)).call()[4] == 0


def test_the_sum_on_chain_is_rounded_up_so_that_it_counts_nobody(ready):
    made = SetAside.objects.get()
    assert (made.total, made.padded) == (PAY * 3, PAY), "rounded to 3 in these tests"


def test_the_terms_say_how_it_is_paid_and_changing_that_pays_nobody(study, rosa):
    found = leaving_made.joined(study, 1)
    Study.objects.filter(pk=study.pk).update(unit=UNIT * 2)
    with pytest.raises(NotPossible, match="not what was approved"):
        released(Study.objects.get(pk=study.pk), rosa, [found[0][1]])
    assert not Due.objects.exists()


@pytest.mark.parametrize("asked", [{"unit": UNIT + 1}, {"unit": UNIT, "pay": 0}, {"unit": UNIT, "currency": "EUR"}])
def test_a_study_pays_through_the_contract_only_in_units_the_operator_set(board, rosa, asked):
    with pytest.raises(NotPossible, match="Let the institution pay"):
        studying.drafted(rosa, **asked)


def test_accruing_again_sets_nothing_aside_again(ready):
    before = Transaction.objects.count()
    assert accruing.accrue(ready) == 0
    assert (SetAside.objects.count(), Transaction.objects.count()) == (1, before)


# --- Claimed -------------------------------------------------------------------------------------
def test_a_claim_pays_the_account_its_owner_signed_for(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    assert stage(due_of(ana)) == Stage.SENT
    settled(chain)
    assert stage(due_of(ana)) == Stage.PAID
    settled(chain)
    assert client.web3().eth.get_balance(account("Ana's wallet")) == PAY * UNIT, "nobody needs money to get it"
    assert acts(ana)[-2:] == ["research.claimed", "research.credited"]


def test_claiming_twice_is_claiming_once_and_another_account_is_refused(chain, ready, joined):
    ana = joined[0][0]
    claim(ana, "Ana's wallet")
    claim(ana, "Ana's wallet")
    with pytest.raises(NotPossible, match="have said before"):
        claim(ana, "another")
    with pytest.raises(NotPossible, match="have said before"):
        claiming.leave(due_of(ana), keyring=ana.keyring)
    settled(chain)
    assert Transaction.objects.filter(method="claim").count() == 1
    assert contract(chain).creditOf(account("another")).call() == 0


def test_two_people_at_once_are_each_paid_their_own(chain, ready, joined):
    for person, _joining in joined:
        claim(person, f"wallet of {person.user.name}")
    settled(chain)
    settled(chain)
    paid = [client.web3().eth.get_balance(account(f"wallet of {one.user.name}")) for one, _joining in joined]
    assert paid == [PAY * UNIT] * PEOPLE
    assert studies.standing(bytes(ready.digest)).left == SetAside.objects.get().padded * UNIT


def test_two_releases_are_two_shares(chain, study, rosa, ready, joined):
    ana = joined[0][0]
    again = released(study, rosa, [one for _person, one in joined], mark=b"again")
    settled(chain)
    claim(ana, "first", ready)
    claim(ana, "second", again)
    settled(chain)
    one, other = due_of(ana, ready), due_of(ana, again)
    assert (stage(one), stage(other)) == (Stage.PAID, Stage.PAID)
    assert one.claimant != other.claimant


def test_only_open_keys_of_ones_own_claim(ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    for keyring in (None, bo.keyring):
        with pytest.raises(KeysLocked):
            claiming.claim(due_of(ana), keyring=keyring, payee=account("Bo's"))
    assert claiming.due_of(bo.patient, due_of(ana).pk) is None


@pytest.mark.parametrize(
    ("payee", "says"),
    [
        ("0x12", "no address"),
        ("ana@example.org", "no address"),
        ("0x52908400098527886e0f7030069857d2e4169ee7", "capital letters"),
        ("0x" + "0" * 40, "capital letters"),
    ],
)
def test_a_mistyped_address_is_refused_before_money_is_lost(ready, joined, payee, says):
    ana = joined[0][0]
    with pytest.raises(NotPossible, match=says):
        claiming.claim(due_of(ana), keyring=ana.keyring, payee=payee)
    assert stage(due_of(ana)) == Stage.READY


def test_an_address_of_the_operator_s_or_one_given_before_is_refused(chain, study, rosa, ready, joined):
    ana = joined[0][0]
    again = released(study, rosa, [joined[0][1]], mark=b"again")
    settled(chain)
    claim(ana, "Ana's wallet", ready)
    with pytest.raises(NotPossible, match="used this address before"):
        claim(ana, "Ana's wallet", again)
    for payee in (signing.relayer(), chain.contract("ResearchRegistry").address):
        with pytest.raises(NotPossible, match="not yours"):
            claiming.claim(due_of(ana, again), keyring=ana.keyring, payee=payee)


def test_before_it_is_set_aside_nothing_is_claimed(release, joined):
    with pytest.raises(NotPossible, match="still on its way"):
        claim(joined[0][0], "Ana's wallet")


def test_withdrawing_takes_nothing_back_from_the_contract(chain, ready, joined):
    ana, taken_part = joined[0]
    joining.withdraw(taken_part, keyring=ana.keyring)
    claim(ana, "Ana's wallet")
    settled(chain)
    assert stage(due_of(ana)) == Stage.PAID


def test_a_claim_leaves_at_a_random_moment(settings, monkeypatch, ready, joined):
    settings.GRANT_RELAY_DELAY_SECONDS = 3600
    asked, chance = [], iter([7, 3000])
    monkeypatch.setattr(claiming.secrets, "randbelow", lambda most: asked.append(most) or next(chance))
    with time_machine.travel(clock.now(), tick=False):
        for person, _joining in joined[:2]:
            claim(person, person.user.name)
        moments = Transaction.objects.filter(method="claim").order_by("due_at").values_list("due_at", flat=True)
        assert [one - clock.now() for one in moments] == [timedelta(seconds=7), timedelta(seconds=3000)]
    assert asked == [3601, 3601]


# --- Left with the institution -------------------------------------------------------------------
def test_what_is_left_with_the_institution_is_in_its_file_once_the_share_is_back(chain, ready, joined, officer):
    ana = joined[0][0]
    claiming.leave(due_of(ana), keyring=ana.keyring)
    assert (stage(due_of(ana)), paying.owed()) == (Stage.GIVEN, [])
    settled(chain)
    assert stage(due_of(ana)) == Stage.DUE
    assert contract(chain).creditOf(studies.sponsor()).call() == PAY * UNIT
    (found,) = lines(paying.file(paying.hand_on(ready.study.institution_id, "CAD", by=officer), by=officer))
    assert (found["payee"], found["amount"]) == (ana.user.name, "5.00")


def test_who_lost_the_keys_of_joining_is_paid_by_the_institution(ready, joined):
    ana, bo = joined[0][0], joined[1][0]
    # As after keys that were begun anew: the present ones do not open the version that signed.
    Due.objects.filter(pk=due_of(ana).pk).update(key_version=due_of(bo).key_version_id)
    with pytest.raises(NotPossible, match="Leave it with the institution"):
        claim(ana, "Ana's wallet")
    claiming.leave(due_of(ana), keyring=ana.keyring)
    assert stage(due_of(ana)) == Stage.DUE
    assert not Transaction.objects.filter(method="claim").exists()
