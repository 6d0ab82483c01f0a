"""Dr Lee finds Ana by exactly what her documents say, and by nothing less; Ana sees that she was found."""

import json
import re
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import queries as story
from audit.models import EventBody
from consent import queries, reach
from consent.models import Block, Found
from consent.sharing import arrivals, asking, finding
from consent.sharing.requests import CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.accounts.models import Reader
from patients.models import Identifier
from patients.queries import folded
from tests import people

pytestmark = pytest.mark.django_db
SYSTEM, NUMBER = "urn:health-card", "HC 77-4321"
BORN = date(1984, 5, 3)
TABLE = re.compile(r'(SELECT|INSERT|UPDATE|DELETE).*?"\w+"', re.S)


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa", identifier="hc774321")


def find(lee, *, name="Ana Costa", birth_date=BORN, value=NUMBER, system=SYSTEM, address="192.0.2.1"):
    return finding.find(name=name, birth_date=birth_date, system=system, value=value, reader=lee.user, address=address)


WRONG = [
    {"name": "Ana Maria Costa"},
    {"name": "Costa Ana"},
    {"name": ""},
    {"birth_date": date(1984, 5, 4)},
    {"value": "HC 77-4322"},
    {"system": "urn:passport"},
]


def test_all_three_find_a_patient_who_may_then_be_asked_and_is_not_in_reach(ana, lee):
    assert finding.patient_to_ask(lee.user, ana.patient.pk) is None
    assert find(lee) == ana.patient
    assert finding.patient_to_ask(lee.user, ana.patient.pk) == ana.patient
    assert queries.patient_within_reach(lee.user, ana.patient.pk) is None
    assert reach.find_patient(lee.user, ana.patient.pk) is None
    assert asking.ask(
        ana.patient, reader=lee.user, keyring=lee.keyring, categories=["labs"], days=7, words="Before your visit."
    )


def test_a_success_is_on_the_patients_log(ana, lee):
    find(lee)
    line = story.story(ana.patient.pk)[0]
    assert (line.action, line.actor.id, line.outcome) == ("patient.found", lee.user.pk, "done")


@pytest.mark.security
@pytest.mark.parametrize("wrong", WRONG)
def test_anything_less_says_the_same_words_and_opens_no_way_to_ask(ana, lee, wrong):
    with pytest.raises(CannotAsk, match="No one found with exactly these three"):
        find(lee, **wrong)
    assert finding.patient_to_ask(lee.user, ana.patient.pk) is None
    assert not Found.objects.exists()


@pytest.mark.privacy
def test_a_miss_is_on_the_log_without_a_subject_and_without_what_was_typed(ana, lee):
    before = len(story.story(ana.patient.pk))
    with pytest.raises(CannotAsk):
        find(lee, name="Ana Kosta")
    assert len(story.story(ana.patient.pk)) == before
    body = EventBody.objects.order_by("-pk").first()
    told = json.loads(bytes(body.payload))
    assert (told["action"], told["details"]["tries"]) == ("patient.not-found", 1)
    # Ids and moments are digits by chance.
    told |= {"id": "", "time": "", "actor": told["actor"] | {"id": ""}}
    for typed in ("Kosta", "1984", "4321"):
        assert typed not in json.dumps(told)


@pytest.mark.security
def test_every_miss_costs_the_same_work(ana, lee):
    work = set()
    for wrong in WRONG:
        with CaptureQueriesContext(connection) as seen, pytest.raises(CannotAsk):
            find(lee, **wrong)
        work.add(tuple(TABLE.search(one["sql"])[0] for one in seen.captured_queries if TABLE.search(one["sql"])))
    assert len(work) == 1


@pytest.mark.security
def test_ten_searches_an_hour_and_no_more_also_when_some_succeed(ana, lee):
    for number in range(10):
        if number % 2:
            find(lee, address=f"192.0.2.{number}")
        else:
            with pytest.raises(CannotAsk):
                find(lee, value=f"wrong {number}", address=f"192.0.2.{number}")
    with pytest.raises(TooMany):
        find(lee, address="192.0.2.99")
    with time_machine.travel(clock.now() + timedelta(minutes=61)):
        assert find(lee) == ana.patient


def test_a_search_that_was_stopped_is_on_the_log_too(ana, lee):
    for _ in range(10):
        find(lee)
    with pytest.raises(TooMany):
        find(lee)
    assert b"too-many" in bytes(EventBody.objects.order_by("-pk").first().payload)


def test_being_found_lasts_a_day(ana, lee):
    find(lee)
    with time_machine.travel(clock.now() + timedelta(days=1, minutes=1)):
        assert finding.patient_to_ask(lee.user, ana.patient.pk) is None


@pytest.mark.parametrize("written", ["ANA COSTA", "  Aná  Costa ", "Ana-Costa", "ana costa.", "Anacosta"])
def test_case_accents_spaces_and_punctuation_do_not_count(ana, lee, written):
    assert find(lee, name=written) == ana.patient


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jürgen Groß", "JURGEN GROSS"), ("O’Brien", "o'brien"), ("Łukasz", "łukasz"), ("ﬁona", "Fiona")],
)
def test_a_folded_name_is_the_same_however_it_is_written(one, other):
    assert folded(one) == finding.folded(other)


def test_names_in_other_scripts_keep_their_letters():
    assert folded("عمر حداد") != finding.folded("عمر حمد")
    assert folded("Ирина Соколова") == "иринасоколова"


@pytest.mark.security
def test_a_record_that_waits_for_its_patient_is_not_found(ground, lee):
    arrivals.expect(name="Later Known", birth_date=BORN, sex="", identifiers=[(SYSTEM, "hc999999")], source="x")
    assert Identifier.objects.exists()
    with pytest.raises(CannotAsk, match="exactly these three"):
        find(lee, name="Later Known", value="hc999999")


@pytest.mark.security
def test_whom_a_patient_keeps_out_finds_them_neither_by_documents_nor_by_a_code(ana, lee):
    Block.objects.create(patient=ana.patient, reader=Reader.objects.get(user=lee.user))
    with pytest.raises(CannotAsk, match="exactly these three"):
        find(lee)
    code, _ = finding.show_code(ana.patient)
    with pytest.raises(CannotAsk, match="does not work"):
        finding.meet(code, reader=lee.user, address="192.0.2.1")


@pytest.mark.security
def test_without_good_standing_nobody_searches(ana, ground):
    unverified = people.account("Uma Unverified")
    clerk = people.clinician("Carl Clerk", role="front-desk")
    for one in (unverified, clerk):
        with pytest.raises(CannotAsk) as refusal:
            find(one)
        assert "exactly these three" not in str(refusal.value)
    assert not Found.objects.exists()


def test_a_shown_identifier_comes_before_one_that_somebody_else_only_claims(ana, lee):
    other = people.patient("Ana Costa", identifier="hc774321")
    with pytest.raises(CannotAsk):
        find(lee)
    Identifier.objects.filter(patient=ana.patient).update(verified_at=clock.now())
    assert find(lee) == ana.patient
    assert other.patient != ana.patient
