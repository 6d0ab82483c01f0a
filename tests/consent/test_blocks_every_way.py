"""By whichever way: no key is sealed to somebody whom the patient keeps out, so lifting the block gives none back."""

from datetime import timedelta

import pytest
import time_machine

from consent.delegates import naming
from consent.models import Block, Delegation, Grant
from consent.sharing import blocks, grants, referrals
from consent.sharing.proposing import CannotGive
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Category
from patients.models import GrantSeal
from providers.roles import Role
from tests import people
from tests.consent import delegating
from tests.consent.test_referrals import approve, refer, refused

pytestmark = [pytest.mark.django_db, pytest.mark.security]
UNHEARD = {"access-given", "let-in-for-you", "somebody-let-in", "referral-proposed"}


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(with_record, lee):
    """What Dr Lee holds and may pass on."""
    return people.give(with_record, lee, Category.LABS, actions=("read", "write"), days=60)


def seals_of(reader) -> int:
    return GrantSeal.objects.filter(reader_id=reader.user.reader.pk).count()


def heard(person) -> set[str]:
    return set(Notice.objects.filter(user=person.user).values_list("kind", flat=True)) & UNHEARD


def lift(kept, ana, reader) -> str:
    """Lift a block, and return why the reader is let in no more than before."""
    blocks.lift(kept)
    assert not seals_of(reader)
    return refused(ana, reader)


# --- A referral ----------------------------------------------------------------------------------
def test_a_referral_to_somebody_kept_out_hands_over_nothing(with_record, lee, heart, held):
    sent = refer(lee, with_record, heart)
    kept = blocks.block(with_record.patient, reader=heart.user, keyring=with_record.keyring)
    with pytest.raises(CannotGive, match="Lift that first"):
        approve(with_record, sent)
    assert lift(kept, with_record, heart)


def test_a_referral_to_somebody_kept_out_does_not_wait_for_an_answer(with_record, lee, heart, held):
    sent = refer(lee, with_record, heart)
    kept = blocks.block(with_record.patient, reader=heart.user)
    assert not referrals.open_referrals(with_record.patient)
    blocks.lift(kept)
    assert list(referrals.open_referrals(with_record.patient)) == [sent]


def test_nor_does_one_of_a_referrer_who_is_kept_out(with_record, lee, heart, held):
    refer(lee, with_record, heart)
    blocks.block(with_record.patient, reader=lee.user)
    assert not referrals.open_referrals(with_record.patient)


def test_the_patient_does_not_hear_of_a_referral_to_somebody_kept_out(with_record, lee, heart, held):
    blocks.block(with_record.patient, reader=heart.user)
    sent = refer(lee, with_record, heart)
    assert referrals.state(sent) == "proposed"
    assert "referral-proposed" not in heard(with_record)


def test_a_mandate_hands_over_nothing_to_somebody_kept_out(with_record, lee, heart, held):
    people.mandate(with_record, lee)
    kept = blocks.block(with_record.patient, reader=heart.user)
    refer(lee, with_record, heart)
    assert lift(kept, with_record, heart)


# --- A delegate ----------------------------------------------------------------------------------
@pytest.fixture
def rui(with_record):
    rui = people.account("Rui Costa")
    delegating.name(with_record, rui)
    return rui


def test_a_delegate_lets_nobody_in_whom_the_patient_keeps_out(with_record, rui, lee):
    kept = blocks.block(with_record.patient, reader=lee.user)
    with pytest.raises(CannotGive):
        delegating.let_in(with_record, rui, lee)
    assert lift(kept, with_record, lee)


def test_the_delegate_reads_nothing_of_a_block(with_record, rui, lee):
    blocks.block(with_record.patient, reader=lee.user)
    with pytest.raises(CannotGive) as told:
        delegating.let_in(with_record, rui, lee)
    assert str(told.value) == "Nothing was shared with Mei Lee. Ask Ana Costa to share with them in person."


def test_nobody_hears_of_what_a_delegate_did_not_give(with_record, rui, lee):
    blocks.block(with_record.patient, reader=lee.user)
    with pytest.raises(CannotGive):
        delegating.let_in(with_record, rui, lee)
    assert not heard(lee) | heard(with_record)


def test_nobody_is_named_to_act_for_a_patient_who_keeps_them_out(with_record, lee):
    asked = naming.ask(with_record.patient, email=lee.user.email, terms=delegating.terms())
    naming.accept(asked, by=lee.user)
    blocks.block(with_record.patient, reader=lee.user)
    with pytest.raises(naming.CannotName, match="Lift that first"):
        naming.sign(asked, keyring=with_record.keyring)
    assert Delegation.objects.get().signed_by is None


# --- A change of what ran out --------------------------------------------------------------------
@pytest.fixture
def over(with_record, lee):
    """A permission of two days, and the third day: its time is over, and its row does not say so yet."""
    with time_machine.travel(clock.now()) as now:
        grant = people.give(with_record, lee, Category.LABS, days=2)
        now.shift(timedelta(days=3))
        yield grant


def changed(ana, grant, act):
    more = {"keyring": ana.keyring} if act is grants.change else {}
    ends = clock.now() + timedelta(days=9)
    return act(Grant.objects.get(pk=grant.pk), categories=["labs"], actions=["read"], ends=ends, **more)


@pytest.mark.parametrize("act", [grants.change, grants.propose_change])
def test_a_permission_that_ran_out_is_not_changed(with_record, over, act):
    with pytest.raises(CannotGive, match="over already"):
        changed(with_record, over, act)


def test_a_permission_that_stands_beside_a_block_is_not_changed(with_record, lee, held):
    Block.objects.create(patient=with_record.patient, reader=lee.user.reader)
    with pytest.raises(CannotGive, match="Lift that first"):
        changed(with_record, held, grants.change)


def test_what_ran_out_before_a_block_is_not_given_anew_by_changing_it(with_record, lee, over):
    kept = blocks.block(with_record.patient, reader=lee.user, keyring=with_record.keyring)
    with pytest.raises(CannotGive):
        changed(with_record, over, grants.change)
    blocks.lift(kept)
    assert refused(with_record, lee)
