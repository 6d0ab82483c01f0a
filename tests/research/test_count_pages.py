"""The pages of counts: criteria typed line by line, asked, watched, cancelled, built on, and hidden from others."""

import re
from html import unescape

import pytest
from django.urls import reverse

from ehr.portals.researcher.count_forms import MOST_LINES
from research.cohorts import counting
from research.models import CohortCount
from tests.clinician.conftest import browser_of
from tests.research import studying
from tests.research.cohorts_made import HISTORY, Crowd
from tests.research.studying import BASIC, LABS

pytestmark = pytest.mark.django_db
State = CohortCount.State
DIABETES = {
    "line0-kind": "condition",
    "line0-system": "http://snomed.info/sct",
    "line0-code": "44054006",
    "line0-name": "type 2 diabetes",
}
HBA1C = {
    "line0-kind": "latest",
    "line0-system": "http://loinc.org",
    "line0-code": "4548-4",
    "line0-name": "HbA1c",
    "line0-least": "7.5",
    "line0-unit": "%",
}


@pytest.fixture
def board(db):
    studying.prepare_ground()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board, categories=(BASIC, HISTORY, LABS))


@pytest.fixture
def crowd(monkeypatch):
    made = Crowd()
    monkeypatch.setattr(counting.snapshots, "take", made.take)
    return made


@pytest.fixture
def browser(rosa):
    return browser_of(rosa)


def page(browser, name, *args, status=200, **query):
    answer = browser.get(reverse(f"researcher:{name}", args=args), query)
    assert answer.status_code == status
    return unescape(answer.content.decode())


def send(browser, study, status=302, **typed):
    answer = browser.post(reverse("researcher:counts", args=[study.pk]), typed)
    assert answer.status_code == status, answer.content.decode()[-3000:]
    return answer


def test_people_are_counted_by_what_was_typed(browser, study, crowd):
    for _ in range(23):
        crowd.add()
    assert "Nobody was counted" in page(browser, "counts", study.pk)
    address = send(browser, study, **DIABETES, **{"who-least": "40", "who-sex": "female"}).url
    made = CohortCount.objects.get()
    assert address == reverse("researcher:count", args=[made.pk])
    assert "A worker takes it up" in page(browser, "count", made.pk)
    counting.count(made.pk)
    said = page(browser, "count", made.pk)
    assert "People who are 40 or older, and are female, and have had type 2 diabetes." in said
    assert "About 25 people" in said
    assert "About 25 people" in page(browser, "counts", study.pk)


def test_of_few_people_no_number_is_told(browser, study, crowd):
    for _ in range(10):
        crowd.add()
    send(browser, study, **DIABETES)
    counting.count(CohortCount.objects.get().pk)
    assert "Fewer than 11 people" in page(browser, "count", CohortCount.objects.get().pk)


@pytest.mark.parametrize(
    ("typed", "criteria"),
    [
        (
            HBA1C | {"line0-lacks": "on", "line0-since": "2026-01-31"},
            {
                "not": {
                    "lab": {
                        "codes": [{"system": "http://loinc.org", "code": "4548-4", "display": "HbA1c"}],
                        "from": "7.5",
                        "unit": "%",
                        "which": "latest",
                        "since": "2026-01-31",
                    }
                }
            },
        ),
        ({"who-least": "18", "who-most": "64"}, {"age": {"from": 18, "to": 64}}),
    ],
)
def test_what_is_typed_is_what_is_asked_and_can_be_built_on(browser, study, crowd, typed, criteria):
    send(browser, study, **typed)
    made = CohortCount.objects.get()
    assert made.criteria["who"] == {"all": [criteria]}
    again = page(browser, "counts", study.pk, **{"from": made.pk})
    shown = dict(re.findall(r'name="([\w-]+)" value="([^"]*)"', again))
    for name, value in typed.items():
        if name not in {"line0-kind", "line0-system", "line0-lacks"}:
            assert shown[name] == value
    if "line0-kind" in typed:
        assert re.search(r'<option value="latest" selected>', again)
        assert re.search(r'name="line0-lacks"[^>]*checked', again)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Choose an age, a sex, or at least one thing below."),
        ({"line0-kind": "condition"}, "Type the code that is meant."),
        ({"who-least": "70", "who-most": "20"}, "Swap the two."),
        (HBA1C | {"line0-unit": ""}, "A number needs its unit"),
        (HBA1C | {"line0-least": "much"}, "Write a number such as 5.5 here."),
        (DIABETES | {"line0-since": "2026-05-02", "line0-until": "2026-05-01"}, "before the one it starts from"),
    ],
)
def test_what_cannot_be_asked_is_said_and_what_was_typed_stays(browser, study, typed, words):
    answer = unescape(send(browser, study, status=422, **typed).content.decode())
    assert words in answer
    assert all(value in answer for value in typed.values())
    assert not CohortCount.objects.exists()


def test_one_thing_more_is_another_line_and_asks_nothing_yet(browser, study):
    lines = {"more": "yes", **DIABETES}
    answer = send(browser, study, status=200, **lines).content.decode()
    assert 'name="line1-kind"' in answer
    assert 'value="44054006"' in answer
    assert 'role="alert"' not in answer
    many = {f"line{number}-kind": "" for number in range(MOST_LINES)}
    assert 'name="more"' not in send(browser, study, status=200, more="yes", **many).content.decode()
    assert not CohortCount.objects.exists()


def test_an_eighth_time_in_thirty_days_it_is_locked_and_says_until_when(browser, study, crowd):
    for _ in range(7):
        send(browser, study, **DIABETES)
    answer = unescape(send(browser, study, status=422, **DIABETES).content.decode())
    assert "This was asked too often. It can be asked again from" in answer


def test_a_study_that_nobody_lets_read_says_what_to_do_and_keeps_what_was_typed(browser, rosa):
    study = studying.waiting(rosa)
    answer = unescape(send(browser, study, status=422, **DIABETES).content.decode())
    assert "Ask the committee to let it run." in answer
    assert 'value="44054006"' in answer


def test_a_count_is_cancelled(browser, study, crowd):
    send(browser, study, **DIABETES)
    made = CohortCount.objects.get()
    browser.post(reverse("researcher:cancel-count", args=[made.pk]))
    assert "Cancelled" in page(browser, "count", made.pk)


def test_nobody_else_sees_or_stops_it(browser, study, crowd):
    send(browser, study, **DIABETES)
    made = CohortCount.objects.get()
    other = browser_of(studying.researcher("Otto Other"))
    page(other, "counts", study.pk, status=404)
    page(other, "count", made.pk, status=404)
    assert other.post(reverse("researcher:cancel-count", args=[made.pk])).status_code == 404
    assert CohortCount.objects.get().state == State.ASKED


def test_another_study_s_question_is_not_begun_with(browser, study, crowd, rosa, board):
    send(browser, study, **DIABETES)
    another = studying.opened(rosa, board, title="Another", categories=(BASIC, HISTORY))
    assert "44054006" not in page(browser, "counts", another.pk, **{"from": CohortCount.objects.get().pk})
