"""A patient does not recognise a line, and an officer answers."""

from datetime import timedelta
from uuid import uuid4

import pytest

from audit import cases, log, queries
from audit.models import Case, CaseMessage

PATIENT = log.Party("person", uuid4(), "Ana Sousa", "patient")
OFFICER = log.Party("person", uuid4(), "Olga Berg", "privacy officer", "City Hospital")


@pytest.fixture
def line(day):
    day.looks()
    return queries.story(day.patient)[0]


@pytest.fixture
def case(day, line):
    return cases.open_case(subject=day.patient, event_id=line.event_id, words=b"sealed words", by=PATIENT)


def test_a_case_is_due_within_ten_days_and_on_the_patients_log(day, case, now):
    assert case.due_at - case.opened_at == timedelta(days=10)
    assert queries.story(day.patient)[0].action == "case.opened"
    assert list(cases.waiting()) == [case]
    assert not cases.overdue(now + timedelta(days=9))
    assert list(cases.overdue(now + timedelta(days=11))) == [case]


def test_the_same_line_opens_one_case_and_takes_more_words(day, line, case):
    again = cases.open_case(subject=day.patient, event_id=line.event_id, words={"officer": b"more"}, by=PATIENT)
    assert again == case
    assert [(by, seals) for by, _, seals in cases.messages(case)] == [
        (PATIENT, {"words": b"sealed words"}),
        (PATIENT, {"officer": b"more"}),
    ]
    assert [each.action for each in queries.story(day.patient)].count("case.opened") == 1


def test_nobody_opens_a_case_about_somebody_elses_line(day, line):
    with pytest.raises(cases.NotPossible):
        cases.open_case(subject=day.neighbours[0], event_id=line.event_id, words=b"", by=PATIENT)
    assert not Case.objects.exists()


def test_an_answered_case_waits_no_longer_and_can_be_closed_and_opened_anew(day, line, case):
    with pytest.raises(cases.NotPossible):
        cases.close(case, by=OFFICER)
    assert cases.answer(case, b"sealed answer", by=OFFICER).state == Case.State.ANSWERED
    assert not cases.waiting()
    assert cases.close(case, by=OFFICER).closed_at is not None
    with pytest.raises(cases.NotPossible):
        cases.answer(case, b"too late", by=OFFICER)
    other = cases.open_case(subject=day.patient, event_id=line.event_id, words=b"again", by=PATIENT)
    assert list(cases.of_subject(day.patient)) == [other, case]
    actions = [each.action for each in queries.story(day.patient)]
    assert actions[:4] == ["case.opened", "case.closed", "case.answered", "case.opened"]


def test_nobody_answers_a_case_about_their_own_act(day, line, case):
    with pytest.raises(cases.NotPossible):
        cases.answer(case, b"nothing happened", by=line.actor)
    assert CaseMessage.objects.count() == 1
    assert list(cases.waiting()) == [case]
