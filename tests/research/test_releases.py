"""A release: who is in it and who is not, what it holds, how it leaves, and what a dying worker leaves behind."""

import csv
import io
import json
import os
import uuid
import zipfile
from datetime import timedelta

import pytest
import time_machine
from django.test import override_settings

from audit import queries as audit
from consent import access
from consent.access import AccessDenied
from consent.escrow import KeyholderAway
from consent.judging import Presence
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.chain.models import Transaction
from ehr.words import Category
from providers.rules import NotPossible
from research import joining, queries
from research.models import Inclusion, Release, ReleasePiece
from research.release import asking, checking, making, viewing
from research.studies import deciding, running, work
from tests.research import releasing, studying
from tests.research.releasing import CANARY, PEOPLE, VIEWS, tagged
from tests.research.studying import BASIC, LABS

pytestmark = pytest.mark.django_db
State = Release.State


@pytest.fixture(autouse=True)
def small_groups(settings):
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3


@pytest.fixture
def board(db):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board, views=VIEWS)


@pytest.fixture
def joined(study):
    """Four people who joined, and a stranger who did not."""
    return releasing.joined(study)


@pytest.fixture
def release(rosa, study, joined):
    return asking.ask(study, by=rosa.user)


def fetched(release, rosa) -> bytes:
    release.refresh_from_db()
    return b"".join(asking.fetch(release, by=rosa.user, keyring=rosa.keyring))


def rows(content) -> list[dict]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("data.csv").decode())))


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


# --- The door ------------------------------------------------------------------------------------
def opened(person, study, *, run=True, keyring="own"):
    held = running.keys_for(queries.run_at(study, clock.now())) if keyring == "own" else keyring
    presence = Presence(run=uuid.uuid4()) if run else Presence()
    return access.open_for_study(
        person.patient, reader=study.reader, keyring=held, presence=presence, study=str(study.pk)
    )


def test_a_run_opens_what_was_given_and_the_line_comes_first(study, joined, monkeypatch):
    seen = []
    read = access.studying.vault.read

    def watched(patient, *args, **more):
        seen.append(acts(joined[0])[-1])
        return read(patient, *args, **more)

    monkeypatch.setattr(access.studying.vault, "read", watched)
    chart = opened(joined[0], study)
    assert set(chart.categories) == {BASIC, LABS}
    assert len(chart.entries) == 3
    assert seen == ["research.read"]
    line = audit.story(joined[0].patient.pk)[0]
    assert (line.purpose, line.details["study"]) == ("HRESCH", str(study.pk))


@pytest.mark.parametrize(("run", "keyring"), [(False, "own"), (True, None)])
def test_without_a_run_or_its_keys_nothing_opens_and_the_attempt_is_told(study, joined, run, keyring):
    with pytest.raises(AccessDenied):
        opened(joined[0], study, run=run, keyring=keyring)
    assert acts(joined[0])[-1] == "research.refused"


def test_who_did_not_join_or_withdrew_is_not_opened(study, joined):
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    for person in (joined[0], joined[-1]):
        with pytest.raises(AccessDenied):
            opened(person, study)


# --- The whole path ------------------------------------------------------------------------------
def test_j7_3_and_6_a_release_holds_who_joined_without_a_name_and_nobody_else(release, rosa, joined):
    assert making.make(release.pk) == State.READY
    content = fetched(release, rosa)
    found = rows(content)
    assert len(found) == PEOPLE
    assert {row["sex"] for row in found} == {"female"}
    assert {row["code"] for row in found} == {"29463-7"}
    assert [int(row["weight"]) for row in found] == [86] * 4, "of 84 to 87, the latest of each, what all four share"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
        crate = json.loads(archive.read("ro-crate-metadata.json"))
    assert CANARY.encode() not in everything
    for person in joined:
        assert str(person.patient.pk).encode() not in everything
    assert any(one["@type"] == "CreateAction" for one in crate["@graph"])
    assert Inclusion.objects.filter(release=release).count() == PEOPLE


def test_what_left_is_on_the_list_of_everybody_in_it_and_of_nobody_else(release, rosa, joined):
    making.make(release.pk)
    assert "research.released" not in acts(joined[0]), "nothing left yet"
    fetched(release, rosa)
    assert acts(joined[0]).count("research.released") == 1
    assert "research.released" not in acts(joined[-1])


def test_its_hash_is_on_its_way_to_the_chain_and_the_file_holds_what_it_says(release, rosa):
    making.make(release.pk)
    content = fetched(release, rosa)
    release.refresh_from_db()
    assert checking.digest(content) == bytes(release.digest)
    assert Transaction.objects.filter(method="release").count() == 1
    assert all(one.holds for one in checking.inside(content))


def test_it_is_fetched_once_and_kept_nowhere(release, rosa):
    making.make(release.pk)
    fetched(release, rosa)
    assert not ReleasePiece.objects.exists()
    with pytest.raises(NotPossible):
        fetched(release, rosa)


def test_nobody_but_the_researcher_opens_the_file(release, rosa, board):
    making.make(release.pk)
    other = studying.researcher("Bo Ny")
    release.refresh_from_db()
    with pytest.raises(NotPossible):
        asking.fetch(release, by=other.user, keyring=other.keyring)
    with pytest.raises(NotPossible):
        asking.fetch(release, by=rosa.user, keyring=None)
    assert asking.release_of(other.user, release.pk) is None
    release.refresh_from_db()
    assert release.state == State.READY


def test_two_releases_share_no_value_of_a_person(study, rosa, release, joined):
    making.make(release.pk)
    first = rows(fetched(release, rosa))
    again = asking.ask(study, by=rosa.user)
    making.make(again.pk)
    second = rows(fetched(again, rosa))
    assert not {row["person"] for row in first} & {row["person"] for row in second}


def test_who_withdraws_before_it_is_fetched_takes_it_back(release, rosa, joined):
    making.make(release.pk)
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    with pytest.raises(NotPossible, match="withdrew"):
        fetched(release, rosa)
    release.refresh_from_db()
    assert release.state == State.STOPPED
    assert not ReleasePiece.objects.exists()


def test_j7_2_who_withdrew_is_in_no_later_release_and_one_alone_does_not_show(study, release, rosa, joined):
    making.make(release.pk)
    fetched(release, rosa)
    joining.withdraw(joined[0].joining, keyring=joined[0].keyring)
    again = asking.ask(study, by=rosa.user)
    assert making.make(again.pk) == State.STOPPED
    again.refresh_from_db()
    assert "Almost the same people" in again.because


def asked_beside(person, board, joined):
    """Ask for a release of another study, which all joined but one, and return its row as it is then."""
    other = studying.opened(person, board, views=VIEWS, title="Under another name")
    for one in joined[1:]:
        studying.join(one, other, BASIC, LABS)
    again = asking.ask(other, by=person.user)
    making.make(again.pk)
    again.refresh_from_db()
    return again


def test_nor_is_one_of_almost_the_same_people_in_another_study_of_the_same_hands(study, release, rosa, board, joined):
    making.make(release.pk)
    fetched(release, rosa)
    again = asked_beside(rosa, board, joined)
    assert again.state == State.STOPPED
    assert "of yours" in again.because


def test_somebody_elses_study_of_almost_the_same_people_goes_on(study, release, rosa, board, joined):
    making.make(release.pk)
    fetched(release, rosa)
    assert asked_beside(studying.researcher("Bo Ny"), board, joined).state == State.READY


def test_of_few_people_nothing_leaves(study, rosa, release, settings):
    settings.RESEARCH_SMALL = 11
    assert making.make(release.pk) == State.STOPPED
    release.refresh_from_db()
    assert "Too few people" in release.because


def test_a_view_that_makes_no_table_is_told_before_anything_is_opened(board, rosa, joined):
    study = studying.opened(rosa, board, title="Undeclared")
    with pytest.raises(NotPossible, match="say of which kind it is"):
        asking.ask(study, by=rosa.user)
    assert not Release.objects.exists()


def test_a_views_problem_is_told_with_its_place():
    wrong = {"resource": "Patient", "select": [{"column": [tagged("age", "birthday", "birth")]}]}
    assert "View 2, select[0].column[0].path: Patient has no element birthday" in viewing.problem([VIEWS[0], wrong])
    assert "two views have a column" in viewing.problem([VIEWS[0], VIEWS[0]])
    assert "grouped" in viewing.problem([VIEWS[1] | {"select": [{"column": [VIEWS[1]["select"][0]["column"][1]]}]}])
    assert viewing.problem(VIEWS) == ""


# --- Cancelling, dying, waiting ------------------------------------------------------------------
def test_a_cancelled_release_stops_with_the_next_look(release, rosa, joined, monkeypatch):
    take = making.snapshots.take

    def cancelled(*args, **more):
        found = take(*args, **more)
        asking.cancel(release, by=rosa.user)
        return found

    monkeypatch.setattr(making.snapshots, "take", cancelled)
    assert making.make(release.pk) == State.CANCELLED
    assert not ReleasePiece.objects.exists()
    assert making.make(release.pk) == ""


def test_a_worker_that_dies_leaves_no_half_release_and_another_finishes(release, rosa, monkeypatch):
    monkeypatch.setattr(making.files, "packed", lambda *_args: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(MemoryError):
        making.make(release.pk)
    assert not ReleasePiece.objects.exists()
    assert not Inclusion.objects.exists()
    assert making.due() == []
    monkeypatch.undo()
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert making.due() == [release.pk]
        with override_settings(RESEARCH_SMALL=3, RESEARCH_BASE=3):
            assert making.make(release.pk) == State.READY


def test_a_worker_that_was_taken_for_dead_puts_nothing_down(release, monkeypatch):
    packed = making.files.packed

    def overtaken(*args):
        Release.objects.filter(pk=release.pk).update(attempt=uuid.uuid4())
        return packed(*args)

    monkeypatch.setattr(making.files, "packed", overtaken)
    assert making.make(release.pk) == State.RUNNING
    assert not ReleasePiece.objects.exists()


def test_while_the_keyholder_is_away_a_release_waits_and_is_not_taken_for_one_that_never_ends(release, monkeypatch):
    def away(*_args, **_more):
        raise KeyholderAway

    with monkeypatch.context() as patched:
        patched.setattr(running, "keys_for", away)
        assert {making.make(release.pk) for _ in range(work.MOST_ATTEMPTS + 1)} == {State.ASKED}
    assert making.due() == [release.pk]
    assert making.make(release.pk) == State.READY


def test_what_never_ends_stops(release):
    Release.objects.update(attempts=work.MOST_ATTEMPTS)
    making.make(release.pk)
    release.refresh_from_db()
    assert release.state == State.STOPPED


def test_its_page_can_say_how_far_it_is(release, joined, monkeypatch):
    seen = []
    watch = work.watch

    def noted(release, *, step):
        told = watch(release, step=step)
        return lambda done, total: (seen.append((step, done, total)), told(done, total))

    monkeypatch.setattr(work, "watch", noted)
    making.make(release.pk)
    assert seen[:2] == [("opening", 0, PEOPLE), ("opening", 1, PEOPLE)]
    assert [one[0] for one in seen[-2:]] == ["flattening", "writing"]


def test_asking_twice_makes_one(study, rosa, release):
    assert asking.ask(study, by=rosa.user) == release


def test_nobody_asks_for_a_study_that_is_held_still(study, rosa, joined, board):
    deciding.pause(study, by=board.first, reason="A complaint.")
    with pytest.raises(NotPossible):
        asking.ask(study, by=rosa.user)
    with pytest.raises(NotPossible):
        asking.ask(study, by=studying.researcher("Bo Ny").user)


def test_what_nobody_fetches_is_taken_back(release, rosa):
    making.make(release.pk)
    assert asking.take_back_what_nobody_fetched() == 0
    with time_machine.travel(clock.now() + timedelta(days=15), tick=False):
        assert asking.take_back_what_nobody_fetched() == 1
    assert not ReleasePiece.objects.exists()


def test_no_clear_text_lies_anywhere_while_it_is_made(release, monkeypatch, tmp_path):
    found = []
    packed = making.files.packed

    def looked(made, about, folder):
        found.extend(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        return packed(made, about, folder)

    monkeypatch.setattr(making.files, "packed", looked)
    making.make(release.pk)
    assert len(found) == 1
    assert not any(CANARY.encode() in one for one in found)
    assert not list(making.Path(making._in_memory() or "/tmp").glob(f"chartseal-release-{os.getpid()}-*"))


@pytest.mark.security
def test_a_changed_file_is_not_what_was_released(release, rosa):
    making.make(release.pk)
    content = bytearray(fetched(release, rosa))
    release.refresh_from_db()
    content[-100] ^= 1
    assert checking.digest(bytes(content)) != bytes(release.digest)
    assert not checking.on_chain(bytes(content), registered_for=bytes(32), study=None).holds


def test_what_is_no_release_is_told_apart():
    with pytest.raises(ValueError, match="no release"):
        checking.inside(b"PK nothing")


def test_categories_are_those_that_were_given(study, joined):
    assert Category.MENTAL_HEALTH not in opened(joined[0], study).categories
