"""Two who change what is shared at the same moment, on two connections: one outcome, and no key left to who is out."""

import uuid
from collections import Counter
from functools import partial

import pytest
import time_machine

from audit import queries as log
from consent import access, upkeep
from consent.access import AccessDenied, own_party
from consent.access import reading as reading_room
from consent.models import AccessRequest, Block, BulkAct, Ending, Grant
from consent.sharing import answering, asking, blocks, bulk, grants, moving, referrals, requests
from consent.sharing.proposing import CannotGive
from consent.sharing.requests import CannotAnswer
from ehr import clock
from ehr.words import Action, Category, Purpose
from patients.models import BundledKey, Entry, GrantSeal, Lockbox, Seal
from providers.roles import Role
from tests import people
from tests.consent.conftest import draft
from tests.consent.racing import at_once, elsewhere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.security]
BOTH = (Action.READ, Action.WRITE)


@pytest.fixture
def given(ana, lee):
    """What Ana lets Dr Lee read and add to, with one result in it."""
    access.add_own(ana.patient, [draft(Category.LABS, "before")], keyring=ana.keyring)
    return people.give(ana, lee, Category.LABS, actions=BOTH)


def stop(ana, grant, *, keys=True):
    return partial(grants.end, grant, keyring=ana.keyring if keys else None, by=own_party(ana.patient))


def write(ana, reader, words="new"):
    return partial(
        access.add_entries,
        ana.patient,
        [draft(Category.LABS, words)],
        reader=reader.user,
        keyring=reader.keyring,
        purpose=Purpose.TREAT,
    )


def change(ana, grant, *categories, once=None):
    return partial(
        grants.change,
        grant,
        keyring=ana.keyring,
        categories=categories,
        actions=[Action.READ],
        ends=grant.ends,
        once=once,
    )


def give(ana, reader, *categories, **more):
    return partial(people.give, ana, reader, *categories, **more)


def read(ana, reader) -> set[str]:
    opened = access.open_chart(ana.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)
    return {one.resource["note"][0]["text"] for one in opened.entries}


def refused(ana, reader) -> str:
    with pytest.raises(AccessDenied) as problem:
        read(ana, reader)
    return problem.value.because


def standing(ana) -> list[Grant]:
    return list(Grant.objects.filter(patient=ana.patient).standing(clock.now()))


def actions(ana) -> Counter:
    return Counter(line.action for line in log.story(ana.patient.pk))


def no_key_is_left_to_who_is_out(ana) -> None:
    """Of a grant that has ended there is no seal, no lockbox and no bundle; nothing stands sealed beside an epoch."""
    over = list(Ending.objects.filter(grant__patient=ana.patient).values_list("grant", flat=True))
    for keys in (GrantSeal, Seal, BundledKey):
        assert not keys.objects.filter(grant_id__in=over).exists(), keys
    kept = GrantSeal.objects.values_list("grant_id", flat=True)
    assert set(kept) <= {grant.pk for grant in standing(ana)}


# --- A stop, and what is under way ---------------------------------------------------------------
def test_a_stop_behind_a_write_lets_it_in_and_a_stop_before_it_keeps_it_out(ana, lee, given):
    before = Entry.objects.count()
    written, ending = at_once(ana.patient, write(ana, lee), stop(ana, given))
    assert (len(written), ending.grant_id, Entry.objects.count()) == (1, given.pk, before + 1)
    no_key_is_left_to_who_is_out(ana)
    again = people.give(ana, lee, Category.LABS, actions=BOTH)
    ending, late = at_once(ana.patient, stop(ana, again), write(ana, lee, "late"))
    assert (late.because, Entry.objects.count()) == ("stopped", before + 1)
    assert refused(ana, lee) == "stopped"
    assert actions(ana)["entry.refused"] == 1
    no_key_is_left_to_who_is_out(ana)


@pytest.mark.parametrize("keys", [True, False])
def test_a_stop_that_is_committed_while_a_read_is_under_way_leaves_it_nothing(ana, lee, given, monkeypatch, keys):
    decided = reading_room._record_opening

    def stopped_meanwhile(*args, **more):
        decided(*args, **more)
        elsewhere(stop(ana, given, keys=keys))

    monkeypatch.setattr(reading_room, "_record_opening", stopped_meanwhile)
    assert refused(ana, lee) == "stopped"
    no_key_is_left_to_who_is_out(ana)


def test_stopped_twice_at_once_it_is_stopped_once(ana, lee, given):
    one, other = at_once(ana.patient, stop(ana, given), stop(ana, given, keys=False))
    assert one == other == Ending.objects.get()
    assert actions(ana)["grant.ended"] == 1
    no_key_is_left_to_who_is_out(ana)


# --- Two changes ---------------------------------------------------------------------------------
def test_of_two_changes_of_one_permission_the_first_holds_and_the_second_is_told(ana, lee, given):
    made, told = at_once(ana.patient, change(ana, given, Category.HISTORY), change(ana, given, Category.TREATMENT))
    assert standing(ana) == [made]
    assert made.categories == [Category.HISTORY]
    assert isinstance(told, CannotGive)
    no_key_is_left_to_who_is_out(ana)


def test_one_change_that_was_sent_twice_at_once_is_one(ana, lee, given):
    once = uuid.uuid4()
    sent = change(ana, given, Category.HISTORY, once=once)
    made, again = at_once(ana.patient, sent, sent)
    assert made == again
    assert [grant.pk for grant in standing(ana)] == [once]


@pytest.mark.parametrize("change_first", [True, False])
def test_a_change_and_a_stop_at_once_leave_one_permission_or_none(ana, lee, given, change_first):
    acts = [change(ana, given, Category.LABS, Category.HISTORY), stop(ana, given)]
    came = at_once(ana.patient, *(acts if change_first else reversed(acts)))
    assert standing(ana) == [one for one in came if isinstance(one, Grant)]
    assert any(isinstance(one, CannotGive) for one in came) is not change_first
    no_key_is_left_to_who_is_out(ana)


# --- An answer, and what ends its request --------------------------------------------------------
@pytest.fixture
def asked(ana, lee, given):
    return asking.ask(
        ana.patient, reader=lee.user, keyring=lee.keyring, categories=["history"], days=30, words="For a visit."
    )


def approve(ana, asked):
    return partial(answering.approve, asked, keyring=ana.keyring, categories=["history"], actions=[Action.READ], days=7)


def test_a_yes_that_waits_while_the_request_lapses_lets_nobody_in(ana, lee, given, asked):
    def lapse():
        AccessRequest.objects.filter(pk=asked.pk).update(lapses_at=clock.now())

    (told,) = at_once(ana.patient, approve(ana, asked), meanwhile=lapse)
    assert isinstance(told, CannotAnswer)
    assert standing(ana) == [given]
    asked.refresh_from_db()
    assert requests.state(asked) == requests.LAPSED


@pytest.mark.parametrize("first", ["yes", "no", "withdrawn"])
def test_of_two_answers_the_first_counts(ana, lee, given, asked, first):
    every = {
        "yes": approve(ana, asked),
        "no": partial(answering.decline, asked),
        "withdrawn": partial(asking.withdraw, asked, by=lee.user),
    }
    order = [first, *(name for name in every if name != first)]
    came = dict(zip(order, at_once(ana.patient, *(every[name] for name in order)), strict=True))
    assert all(isinstance(came[name], CannotAnswer) for name in order[1:])
    let_in = [came["yes"]] if first == "yes" else []
    assert standing(ana) == [given, *let_in] or standing(ana) == [*let_in, given]
    asked.refresh_from_db()
    assert (asked.grant is not None) is (first == "yes")


def test_a_yes_confirmed_twice_at_once_is_one(ana, asked):
    made, again = at_once(ana.patient, approve(ana, asked), approve(ana, asked))
    assert made == again
    assert actions(ana)["access.approved"] == 1


# --- Keeping out, and letting in -----------------------------------------------------------------
@pytest.mark.parametrize("block_first", [True, False])
def test_kept_out_and_let_in_at_once_they_are_out(ana, lee, block_first):
    acts = [partial(blocks.block, ana.patient, reader=lee.user, keyring=ana.keyring), give(ana, lee, Category.LABS)]
    came = at_once(ana.patient, *(acts if block_first else reversed(acts)))
    assert any(isinstance(one, CannotGive) for one in came) is block_first
    assert (standing(ana), Block.objects.count()) == ([], 1)
    assert refused(ana, lee)
    no_key_is_left_to_who_is_out(ana)


@pytest.mark.parametrize("block_first", [True, False])
def test_kept_out_while_a_referral_to_them_is_agreed_to_they_are_out(ana, lee, given, block_first):
    heart = people.clinician("Hana Heart", role=Role.SPECIALIST)
    sent = referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=heart.user, categories=["labs"], days=5, words="Heart."
    )
    agree = partial(referrals.approve, sent, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    acts = [partial(blocks.block, ana.patient, reader=heart.user, keyring=ana.keyring), agree]
    came = at_once(ana.patient, *(acts if block_first else reversed(acts)))
    assert any(isinstance(one, CannotGive) for one in came) is block_first
    assert standing(ana) == [given]
    assert refused(ana, heart)
    no_key_is_left_to_who_is_out(ana)


def test_kept_out_twice_at_once_is_once(ana, lee, given):
    keep_out = partial(blocks.block, ana.patient, reader=lee.user, keyring=ana.keyring)
    one, other = at_once(ana.patient, keep_out, keep_out)
    assert one == other
    assert actions(ana)["reader.blocked"] == actions(ana)["grant.ended"] == 1


# --- New epochs, and a write in flight -----------------------------------------------------------
@pytest.mark.parametrize("write_first", [True, False])
def test_what_is_written_while_the_epochs_turn_opens_for_who_stays_and_not_for_who_left(ana, lee, given, write_first):
    leaver = people.clinician("Omar Haddad")
    left = people.give(ana, leaver, Category.LABS)
    acts = [write(ana, lee, "in flight"), stop(ana, left)]
    at_once(ana.patient, *(acts if write_first else reversed(acts)))
    assert read(ana, lee) == {"before", "in flight"}
    assert refused(ana, leaver) == "stopped"
    own = access.open_own(ana.patient, keyring=ana.keyring, categories=[Category.LABS])
    assert {one.resource["note"][0]["text"] for one in own.entries} == {"before", "in flight"}
    boxes = Lockbox.objects.filter(patient=ana.patient, part=Category.LABS)
    assert [box.epoch for box in boxes.order_by("epoch")][-1] == 2
    no_key_is_left_to_who_is_out(ana)


@pytest.mark.parametrize("write_first", [True, False])
def test_a_write_while_the_patient_comes_back_and_the_epochs_turn_is_read_by_both(ana, lee, given, write_first):
    left = people.give(ana, people.clinician("Omar Haddad"), Category.LABS)
    grants.end(left, keyring=None, by=own_party(ana.patient))
    acts = [write(ana, lee, "in flight"), partial(upkeep.tidy, ana.patient, keyring=ana.keyring)]
    at_once(ana.patient, *(acts if write_first else reversed(acts)))
    assert read(ana, lee) == {"before", "in flight"}
    no_key_is_left_to_who_is_out(ana)


# --- What hangs from it, and many at once --------------------------------------------------------
@pytest.mark.parametrize("stop_first", [True, False])
def test_stopping_a_referrer_while_their_referral_is_agreed_to_lets_nobody_stay(ana, lee, given, stop_first):
    heart = people.clinician("Hana Heart", role=Role.SPECIALIST)
    referral = referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=heart.user, categories=["labs"], days=7, words="Please."
    )
    agree = partial(referrals.approve, referral, keyring=ana.keyring, categories=["labs"], actions=["read"], days=5)
    acts = [stop(ana, given), agree]
    came = at_once(ana.patient, *(acts if stop_first else reversed(acts)))
    assert any(isinstance(one, Exception) for one in came) is stop_first
    assert standing(ana) == []
    assert refused(ana, heart)
    no_key_is_left_to_who_is_out(ana)


def test_two_loads_of_a_page_that_goes_on_do_nothing_twice(ana, given):
    every = [given, *(people.give(ana, people.clinician(f"Doctor {n}"), Category.LABS) for n in range(3))]
    act = bulk.begin(ana.patient, kind="end", items=[one.pk for one in every], once=uuid.uuid4())
    go_on = partial(bulk.advance, act, keyring=ana.keyring, steps=3)
    at_once(ana.patient, go_on, go_on)
    act = BulkAct.objects.get()
    assert (act.done, act.refused, act.finished_at is not None) == (4, {}, True)
    assert actions(ana)["grant.ended"] == 4
    no_key_is_left_to_who_is_out(ana)


def test_a_move_confirmed_twice_at_once_is_one(ana, lee, given):
    nora = people.clinician("Nora New", place=people.institution("New Hospital"))
    move = partial(
        moving.move,
        ana.patient,
        keyring=ana.keyring,
        leaving=people.institution(),
        choices={given.pk: moving.Choice(moving.Do.MOVE, nora.user)},
        act=uuid.uuid4(),
    )
    one, other = at_once(ana.patient, move, move)
    assert one.made == other.made
    assert [grant.reader.user for grant in standing(ana)] == [nora.user]
    assert actions(ana)["grants.moved"] == 1
    no_key_is_left_to_who_is_out(ana)


def test_a_permission_is_over_at_its_second_also_for_who_waited_for_the_row(ana, lee, given):
    later = time_machine.travel(given.ends, tick=False)
    try:
        (late,) = at_once(ana.patient, write(ana, lee, "late"), meanwhile=later.start)
    finally:
        later.stop()
    assert isinstance(late, AccessDenied)
    assert Entry.objects.count() == 1
