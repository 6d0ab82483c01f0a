"""Who looked: the log as a story, questions about a line, and checking it oneself."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from audit import checkpoints, sequencer, verify
from audit import queries as log
from consent import access
from consent.sharing import questions
from ehr import clock
from ehr.portals.patient import story
from ehr.words import Category, Purpose
from tests import people
from tests.patient.conftest import browser_of


def look(ana, reader, **more):
    """Open Ana's record as a clinician; a refusal is as good a line."""
    try:
        access.open_chart(ana.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, **more)
    except access.AccessDenied:
        return False
    return True


@pytest.fixture
def officer(ground):
    person = people.account("Paula Officer")
    person.user.is_staff = True
    person.user.save()
    group = Group.objects.create(name="answers cases")
    group.permissions.add(Permission.objects.get(codename="change_case", content_type__app_label="audit"))
    person.user.groups.add(group)
    return person


def test_before_anybody_looked_the_page_says_so(browser):
    page = browser.get(reverse("patient:looked")).content.decode()
    assert "Nobody else opened your record in the last 30 days" in page


def test_a_look_is_told_with_time_name_place_what_and_why(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    assert look(ana, lee, categories=[Category.LABS])
    page = browser.get(reverse("patient:looked")).content.decode()
    assert "One person opened your record" in page
    for words in ("Dr Mei Lee", "Harbour Medical Centre", "Read your lab results and measurements.", "Allowed by you"):
        assert words in page
    assert "You allowed this on" in page


def test_a_refused_try_is_told_with_a_word_not_a_colour_alone(browser, ana, lee):
    assert not look(ana, lee)
    page = browser.get(reverse("patient:looked")).content.decode()
    assert "was refused" in page
    assert '<span class="tag stop">Refused</span>' in page
    assert "One try was refused" in page


def test_what_the_patient_did_is_folded_apart(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    page = browser.get(reverse("patient:looked"))
    (day,) = page.context["days"]
    assert not day.people
    assert any("You let" in told.words for told in day.folded)


def test_the_home_page_says_how_many_looked_this_week(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    look(ana, lee, categories=[Category.LABS])
    look(ana, lee, categories=[Category.LABS])
    assert "One person looked at your record this week" in browser.get(reverse("patient:home")).content.decode()
    with time_machine.travel(clock.now() + timedelta(days=8)):
        clock.watch.forget()
        assert story.looks(log.story(ana.patient.pk), me=ana.user.pk, since=clock.now() - story.WEEK).people == 0


def test_times_are_in_the_readers_zone(browser, ana, lee):
    ana.user.time_zone = "Asia/Kathmandu"
    ana.user.save()
    with time_machine.travel("2026-11-19T20:30:00+00:00", tick=False):
        clock.watch.forget()
        look(ana, lee)
        page = browser_of(ana).get(reverse("patient:looked")).content.decode()
    assert "Friday 20 November" in page
    assert "02:15" in page


def test_a_long_story_has_earlier_pages_and_shows_nothing_twice(browser, ana, lee):
    people.give(ana, lee, Category.LABS)
    for _ in range(60):
        look(ana, lee, categories=[Category.LABS])
    first = browser.get(reverse("patient:looked"))
    shown = re.findall(r'id="line-([0-9a-f-]+)"', first.content.decode())
    older = re.search(r"\?before=([0-9a-f-]+)", first.content.decode())[1]
    second = browser.get(reverse("patient:looked"), {"before": older}).content.decode()
    later = re.findall(r'id="line-([0-9a-f-]+)"', second)
    assert not set(shown) & set(later)
    assert len(shown) + len(later) == len(log.story(ana.patient.pk, limit=500))


def test_a_cursor_that_is_none_is_not_there(browser):
    assert browser.get(reverse("patient:looked"), {"before": "zzz"}).status_code == 404


def test_a_line_nobody_wrote_words_for_is_still_told():
    line = log.Line(
        1, people.uuid.uuid4(), clock.now(), None, log.Party("person", people.uuid.uuid4(), "X"), "new.thing-done"
    )
    assert story.tell(line, me=people.uuid.uuid4()).words.startswith("Something was noted about your record")


def test_an_erased_line_is_told_as_erased():
    line = log.Line(1, people.uuid.uuid4(), clock.now(), None, erased_at=clock.now())
    assert "erased" in story.tell(line, me=people.uuid.uuid4()).words


def test_a_question_reaches_the_officer_and_the_answer_comes_back(browser, ana, lee, officer):
    look(ana, lee)
    event = log.story(ana.patient.pk)[0].event_id
    page = browser.post(reverse("patient:ask", args=[event]), {"words": "I was never there."}, follow=True)
    assert "Waiting for an answer" in page.content.decode()
    (case,) = questions.cases.of_subject(ana.patient.pk)
    questions.answer(case, words="It was a <b>referral</b>.", by=officer.user)
    page = browser.get(reverse("patient:questions")).content.decode()
    assert "I was never there." in page
    assert "It was a &lt;b&gt;referral&lt;/b&gt;." in page
    assert "Answered" in page


def test_without_an_officer_a_question_is_kept_and_says_whom_to_call(browser, ana, lee):
    look(ana, lee)
    event = log.story(ana.patient.pk)[0].event_id
    page = browser.post(reverse("patient:ask", args=[event]), {"words": "I was never there."}).content.decode()
    assert "There is no privacy officer here yet" in page
    assert "I was never there." in page


def test_a_line_of_somebody_elses_log_cannot_be_asked_about(ana, ben, lee):
    look(ana, lee)
    event = log.story(ana.patient.pk)[0].event_id
    assert browser_of(ben).get(reverse("patient:ask", args=[event])).status_code == 404


# --- Check it yourself ---------------------------------------------------------------------------
def signed():
    while sequencer.sequence():
        pass
    checkpoints.sign()


def test_a_list_that_is_not_signed_yet_is_promised_in_words(browser):
    response = browser.get(reverse("patient:my-log"))
    assert response.status_code == 503
    assert "signed within seconds" in response.content.decode()


def test_the_saved_list_is_checked_by_the_saved_checker(browser, ana, lee, tmp_path):
    look(ana, lee)
    signed()
    saved = tmp_path / "my-log.json"
    saved.write_bytes(browser.get(reverse("patient:my-log")).content)
    checker = browser.get(reverse("patient:verifier"))
    assert "attachment" in checker["Content-Disposition"]
    assert checker.content.decode() == Path(verify.__file__).read_text(encoding="utf-8")
    assert verify.main([str(saved)]) == 0


def test_a_list_with_one_word_changed_is_refused_by_the_checker(browser, ana, lee, tmp_path):
    look(ana, lee)
    signed()
    saved = tmp_path / "my-log.json"
    saved.write_bytes(browser.get(reverse("patient:my-log")).content.replace(b"Dr Mei Lee", b"Dr Mei Loo"))
    assert verify.main([str(saved)]) == 1


def test_the_check_in_the_browser_leaves_no_saved_list_behind(browser, ana, lee):
    look(ana, lee)
    signed()
    browser.get(reverse("patient:my-log") + "?check")
    assert json.loads(browser.get(reverse("patient:my-log")).content)["earlier"] == []


def test_the_page_says_what_the_check_does_not_prove(browser):
    page = browser.get(reverse("patient:check")).content.decode()
    assert "What this does not prove" in page
    for system in ("On Windows", "On a Mac", "On Linux"):
        assert system in page
