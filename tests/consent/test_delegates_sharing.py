"""Whom a delegate lets in, in the patient's name, and what they see of who looked."""

from dataclasses import replace

import pytest

from audit.models import EventBody
from consent import access, authority
from consent.access import AccessDenied, KeysLocked
from consent.access.acting import acting_for, add_as_delegate, read_log_as_delegate
from consent.delegates import naming, sharing
from consent.models import Delegation, Ending, Grant
from consent.sharing import grants
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Action, Category
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.delegating import chart, let_in, lines, name, opened


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


# --- Sharing for somebody -----------------------------------------------------------------------
def test_a_delegate_lets_a_clinician_in_and_the_patient_hears_of_it(with_record, rui, lee):
    name(with_record, rui)
    grant = let_in(with_record, rui, lee)
    assert texts(chart(with_record, lee)) == {"marker labs"}
    assert authority.signed_for_patient(grant)
    assert grant.sentence.endswith("Rui Costa agrees to this for you.")
    made = lines(with_record, "grant.made")[0]
    assert (made.actor.name, made.actor.role) == ("Rui Costa", "delegate")
    assert Notice.objects.filter(user=with_record.user, kind="let-in-for-you", about=grant.pk).exists()


def test_it_goes_on_when_the_patients_epochs_turn(with_record, rui, lee, stranger):
    name(with_record, rui)
    let_in(with_record, rui, lee)
    other = people.give(with_record, stranger, Category.LABS)
    grants.end(other, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    assert texts(chart(with_record, lee)) == {"marker labs"}
    assert texts(opened(with_record, rui)) == {"marker labs", "marker treatment"}


@pytest.mark.parametrize("rights", [("read",), ("read", "add", "log")])
def test_without_the_right_to_share_nobody_is_let_in(with_record, rui, lee, rights):
    name(with_record, rui, rights=rights)
    with pytest.raises(grants.CannotGive):
        let_in(with_record, rui, lee)


def test_nobody_is_let_in_to_a_part_the_delegate_was_not_named_for(with_record, rui, lee):
    name(with_record, rui)
    with pytest.raises(grants.CannotGive):
        let_in(with_record, rui, lee, Category.GENETIC)


def test_a_delegate_lets_nobody_in_for_longer_than_they_act(with_record, rui, lee):
    made = name(with_record, rui, days=5)
    assert let_in(with_record, rui, lee, days=100).ends == made.ends


def test_whom_a_delegate_let_in_is_out_when_the_delegation_ends(with_record, rui, lee):
    made = name(with_record, rui)
    grant = let_in(with_record, rui, lee)
    naming.end(made, by=with_record.user, keyring=with_record.keyring)
    with pytest.raises(AccessDenied):
        chart(with_record, lee)
    assert Ending.objects.get(grant=grant).cause == Ending.Cause.PARENT


def test_even_before_the_rows_follow(with_record, rui, lee):
    made = name(with_record, rui)
    let_in(with_record, rui, lee)
    Delegation.objects.filter(pk=made.pk).update(ended_at=clock.now())
    with pytest.raises(AccessDenied):
        chart(with_record, lee)


def test_a_grant_under_a_changed_delegation_opens_nothing(with_record, rui, lee):
    made = name(with_record, rui)
    let_in(with_record, rui, lee)
    Delegation.objects.filter(pk=made.pk).update(categories=list(map(str, Category)))
    with pytest.raises(AccessDenied) as refused:
        chart(with_record, lee)
    assert refused.value.because == "seal-does-not-open"


def test_a_delegate_stops_what_they_gave_and_nothing_else(with_record, rui, lee, stranger):
    name(with_record, rui)
    mine = let_in(with_record, rui, lee)
    others = people.give(with_record, stranger, Category.LABS)
    acting = acting_for(with_record.patient, rui.user)
    sharing.stop(acting, mine)
    with pytest.raises(AccessDenied):
        chart(with_record, lee)
    with pytest.raises(grants.CannotGive):
        sharing.stop(acting, others)


def test_a_confirmation_sent_twice_lets_in_once(with_record, rui, lee):
    name(with_record, rui)
    once = people.uuid.uuid4()
    assert let_in(with_record, rui, lee, once=once) == let_in(with_record, rui, lee, once=once)
    assert Grant.objects.filter(kind=Grant.Kind.GIVEN).count() == 1


def test_a_delegate_without_their_keys_lets_nobody_in(with_record, rui, lee):
    name(with_record, rui)
    rui.keyring = with_record.keyring
    with pytest.raises(KeysLocked):
        let_in(with_record, rui, lee)


# --- The log -----------------------------------------------------------------------
def test_who_may_see_who_looked_sees_it_and_that_is_a_line_too(with_record, rui, lee):
    name(with_record, rui)
    people.give(with_record, lee, Category.LABS)
    chart(with_record, lee)
    told = read_log_as_delegate(with_record.patient, delegate=rui.user)
    assert any(line.action == "chart.opened" and line.actor.id == lee.user.pk for line in told)
    assert lines(with_record, "record.log-read-for")


def test_without_the_right_to_the_log_it_stays_shut(with_record, rui):
    name(with_record, rui, rights=("read",))
    with pytest.raises(AccessDenied):
        read_log_as_delegate(with_record.patient, delegate=rui.user)


def test_the_log_names_no_part_the_delegate_may_not_see(with_record, rui, lee):
    name(with_record, rui)
    people.give(with_record, lee, *Category)
    chart(with_record, lee)
    people.give(with_record, lee, Category.GENETIC)
    told = read_log_as_delegate(with_record.patient, delegate=rui.user)
    named = {part for line in told for part in line.categories}
    assert named <= {Category.LABS, Category.TREATMENT}
    assert sum(line.action == "grant.made" for line in told) == 2
    assert all(not line.sealed for line in told)


def test_no_words_of_a_record_stand_on_the_log(with_record, rui):
    name(with_record, rui)
    add_as_delegate(with_record.patient, [draft("labs", "hemlock")], delegate=rui.user, keyring=rui.keyring)
    opened(with_record, rui)
    assert not any("hemlock" in str(body.payload) for body in EventBody.objects.all())


def test_the_door_decides_by_who_somebody_is_and_not_by_the_grant_alone(with_record, rui):
    made = name(with_record, rui)
    Grant.objects.filter(delegation=made).update(actions=[Action.READ, Action.WRITE], categories=["genetic", "labs"])
    with pytest.raises(AccessDenied):
        opened(with_record, rui, categories=[Category.GENETIC])
    assert replace(authority.facts(made), ended=True).ended
