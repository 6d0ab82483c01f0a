"""Who withdraws is asked back from every release that holds them: nobody is named, it is signed, and it has a day."""

from datetime import timedelta

import pytest
import time_machine

from audit import queries as audit
from audit.models import EventBody
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.notices.models import Notice
from providers.rules import NotPossible
from research import joining, tasks
from research.leaving import attesting, crowds, telling
from research.leaving.told import Fate, whereabouts
from research.models import Crowd, Joining, Recall, Recalled, Release
from research.release import asking, making
from research.studies import deciding
from tests.research import leaving_made, studying
from tests.research.test_releases import board, fetched, joined, release, rosa, small_groups, study  # noqa: F401

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def plain(board, rosa):  # noqa: F811
    """A study with a release of six, in two groups of three who look alike."""
    keyholder._begun.clear()
    return leaving_made.left(studying.opened(rosa, board), rosa)


def withdraw(left, *numbers):
    for number in numbers:
        joining.withdraw(left.joinings[number], keyring=left.people[number].keyring)


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


def fates(person):
    return [one.fate for one in whereabouts(person.patient)]


def later(days):
    return time_machine.travel(clock.now() + timedelta(days=days), tick=False)


# --- What is asked back --------------------------------------------------------------------------
def test_j7_2_who_withdraws_is_asked_back_among_all_who_look_like_them(plain):
    withdraw(plain, 1)
    assert fates(plain.people[1]) == [Fate.WAITING]
    assert telling.tell() == 1
    recall = Recall.objects.get()
    assert recall.due_at - recall.at == timedelta(days=30)
    listed = attesting.rows(recall, plain.rosa.keyring)
    assert listed == sorted(plain.pseudonyms[:3]), "three look alike, so nobody tells which of them withdrew"
    assert acts(plain.people[1])[-1] == "research.recalled"
    assert "research.recalled" not in acts(plain.people[0])
    assert fates(plain.people[1]) == [Fate.TOLD]
    assert fates(plain.people[0]) == [Fate.HELD]
    assert Notice.objects.filter(user=plain.rosa.user, kind="study.withdrawn").count() == 1


def test_nothing_is_asked_back_while_nobody_withdrew_and_nothing_twice(plain):
    assert telling.tell() == 0
    withdraw(plain, 1)
    assert (telling.tell(), telling.tell()) == (1, 0)
    assert Recalled.objects.count() == 1


def test_withdrawals_of_a_day_are_one_message(plain):
    withdraw(plain, 0)
    telling.tell()
    withdraw(plain, 1)
    assert telling.tell() == 0
    assert fates(plain.people[1]) == [Fate.WAITING]
    with later(2):
        assert telling.tell() == 1
        assert fates(plain.people[1]) == [Fate.TOLD]


def test_where_too_few_rows_would_be_left_it_is_the_whole_file(plain):
    withdraw(plain, 0, 5)
    telling.tell()
    recall = Recall.objects.get()
    assert (recall.rows, recall.sealed, attesting.rows(recall, None)) == (0, None, [])
    assert not Crowd.objects.exists()


def test_where_nobody_let_the_study_run_it_is_the_whole_file(plain):
    plain.study.runs.all().delete()
    withdraw(plain, 1)
    telling.tell()
    assert Recall.objects.get().rows == 0


def test_while_the_keyholder_is_away_it_waits_a_day_and_no_longer(plain, monkeypatch):
    def away(*_args, **_more):
        raise telling.KeyholderAway

    monkeypatch.setattr(telling.running, "keys_for", away)
    withdraw(plain, 1)
    assert telling.tell() == 0
    with later(2):
        assert telling.tell() == 1
    assert Recall.objects.get().rows == 0


def test_who_withdraws_after_the_whole_file_was_asked_back_is_part_of_that(plain):
    withdraw(plain, 0, 5)
    telling.tell()
    withdraw(plain, 1)
    with later(2):
        telling.tell()
    assert Recall.objects.count() == 1
    assert Recalled.objects.count() == 3


def test_whose_study_or_term_is_over_has_not_withdrawn(plain):
    deciding.close(plain.study, by=plain.rosa.user)
    tasks.follow_joinings()
    assert Joining.objects.filter(withdrawn_at__isnull=False).count() == leaving_made.PEOPLE
    assert telling.tell() == 0
    assert fates(plain.people[0]) == [Fate.HELD]


def test_a_permission_that_ends_elsewhere_is_a_withdrawal(plain):
    joining.grants.end(
        plain.joinings[2].grant, keyring=plain.people[2].keyring, by=joining.own_party(plain.people[2].patient)
    )
    tasks.follow_joinings()
    assert telling.tell() == 1


def test_a_release_keeps_its_groups_for_the_study_alone(release, rosa, joined):  # noqa: F811
    making.make(release.pk)
    fetched(release, rosa)
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    crowd = Crowd.objects.get()
    with pytest.raises(crowds.CannotOpen):
        rosa.keyring.open_seal(bytes(crowd.sealed), info=crowds._info(release))
    assert tasks.ask_back_what_left() == 1
    assert Recall.objects.get().release_id == release.pk


@pytest.mark.security
def test_neither_list_nor_log_tells_who_withdrew(plain):
    withdraw(plain, 1)
    telling.tell()
    recall = Recall.objects.get()
    told = [one.details for one in audit.with_action(["study.destruction-asked"])]
    assert told
    for person in plain.people:
        for secret in (str(person.patient.pk), person.user.name):
            assert secret not in str(told)
            assert secret not in str(attesting.rows(recall, plain.rosa.keyring))
    everything = b"".join(bytes(one) for one in EventBody.objects.values_list("payload", flat=True))
    assert not any(one.encode() in everything for one in plain.pseudonyms)
    assert not any(one.encode() in bytes(recall.sealed) for one in plain.pseudonyms)


@pytest.mark.security
def test_two_releases_are_asked_back_with_lists_that_share_no_value(plain):
    again = leaving_made.fetched(plain.study, plain.rosa, plain.joinings, mark=b"again")
    keyring = telling.running.keys_for(telling.queries.run_at(plain.study, clock.now()))
    named = crowds.names(keyring, again)
    rows = [(named.person(str(one.patient_id)), (place % 2,)) for place, one in enumerate(plain.joinings)]
    crowds.keep(again, crowds.alike(rows), plain.study.reader)
    withdraw(plain, 1)
    assert telling.tell() == 2
    first, second = (set(attesting.rows(one, plain.rosa.keyring)) for one in Recall.objects.all())
    assert len(first) == len(second) == leaving_made.GROUP
    assert not first & second
    assert fates(plain.people[1]) == [Fate.TOLD] * 2


# --- What the recipient says ---------------------------------------------------------------------
@pytest.fixture
def recall(plain):
    withdraw(plain, 1)
    telling.tell()
    return Recall.objects.get()


def test_destruction_is_attested_once_signed_and_told_to_who_withdrew(plain, recall):
    done = attesting.attest(recall, by=plain.rosa.user, keyring=plain.rosa.keyring)
    assert attesting.holds(done)
    again = attesting.attest(recall, by=plain.rosa.user, keyring=plain.rosa.keyring)
    assert again.attested_at == done.attested_at
    assert acts(plain.people[1])[-1] == "research.destroyed"
    assert acts(plain.people[1]).count("research.destroyed") == 1
    assert "research.destroyed" not in acts(plain.people[0])
    (where,) = whereabouts(plain.people[1].patient)
    assert (where.fate, where.at) == (Fate.DESTROYED, done.attested_at)


def test_nobody_else_attests_and_nobody_without_their_keys(plain, recall):
    other = studying.researcher("Bo Ny")
    for by, keyring in ((other.user, other.keyring), (plain.rosa.user, None), (plain.rosa.user, other.keyring)):
        with pytest.raises(NotPossible):
            attesting.attest(recall, by=by, keyring=keyring)
    assert attesting.recall_of(other.user, recall.pk) is None
    with pytest.raises(NotPossible):
        attesting.rows(recall, other.keyring)


@pytest.mark.security
def test_an_attestation_does_not_hold_for_another_list(plain, recall):
    done = attesting.attest(recall, by=plain.rosa.user, keyring=plain.rosa.keyring)
    done.digest = bytes(32)
    assert not attesting.holds(done)


def test_after_thirty_days_it_is_overdue_and_the_committee_is_told_once(plain, recall):
    assert telling.flag() == 0
    with later(31):
        assert (telling.flag(), telling.flag()) == (1, 0)
        assert fates(plain.people[1]) == [Fate.OVERDUE]
        assert Notice.objects.filter(kind="study.destruction-overdue", user=plain.rosa.user).count() == 1
        assert attesting.overdue(plain.study)
        attesting.attest(recall, by=plain.rosa.user, keyring=plain.rosa.keyring)
        assert fates(plain.people[1]) == [Fate.DESTROYED]
        assert not attesting.overdue(plain.study)


def test_while_something_is_overdue_no_other_release_is_asked_for(release, rosa, study, joined):  # noqa: F811
    making.make(release.pk)
    fetched(release, rosa)
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    telling.tell()
    Recall.objects.update(due_at=clock.now() - DAY)
    with pytest.raises(NotPossible, match="destroyed by now"):
        asking.ask(study, by=rosa.user)
    assert Release.objects.count() == 1
