"""The pages of private questions: asked, watched, cancelled, read with their noise; and what patients read of them."""

from html import unescape

import pytest
from django.urls import reverse

from ehr.portals.researcher.question_forms import EVERYBODY
from research.cohorts import asking as cohorts
from research.models import PrivateQuestion, StudyBudget
from research.private import answering, asking
from research.private.questions import Kind
from tests import people
from tests.clinician.conftest import browser_of
from tests.patient.conftest import browser_of as patient_browser
from tests.research import studying
from tests.research.criteria_made import DIABETES, document, patient
from tests.research.private_made import DIABETIC, PRICE, asked, take_part
from tests.research.studying import BASIC

pytestmark = pytest.mark.django_db
COUNT = {"kind": "count", "people": EVERYBODY, "precision": "usual"}
GROUPS = COUNT | {"kind": "groups", "variable": "hba1c"}


@pytest.fixture
def browser(rosa):
    return browser_of(rosa)


def page(browser, name, *args, status=200, **query):
    answer = browser.get(reverse(name if ":" in name else f"researcher:{name}", args=args), query)
    assert answer.status_code == status
    return words_of(answer)


def words_of(answer):
    """Return a page's text; what must not be parted by a line stands apart as any words do."""
    return unescape(answer.content.decode()).replace("\xa0", " ")


def send(browser, study, status=302, **typed):
    answer = browser.post(reverse("researcher:questions", args=[study.pk]), typed)
    assert answer.status_code == status, answer.content.decode()[-3000:]
    return answer


def test_a_question_is_asked_answered_and_told_with_its_noise(browser, study, records):
    records.people(study, 20, sugar=7)
    assert "Nothing was asked" in page(browser, "questions", study.pk)
    address = send(browser, study, **GROUPS).url
    row = PrivateQuestion.objects.get()
    assert address == reverse("researcher:question", args=[row.pk])
    waiting = page(browser, "question", row.pk)
    assert "A worker takes it up" in waiting
    assert "It costs 1 %" in waiting
    answering.answer(row.pk)
    said = page(browser, "question", row.pk)
    for words in (
        "HbA1c, by group",
        "Everybody who takes part.",
        "Within ±20 in 95 of 100 cases.",
        "under 5.7 %",
        "9 % or more",
        "LOINC 4548-4",
        "From 3 % to 20 %",
        "ε = 0.54",
        "2026-1",
        "99 % of what this study may spend in private questions is left.",
        "That pays for 99 questions asked as usual.",
    ):
        assert words in said, words
    assert "It cost 1 %." in page(browser, "questions", study.pk)


@pytest.mark.parametrize(
    ("kind", "name", "title"),
    [
        (Kind.COUNT, "", "How many people"),
        (Kind.GROUPS, "sex", "Sex, by group"),
        (Kind.MEAN, "age", "Mean of Age in years"),
        (Kind.QUANTILE, "age", "The value of Age in years that 50 of 100 people are below"),
    ],
)
def test_each_kind_has_its_words(browser, study, rosa, records, kind, name, title):
    records.people(study, 30)
    row = asked(study, rosa.user, kind, name, price=25_000_000)
    said = page(browser, "question", row.pk)
    assert title in said
    assert "in 95 of 100 cases" in said.lower() or "The noise is as large" in said


def test_people_that_were_counted_can_be_asked_about(browser, study, rosa, records):
    records.people(study, 12)
    counted = cohorts.ask(study, DIABETIC, by=rosa.user)
    form = page(browser, "questions", study.pk, of=counted.pk)
    assert "People who have had type 2 diabetes." in form
    assert f'value="{counted.pk}" id="id_people_1" checked' in form.replace(" required", "")
    send(browser, study, **COUNT | {"people": counted.pk})
    assert PrivateQuestion.objects.get().criteria["who"] == {"condition": {"codes": [DIABETES]}}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({}, "Choose what you ask."),
        (COUNT | {"kind": "mean"}, "Choose of what."),
        (COUNT | {"kind": "mean", "variable": "sex"}, "This is no number. Ask for its groups"),
        (COUNT | {"kind": "quantile", "variable": "age", "percent": "100"}, "Write a whole number from 1 to 99."),
    ],
)
def test_what_cannot_be_asked_is_said_at_its_field_and_what_was_typed_stays(browser, study, typed, words):
    answer = words_of(send(browser, study, status=422, **typed))
    assert words in answer
    assert not PrivateQuestion.objects.exists()


def test_only_variables_of_the_study_s_parts_are_offered(browser, rosa, board):
    study = studying.opened(rosa, board, categories=(BASIC,))
    form = page(browser, "questions", study.pk)
    assert "Age in years" in form
    assert "HbA1c" not in form.replace("or by HbA1c", "")


def test_what_is_too_dear_is_refused_with_what_is_left_and_what_to_do(browser, study, records):
    StudyBudget.objects.update_or_create(study=study, defaults={"granted": 500_000_000, "spent": 498_000_000})
    answer = words_of(send(browser, study, status=422, **COUNT))
    assert "This question costs 1 % of what the study may spend, and 0.4 % is left. Ask more roughly" in answer
    assert "That pays for no question asked as usual." in answer
    send(browser, study, **COUNT | {"precision": "rough"})


def test_asked_again_it_is_the_same_and_anew_it_costs_again(browser, study, rosa, records):
    records.people(study, 2)
    first = asked(study, rosa.user)
    assert send(browser, study, **COUNT).url == reverse("researcher:question", args=[first.pk])
    again = browser.post(reverse("researcher:question-again", args=[first.pk]))
    assert again.url == reverse("researcher:question", args=[first.pk]), "today's records were asked already"


def test_a_question_is_cancelled_and_costs_nothing(browser, study, rosa):
    row = asking.ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    browser.post(reverse("researcher:cancel-question", args=[row.pk]))
    assert "It cost nothing." in page(browser, "question", row.pk)


@pytest.mark.parametrize(("done", "total", "words"), [(23, 66, "About 30 % done"), (3, 10, ""), (0, 0, "")])
def test_how_far_it_is_does_not_tell_how_many_take_part(browser, study, rosa, done, total, words):
    row = asking.ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    PrivateQuestion.objects.update(state="running", done=done, total=total)
    said = page(browser, "question", row.pk)
    assert words in said
    assert ('id="progress"' in said) == bool(words)
    assert f"{done} / {total}" not in said


def test_nobody_else_sees_or_stops_or_repeats_it(study, rosa):
    row = asking.ask(study, Kind.COUNT, price=PRICE, by=rosa.user)
    other = browser_of(studying.researcher("Otto Other"))
    page(other, "questions", study.pk, status=404)
    page(other, "question", row.pk, status=404)
    for name in ("cancel-question", "question-again"):
        assert other.post(reverse(f"researcher:{name}", args=[row.pk])).status_code == 404
    assert PrivateQuestion.objects.get().state == "asked"


def test_a_patient_reads_each_question_they_were_in_and_what_is_left(study, rosa, records):
    ana = people.patient("Ana Costa")
    records.of[ana.patient.pk] = [patient()]
    take_part(study, [ana.patient])
    hers = patient_browser(ana)
    assert "blurred answer" not in page(hers, "patient:research-uses")
    asked(study, rosa.user, Kind.MEAN, "age", among=document({"sex": ["female"]}))
    asked(study, rosa.user)
    said = page(hers, "patient:research-uses")
    for words in (
        "99 % of what may be asked about you is left.",
        "2 questions",
        "took 1 %",
        "Mean of Age in years, of some of those who take part.",
        "How many people, of everybody who takes part.",
        "Answered a question of the study Sleep and pain about many people, you among them.",
    ):
        assert words in said, words
