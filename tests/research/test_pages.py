"""The pages of research: a researcher's, the committee's and a patient's; and what is hidden from whom."""

import json
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from ehr import clock
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from ehr.frame import sessions
from ehr.words import Category
from providers.models import Credential
from research import queries
from research.models import Agreement, Joining, Study
from research.studies import deciding
from research.studies.states import State
from tests import people
from tests.clinician.conftest import browser_of
from tests.desk.conftest import session_of
from tests.research import studying

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(db):
    studying.prepare_ground()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(rosa, board):
    return studying.opened(rosa, board)


@pytest.fixture
def ana(board):
    return people.patient()


def page(browser, name, *args, status=200):
    answer = browser.get(reverse(name, args=args))
    assert answer.status_code == status
    return answer.content.decode()


def form(**instead):
    last = (clock.now() + timedelta(days=200)).date().isoformat()
    facts = {
        "title": "Sleep and pain", "plain": "We ask whether sleep matters.", "purpose": "Regression.",
        "ordinary": ["labs"], "views": json.dumps(studying.VIEW), "until": last, "amount": "7.50",
        "currency": "cad", "ethics_body": "Board", "ethics_reference": "1", "ethics": pdf(),
    }  # fmt: skip
    return facts | instead


def pdf():
    return SimpleUploadedFile("approval.pdf", studying.PDF, content_type="application/pdf")


# --- A researcher --------------------------------------------------------------------------------
def test_somebody_registers_for_research_and_waits_for_a_verifier(board):
    bo = people.account("Bo Ny")
    place = people.institution("City University")
    browser = browser_of(bo)
    told = {
        "title": "Dr", "professional_name": "Bo Ny", "institution": place.pk, "number": "R-7",
        "issuing_body": "City University", "country": "ca", "training": "Ethics",
        "expires": (clock.now() + timedelta(days=90)).date().isoformat(), "evidence": pdf(),
    }  # fmt: skip
    assert browser.post(reverse("researcher:register"), told).url == reverse("researcher:home")
    assert Credential.objects.get(clinician__user=bo.user).role == "researcher"
    assert "You cannot propose anything yet" in page(browser, "researcher:home")


def test_who_has_a_record_or_cares_for_people_is_not_shown_the_form(ana, board):
    for somebody in (ana, people.clinician()):
        page(browser_of(somebody), "researcher:register", status=404)


def test_the_agreement_is_read_and_signed(board):
    bo = studying.researcher("Bo Ny", agreed=False)
    browser = browser_of(bo)
    assert "I do not try to find out whose data they are" in page(browser, "researcher:agreement")
    browser.post(reverse("researcher:agreement"))
    assert Agreement.objects.filter(researcher=bo.user.clinician.researcher).count() == 1


def test_a_study_is_written_down_and_proposed(rosa):
    browser = browser_of(rosa)
    answer = browser.post(reverse("researcher:new"), form())
    study = Study.objects.get()
    assert answer.url == reverse("researcher:study", args=[study.pk])
    assert (study.pay, study.currency, study.categories, study.state) == (750, "CAD", ["labs"], State.DRAFT)
    browser.post(reverse("researcher:act", args=[study.pk, "propose"]))
    study.refresh_from_db()
    assert study.state == State.WAITING
    page(browser, "researcher:change", study.pk, status=404)


def test_what_is_to_correct_is_said_and_nothing_is_written_down(rosa):
    browser = browser_of(rosa)
    for instead, words in (
        ({"views": "nothing"}, "The views are not JSON"),
        ({"ordinary": []}, "Tick at least one part"),
        ({"amount": "1.005"}, "more digits than the currency"),
        ({"ethics": SimpleUploadedFile("x.txt", b"text")}, "neither a PDF"),
    ):
        assert words in browser.post(reverse("researcher:new"), form(**instead)).content.decode()
    assert not Study.objects.exists()


def test_the_committees_question_is_answered_on_the_page(rosa, board):
    study = studying.waiting(rosa)
    question = deciding.ask(study, text="Why labs?", by=board.first)
    browser = browser_of(rosa)
    assert "Why labs?" in page(browser, "researcher:study", study.pk)
    url = reverse("researcher:answer", args=[study.pk, question.pk])
    assert browser.post(url, {"answer": " "}).status_code == 422
    browser.post(url, {"answer": "For creatinine."})
    assert "For creatinine." in page(browser, "researcher:study", study.pk)


def test_another_researchers_study_does_not_exist(study, board):
    browser = browser_of(studying.researcher("Bo Ny"))
    page(browser, "researcher:study", study.pk, status=404)
    page(browser, "researcher:ethics", study.pk, status=404)
    assert browser.post(reverse("researcher:act", args=[study.pk, "close"])).status_code == 404


def test_few_people_are_no_number(study, rosa, ana, settings):
    studying.join(ana, study)
    browser = browser_of(rosa)
    assert "Fewer than 11 people" in page(browser, "researcher:study", study.pk)
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 1, 1
    assert "About 1 people" in page(browser, "researcher:study", study.pk)


# --- Everything else is hidden from research -----------------------------------------------------
HIDDEN = (
    "patient:home", "patient:record", "patient:sharing", "patient:research", "patient:acting", "patient:looked",
    "clinician:home", "clinician:find", "clinician:emergency-find", "clinician:register", "clinician:credentials",
    "clinician:teams", "clinician:day", "clinician:copies", "frontdesk:day", "frontdesk:find", "front:begin",
    "front:claim", "admin:index",
)  # fmt: skip


@pytest.mark.security
@pytest.mark.parametrize("limits", [None, "patient", "researcher"])
def test_a_researcher_is_shown_nobody_anywhere(study, rosa, ana, limits):
    studying.join(ana, study)
    browser = browser_of(rosa)
    session = browser.session
    if limits:
        session[sessions.LIMITS] = limits
        session.save()
    closed = HIDDEN if limits != "patient" else [one for one in HIDDEN if one.startswith("clinician:")]
    for name in closed:
        answer = browser.get(reverse(name))
        assert answer.status_code == 404 or answer.url == reverse("clinician:credentials"), name
    assert browser.get(reverse("clinician:chart", args=[ana.patient.pk])).status_code == 404


@pytest.mark.security
def test_nothing_on_a_researchers_pages_names_who_takes_part(study, rosa, ana):
    studying.join(ana, study)
    browser = browser_of(rosa)
    shown = page(browser, "researcher:home") + page(browser, "researcher:study", study.pk)
    for told in ("Ana Costa", str(ana.patient.pk), str(ana.user.pk), str(Joining.objects.get().pk)):
        assert told not in shown


@pytest.mark.security
def test_research_is_closed_to_everybody_else(study, ana):
    for somebody in (ana, people.clinician()):
        browser = browser_of(somebody)
        page(browser, "researcher:home", status=404)
        page(browser, "researcher:study", study.pk, status=404)


# --- The committee -------------------------------------------------------------------------------
def member(name):
    person = people.account(name, staff=True)
    desk.give_role(person.user, role=DeskRole.COMMITTEE, by=None, reason="test")
    person.user.refresh_from_db()
    return browser_of(person)


def act(browser, study, name, **told):
    url = reverse("admin:research_study_act", args=[study.pk, name])
    return browser.post(url, {f"{name}-{field}": value for field, value in told.items()})


def test_two_members_approve_at_the_desk(rosa, board):
    study = studying.waiting(rosa)
    first, second = member("First Ok"), member("Second Ok")
    assert "Studies to decide" in page(first, "admin:index")
    assert "Sleep and pain" in page(first, "admin:research_study_changelist")
    assert act(first, study, "approve", reason="Sound.").status_code == 302
    assert act(first, study, "approve", reason="Sound.").status_code == 404
    assert "1 approval is missing" in page(second, "admin:research_study_change", study.pk)
    assert act(second, study, "approve", reason="Sound.").status_code == 302
    study.refresh_from_db()
    assert study.state == State.APPROVED
    assert second.get(reverse("admin:research_study_evidence", args=[study.pk])).content == studying.PDF


def test_a_draft_is_not_at_the_desk_and_studies_are_the_committees(rosa, board):
    draft = studying.drafted(rosa)
    page(member("First Ok"), "admin:research_study_change", draft.pk, status=404)
    verifier = people.account("Vera Ok", staff=True).user
    desk.give_role(verifier, role=DeskRole.VERIFIER, by=None, reason="test")
    browser = session_of(type(verifier).objects.get(pk=verifier.pk))
    page(browser, "admin:research_study_changelist", status=404)


def test_the_committee_asks_at_the_desk(rosa, board):
    study = studying.waiting(rosa)
    act(member("First Ok"), study, "ask", text="Why labs?")
    study.refresh_from_db()
    assert study.state == State.ASKED


# --- A patient -----------------------------------------------------------------------------------
def choose(browser, study, **told):
    answer = browser.post(reverse("patient:research-study", args=[study.pk]), told)
    assert answer.status_code == 302, answer.content.decode()
    return answer.url


def read(shown):
    return re.search(r'name="read" value="(\w+)"', shown).group(1)


def test_a_patient_joins_and_withdraws_with_no_more_clicks(study, ana):
    browser = browser_of(ana, second_step=False)
    shown = page(browser, "patient:research")
    for words in ("Sleep and pain", "City University", "CAD", "Nobody earns money"):
        assert words in shown
    confirm = choose(browser, study, ordinary=["labs"])
    said = browser.get(confirm).content.decode()
    assert "may use your lab results and measurements until" in said
    for _ in range(2):
        assert browser.post(confirm, {"read": read(said)}).url == reverse("patient:research")
    made = Joining.objects.get()
    assert made.categories == ["labs"]
    assert "You take part in one study" in page(browser, "patient:research")
    assert "A study that you joined" in page(browser, "patient:sharing")
    assert "One study that you joined uses a part of it" in page(browser, "patient:sharing")
    assert "You joined the study Sleep and pain" in page(browser, "patient:research-uses")
    page(browser, "patient:grant", made.grant_id)
    gone = reverse("patient:research-withdraw", args=[made.pk])
    assert "Withdraw from" in browser.get(gone).content.decode()
    browser.post(gone)
    assert queries.joined_by(ana.patient) == []
    assert "You withdrew from the study Sleep and pain" in page(browser, "patient:research-uses")


def test_sensitive_parts_stand_apart_and_are_confirmed_on_their_own(rosa, board, ana):
    study = studying.opened(rosa, board, categories=(Category.LABS, Category.GENETIC))
    browser = browser_of(ana, second_step=False)
    shown = page(browser, "patient:research-study", study.pk)
    assert shown.index('name="ordinary"') < shown.index('name="sensitive"')
    assert 'value="mental-health"' not in shown
    assert "checked" not in shown
    confirm = choose(browser, study, ordinary=["labs"], sensitive=["genetic"])
    said = browser.get(confirm).content.decode()
    assert "Tick that" in browser.post(confirm, {"read": read(said)}).content.decode()
    assert not Joining.objects.exists()
    browser.post(confirm, {"read": read(said), "also-genetic": "on"})
    assert Joining.objects.get().categories == ["labs", "genetic"]


def test_nothing_ticked_joins_nothing(study, ana):
    answer = browser_of(ana, second_step=False).post(reverse("patient:research-study", args=[study.pk]), {})
    assert "Tick at least one part" in answer.content.decode()


def test_an_earlier_day_is_the_patients_to_choose(study, ana):
    browser = browser_of(ana, second_step=False)
    day = (clock.now() + timedelta(days=20)).date()
    confirm = choose(browser, study, ordinary=["labs"], until=day.isoformat())
    browser.post(confirm, {"read": read(browser.get(confirm).content.decode())})
    assert Joining.objects.get().until.date() == day


def test_with_locked_keys_one_may_withdraw_and_must_unlock_to_join(study, ana):
    made = studying.join(ana, study)
    browser = browser_of(ana, second_step=False, unlocked=False)
    browser.post(reverse("patient:research-withdraw", args=[made.pk]))
    assert queries.joined_by(ana.patient) == []
    confirm = choose(browser, study, ordinary=["labs"])
    answer = browser.post(confirm, {"read": read(browser.get(confirm).content.decode())})
    assert answer.url.startswith(reverse("front:unlock"))


@pytest.mark.security
def test_another_patients_part_and_a_study_that_is_not_open_do_not_exist(study, ana, rosa):
    made, bo = studying.join(ana, study), people.patient("Bo Ny")
    browser = browser_of(bo, second_step=False)
    page(browser, "patient:research-withdraw", made.pk, status=404)
    assert browser.post(reverse("patient:research-withdraw", args=[made.pk])).status_code == 404
    page(browser, "patient:research-study", studying.drafted(rosa).pk, status=404)
    assert queries.joined_by(ana.patient) == [made]
