"""A study from consent to withdrawal (J7) on public records of forty people, with the limits as they are delivered.

Everything is real but the people: records are read in from FHIR bundles, consents are signed, runs are approved, what
leaves is opened through the door, flattened, anonymised, checked, sealed and fetched.
"""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from datetime import date, timedelta

import pyarrow.parquet
import pytest
import time_machine
from django.conf import settings as product
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import queries as audit
from consent.authority import signed_for_patient
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Action, Purpose
from providers.rules import NotPossible
from research import budget, joining, queries
from research.cohorts import asking as counts
from research.cohorts import counting
from research.compensation.sums import sums, uneven
from research.disclosure import Table, publish
from research.joining import grants
from research.leaving import attesting, crowds, telling
from research.leaving.told import Fate, whereabouts
from research.models import Due, Inclusion, Joining, Recall, Release
from research.release import asking, making
from research.studies import running
from tests.research import planted, studying, synthea_made
from tests.research.attacker import solve, tables
from tests.research.criteria_made import document
from tests.research.studying import BASIC, LABS
from tests.research.synthea_made import FIRST, PARTS, SINUSITIS, THEN, World

pytestmark = pytest.mark.django_db
ILL = {"condition": {"codes": [SINUSITIS]}}
State = Release.State


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, tmp_path_factory):
    """Two studies and their releases, made once and taken back at the end of the file."""
    before, product.LOG_WITNESS_PATH = product.LOG_WITNESS_PATH, tmp_path_factory.mktemp("witness") / "head"
    with django_db_blocker.unblock():
        whole = transaction.atomic()
        whole._from_testcase = True  # the log's own commits refuse any other transaction around them
        with whole:
            yield synthea_made.world(tmp_path_factory.mktemp("bundles"))
            transaction.set_rollback(True)
    product.LOG_WITNESS_PATH = before


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(parts_of(content)["data.csv"].decode())))


def pseudonyms(content: bytes) -> set[str]:
    return {row["person"] for row in rows(content)}


def keys(study):
    return running.keys_for(queries.run_at(study, clock.now()))


def called(release: Release, *everybody) -> set[str]:
    """Return what people are called in a release, which only a run of its study can tell."""
    named = crowds.names(keys(release.study), release)
    return {named.person(str(one.patient.pk)) for one in everybody}


def releases(study) -> list[Release]:
    return list(Release.objects.filter(study=study).order_by("asked_at"))


def acts(person) -> list[str]:
    return [one.action for one in reversed(audit.story(person.patient.pk))]


# --- J7.1 ----------------------------------------------------------------------------------------
def test_j7_1_each_of_them_signed_which_parts_for_what_until_when_and_what_the_study_said_of_itself(world: World):
    joinings = Joining.objects.filter(study=world.study).select_related(
        "grant__patient_version__reader", "grant__reader"
    )
    assert joinings.count() == FIRST + THEN
    for one in joinings:
        grant = one.grant
        assert signed_for_patient(grant)
        assert (set(grant.categories), grant.actions, grant.purpose) == (set(PARTS), [Action.READ], Purpose.HRESCH)
        assert (grant.reader_id, grant.ends) == (world.study.reader_id, world.study.ends)
    told = studying.proposing.intact
    assert told(world.study)
    for fact, other in (("commercial", True), ("pay", 1), ("purpose", "Another."), ("ends", clock.now())):
        before = getattr(world.study, fact)
        setattr(world.study, fact, other)
        assert not told(world.study), f"{fact} is part of what two approved and everybody read"
        setattr(world.study, fact, before)


# --- J7.2 ----------------------------------------------------------------------------------------
def test_j7_2_who_withdrew_is_in_the_release_before_and_not_in_the_one_after(world: World):
    withdrew, (first, second) = world.everybody[0], releases(world.study)
    assert called(first, *world.everybody[:FIRST]) == pseudonyms(world.first)
    assert pseudonyms(world.second) <= called(second, *world.stayed)
    assert len(pseudonyms(world.second)) >= len(world.stayed) * 0.95
    assert not called(second, withdrew) & pseudonyms(world.second)
    read = [one for one in audit.story(withdrew.patient.pk) if one.details.get("study") == str(world.study.pk)]
    since = next(place for place, one in enumerate(read) if one.action == "research.withdrawn")
    assert not [one.action for one in read[:since]], "nothing of theirs was opened again"


def test_j7_2_who_holds_the_release_before_is_told_attests_within_thirty_days_and_the_patient_reads_so(world: World):
    withdrew, (first, _second) = world.everybody[0], releases(world.study)

    def fate():
        return {one.release: one.fate for one in whereabouts(withdrew.patient)}[first.pk]

    assert fate() == Fate.WAITING
    assert telling.tell() == 1
    recall = Recall.objects.get()
    assert (recall.release, recall.due_at - recall.at) == (first, timedelta(days=30))
    assert Notice.objects.filter(user=world.rosa.user, kind="study.withdrawn").count() == 1
    assert fate() == Fate.TOLD
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        assert fate() == Fate.OVERDUE
        attesting.attest(recall, by=world.rosa.user, keyring=world.rosa.keyring)
        assert fate() == Fate.DESTROYED
        assert "research.destroyed" in acts(withdrew)


# --- J7.3 ----------------------------------------------------------------------------------------
def test_j7_3_who_never_joined_is_opened_for_nothing_and_in_nothing(world: World):
    for person in world.strangers:
        assert not [act for act in acts(person) if act.startswith("research.")]
    inside = set(Inclusion.objects.values_list("joining__patient", flat=True))
    assert inside <= {one.patient.pk for one in world.everybody[: FIRST + THEN]}


FATES = ("never", "joined", "withdrew", "joined anew", "stopped elsewhere", "time over", "another study")
SHARES = ((LABS,), (BASIC, LABS), PARTS)
CROWD = 9


def _come_about(world: World, study, person, fate: str, parts) -> bool:
    """Let somebody's consent come about; return whether it stands."""
    if fate in ("never", "another study"):
        if fate == "another study":
            studying.join(person, world.other, *parts)
        return False
    until = clock.now() + timedelta(hours=1) if fate == "time over" else None
    made = studying.join(person, study, *parts, until=until)
    if fate in ("withdrew", "joined anew"):
        joining.withdraw(made, keyring=person.keyring)
    if fate == "joined anew":
        studying.join(person, study, *parts)
    if fate == "stopped elsewhere":
        grants.end(made.grant, keyring=person.keyring, by=joining.own_party(person.patient))
    return fate in ("joined", "joined anew")


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(FATES), st.sampled_from(SHARES)), min_size=CROWD, max_size=CROWD))
def test_j7_3_whatever_people_consented_to_who_did_not_is_counted_in_no_export(world: World, third, consents):
    crowd, example = world.everybody[-CROWD:], transaction.atomic()
    clock.watch.forget()
    example._from_testcase = True
    with example:
        stands = {
            person.patient.pk
            for person, (fate, parts) in zip(crowd, consents, strict=True)
            if _come_about(world, third, person, fate, parts)
        }
        with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
            release = asking.ask(third, by=world.rosa.user)
            state = making.make(release.pk)
            release.refresh_from_db()
            inside = set(Inclusion.objects.filter(release=release).values_list("joining__patient", flat=True))
            read = {
                one.subject for one in audit.with_action(["research.read"]) if one.details["study"] == str(third.pk)
            }
        assert (state, inside) == ((State.READY, stands) if len(stands) >= 3 else (State.STOPPED, set()))
        assert read <= stands
        transaction.set_rollback(True)


@pytest.fixture
def third(world, settings):
    """A study that nobody joined yet, where groups of three are enough."""
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    return studying.opened(world.rosa, views=synthea_made.VIEWS, categories=PARTS, title="Weight and sinusitis")


# --- J7.4 ----------------------------------------------------------------------------------------
def _by(record: list[dict]) -> dict[str, int]:
    """Return in which group of each table somebody is."""
    about = record[0]
    born = date.fromisoformat(about["birthDate"])
    return {
        "sex": int(about["gender"] == "female"),
        "age": sum(born.year < year for year in (1950, 1980)),
        "ill": int(any(synthea_made.SINUSITIS["code"] in synthea_made._codes(one) for one in record)),
        "old": int(born.year < 1970),
    }


def _counted(records, down: str, across: str) -> tuple[tuple[int, ...], ...]:
    seen = [_by(one) for one in records]
    shape = [max(one[name] for one in seen) + 1 for name in (down, across)]
    return tuple(
        tuple(sum(one[down] == row and one[across] == column for one in seen) for column in range(shape[1]))
        for row in range(shape[0])
    )


@pytest.mark.parametrize(("down", "across"), [("sex", "ill"), ("sex", "old"), ("old", "ill"), ("sex", "age")])
def test_j7_4_no_hidden_cell_of_a_table_of_these_people_can_be_solved(world: World, down, across):
    truth = _counted(world.records, down, across)
    published = publish(Table(truth))
    assert len(world.records) == sum(map(sum, truth)) == 40
    hidden = [(r, c) for r, row in enumerate(published.cells) for c, said in enumerate(row) if said is None]
    assert all(said >= 10 for row in published.cells for said in row if said is not None)
    assert {(r, c) for r, row in enumerate(truth) for c, count in enumerate(row) if count < 11} <= set(hidden)
    for slack in (0, 2):
        for least, most, count in solve(published, truth, slack):
            assert most - least > 9.5
            assert count >= 11 or (least < 0.5 and most > 9.5)
    exact = _known_exactly(published, truth)
    found = list(tables(exact, people=40))
    assert truth in found
    for row, column in hidden:
        values = {one[row][column] for one in found}
        assert len(values) >= 10, "nobody works it out who tries every table that there can be"
        assert truth[row][column] >= 11 or set(range(min(11, max(values)))) <= values


def _known_exactly(published, truth):
    """Return what is shown as it was before it was rounded: what somebody may know who helped to count."""
    columns = [sum(column) for column in zip(*truth, strict=True)]
    told = [(published.rows, map(sum, truth)), (published.columns, columns)]
    sums_of = [tuple(None if said is None else true for said, true in zip(*pair, strict=True)) for pair in told]
    cells = tuple(
        tuple(None if said is None else true for said, true in zip(*pair, strict=True))
        for pair in zip(published.cells, truth, strict=True)
    )
    return type(published)(cells, *sums_of, published.total)


def test_j7_4_of_fewer_than_eleven_no_count_is_told_and_none_follows_from_two_others(world: World):
    """Everybody, those who are ill, and those who are not: who knows two of them does not have the third."""
    told = [_count(world, one).said for one in ({"age": {"from": 0}}, ILL, {"not": ILL}, {"age": {"from": 100}})]
    ill = sum(_by(record)["ill"] for record in world.records[1 : FIRST + THEN])
    assert told[0] == told[1] == 35, "who has it is most of them, so both are told alike"
    assert 0 < len(world.stayed) - ill < 11
    assert told[2:] == [None, None]


def _count(world: World, node):
    row = counts.ask(world.study, document(node), by=world.rosa.user)
    assert counting.count(row.pk) in (State.READY, "")
    row.refresh_from_db()
    return row


# --- J7.5 ----------------------------------------------------------------------------------------
def test_j7_5_the_same_question_in_whatever_words_is_locked_the_eighth_time_within_thirty_days(world: World):
    words = [ILL, {"any": [ILL]}, {"not": {"not": ILL}}, {"all": [ILL, ILL]}, {"any": [ILL, {"all": [ILL]}]}, ILL, ILL]
    assert len({_count(world, one).said for one in words}) == 1
    with pytest.raises(budget.Locked):
        _count(world, {"all": [ILL]})
    assert acts(world.stayed[0]).count("research.counted") == 1, "records were opened once"
    with time_machine.travel(clock.now() + timedelta(days=29), tick=False), pytest.raises(budget.Locked):
        _count(world, ILL)


# --- J7.6 ----------------------------------------------------------------------------------------
def test_j7_6_nothing_that_stood_in_a_record_leaves_but_codes_years_and_numbers(world: World):
    own = {text for view in synthea_made.VIEWS for text in planted.texts(view)} | {SINUSITIS["code"]}
    held = {text for record in world.records for one in record for text in planted.texts(one)} - own
    words = {word for text in held for word in re.findall(r"[^\W\d_]{3,}|\d{4}-\d\d-\d\d|\d[\d-]{6,}", text)}
    held = {text for text in held if not re.fullmatch(r"[\d.]{1,4}", text)}  # any number of people has these
    held |= {str(one.patient.pk) for one in world.everybody} | {one.user.name for one in world.everybody}
    assert len(held) > 1_000
    for content in (world.first, world.second, world.of_other):
        parts = parts_of(content)
        table = pyarrow.parquet.read_table(io.BytesIO(parts["data.parquet"])).to_pylist()
        cells = {str(value) for row in table for value in row.values()} | {
            v for row in rows(content) for v in row.values()
        }
        assert cells & (held | words) - own <= {"female", "male", "kg", "cm"}
        told = b"".join(parts.values()).decode(errors="replace")
        assert [text for text in held if len(text) > 6 and text in told] == []


def test_j7_6_nobody_in_it_stands_in_a_group_of_fewer_than_eleven(world: World):
    for content in (world.first, world.second, world.of_other):
        groups: dict[tuple, int] = {}
        for row in rows(content):
            seen = tuple(row[name] for name in ("age", "sex", "area", "weight_in", "height_in", "ill_in"))
            groups[seen] = groups.get(seen, 0) + 1
        assert min(groups.values()) >= 11


# --- J7.7 ----------------------------------------------------------------------------------------
def test_j7_7_each_is_due_their_pay_once_for_each_release_and_withdrawing_takes_nothing_back(world: World):
    dues = Due.objects.filter(release__study=world.study)
    pay, inside = world.study.pay, len(pseudonyms(world.first)) + len(pseudonyms(world.second))
    assert dues.count() == inside
    assert dues.values("patient", "release").distinct().count() == inside
    assert dues.filter(patient=world.everybody[0].patient).count() == 1, "who withdrew keeps it"
    for one in releases(world.study):
        making.make(one.pk)
        with pytest.raises(NotPossible):
            asking.fetch(one, by=world.rosa.user, keyring=world.rosa.keyring)
    found = sums(world.study.currency, pk=world.study.pk)
    assert (found.accrued, found.waiting, found.even) == (inside * pay, inside * pay, True)
    assert not uneven()


# --- J7.8 ----------------------------------------------------------------------------------------
def test_j7_8_two_studies_of_the_same_people_share_no_pseudonym_no_order_and_no_part_of_their_files(world: World):
    both = [set(Inclusion.objects.filter(release=releases(one)[0]).values_list("joining__patient", flat=True))
            for one in (world.study, world.other)]  # fmt: skip
    assert both[0] == both[1]
    ours, theirs = pseudonyms(world.first), pseudonyms(world.of_other)
    assert len(ours) == len(theirs) == FIRST
    for half in (slice(16), slice(16, 32)):
        assert not {one[half] for one in ours} & {one[half] for one in theirs}, "nor do marks link them"
    mine, others = ([row["person"] for row in rows(one)] for one in (world.first, world.of_other))
    assert mine == sorted(mine)
    assert others == sorted(others)
    assert _order(world, world.study, world.first) != _order(world, world.other, world.of_other)
    first, second = parts_of(world.first), parts_of(world.of_other)
    assert [name for name in first if first[name] == second[name]] == ["README.txt"]
    ids = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}"
    found = [set(re.findall(ids, parts["datapackage.json"].decode())) for parts in (first, second)]
    assert not found[0] & found[1]
    made = [json.loads(parts["ro-crate-metadata.json"]) for parts in (first, second)]
    snapshots = [next(one["value"] for one in crate["@graph"] if one.get("name") == "snapshot") for crate in made]
    assert snapshots[0] != snapshots[1], "nobody learns from it that the same people are in both"


@pytest.mark.parametrize("mine", ["first", "of_other"])
def test_j7_8_no_value_in_either_study_is_of_fewer_people_than_a_crowd(world: World, mine):
    """By a number that one person alone has, their row in the other study would be found."""
    found = rows(getattr(world, mine))
    numbers = 0
    for name in found[0]:
        held = Counter(row[name] for row in found)
        if name == "person":
            assert max(held.values()) == 1
        else:
            assert min(held.values()) >= queries.rules().small, name
            numbers += any(value.isdigit() for value in held)
    assert numbers >= 2, "there are numbers to be found by"


def _order(world: World, study, content: bytes) -> list[int]:
    """Return in which order the people of a release stand in it, by their places among everybody."""
    release = releases(study)[0]
    places = {called(release, one).pop(): place for place, one in enumerate(world.everybody[:FIRST])}
    return [places[row["person"]] for row in rows(content)]


def test_j7_8_days_are_shifted_by_another_number_in_each_study_and_alike_in_its_releases(world: World):
    def shifts(release: Release) -> list[int]:
        named = crowds.names(keys(release.study), release)
        return [named.days(str(one.patient.pk)) for one in world.everybody]

    first, again, other = (shifts(one) for one in (*releases(world.study), *releases(world.other)))
    assert first == again, "the mean of many shifts would be the day"
    assert sum(one == another for one, another in zip(first, other, strict=True)) <= 3
