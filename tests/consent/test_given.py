"""A decision reads rows, and whoever opens reads the permissions whole: both say the same, or nothing opens."""

import uuid
from datetime import timedelta

import pytest

from consent import given, queries
from consent.access import own_party
from consent.judging import judge
from consent.models import Ending, Grant, Report
from consent.rules import GrantFacts
from consent.sharing import grants
from ehr import clock
from ehr.words import Action, Category, Purpose
from providers.queries import standing
from tests import people

pytestmark = pytest.mark.django_db
PART = Category.LABS


@pytest.fixture
def two(db):
    people.prepare_ground()
    return people.patient("Ana Costa"), people.clinician("Mei Lee")


def rows(ana, lee) -> dict[uuid.UUID, GrantFacts]:
    at = clock.now()
    return {one.facts.id: one.facts for one in held(ana, lee, at)}


def held(ana, lee, at) -> list[given.Given]:
    return given.to_person(ana.patient, lee.user, seen=standing(lee.user, at), at=at)


def ask(ana, lee):
    return judge(ana.patient, lee.user, action=Action.READ, purpose=Purpose.TREAT, parts=(PART,))


def _ended(ana, lee, grant):
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))


def _reported(ana, lee, grant):
    Grant.objects.filter(pk=grant.pk).update(report_days=7)
    Report.objects.create(grant=grant, logical_id=uuid.uuid4())


def _hanging(ana, lee, grant):
    parent = people.give(ana, people.clinician("Jo Kim"), PART)
    Grant.objects.filter(pk=grant.pk).update(parent=parent)
    _ended(ana, lee, parent)


def _narrowed(ana, lee, grant):
    day = clock.now().date()
    Grant.objects.filter(pk=grant.pk).update(
        entries=[str(uuid.uuid4())], record_from=day, record_until=day, places=["CA", "CH"]
    )


@pytest.mark.parametrize("change", [_ended, _reported, _hanging, _narrowed])
def test_a_row_says_what_the_whole_permission_says(two, change):
    ana, lee = two
    grant = people.give(ana, lee, PART)
    before = rows(ana, lee)[grant.pk]
    assert before == queries.facts(queries.between(ana.patient, lee.user)[0])
    change(ana, lee, grant)
    after = rows(ana, lee)[grant.pk]
    assert after == queries.facts(queries.between(ana.patient, lee.user)[0])
    assert after != before


@pytest.mark.parametrize(
    "change",
    [
        lambda grant: Ending.objects.create(grant=grant, cause=Ending.Cause.PATIENT),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(ends=grant.ends + timedelta(days=900)),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(categories=["genetic", "labs"]),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(places=["CA"]),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(patient=people.patient("Bo Wu").patient),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(reader=people.clinician("Jo Kim").keyring.reader_id),
        lambda grant: Grant.objects.filter(pk=grant.pk).update(kind=Grant.Kind.DELEGATE),
    ],
    ids=["ended", "lengthened", "widened", "elsewhere", "of another", "to another", "for another use"],
)
def test_a_permission_that_changed_since_the_decision_opens_nothing(two, change):
    ana, lee = two
    grant = people.give(ana, lee, PART)
    assert ask(ana, lee).allowed == {PART: grant}
    verdict = ask(ana, lee)
    change(grant)
    assert verdict.opens_anything
    assert (verdict.allowed, verdict.used) == ({}, [])


def test_nothing_is_read_whole_that_opens_nothing(two, django_assert_num_queries):
    ana, lee = two
    over = people.give(ana, lee, PART)
    _ended(ana, lee, over)
    ask(ana, lee)
    with django_assert_num_queries(2):
        verdict = ask(ana, lee)
        assert (verdict.allowed, verdict.used, verdict.because) == ({}, [], "stopped")


def test_however_many_open_something_all_are_read(two, monkeypatch):
    ana, lee = two
    made = {people.give(ana, lee, PART).pk for _each in range(5)}
    monkeypatch.setattr(given, "_SIZES", (1, 3))
    assert set(given.whole(ana.patient, held(ana, lee, clock.now()))) == made
    assert given.whole(ana.patient, []) == {}
