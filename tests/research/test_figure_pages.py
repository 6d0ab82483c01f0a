"""The pages of figures: a researcher's, the desk's, and what a patient reads before joining; and who finds nothing."""

import csv
import io
import json
import re
import uuid
from datetime import date, timedelta
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from ehr import clock
from ehr.desk.roles import DeskRole
from research.figures import asking
from research.models import Figure, FigureRun, Study
from tests import people
from tests.clinician.conftest import browser_of
from tests.desk.conftest import session_of
from tests.desk.conftest import staff as at_desk
from tests.research import figures_made, studying
from tests.research.test_pages import member
from tests.teams import administrator, at_the_desk

pytestmark = pytest.mark.django_db
EVERYBODY, GROUPS = [120, 80], [["18-44 female", None, None], ["45-64 female", 65, 45], ["45-64 male", None, None]]


@pytest.fixture
def board(db):
    studying.prepare_ground()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return figures_made.opened(rosa, board)


@pytest.fixture
def browser(rosa):
    return browser_of(rosa)


def told(study: Study, month: int, *, stands: Figure | None = None, everybody=EVERYBODY, groups=GROUPS) -> Figure:
    """Return figures as a worker puts them down."""
    first, last = asking.period(date(2026, month, 1))
    run = FigureRun.objects.create(
        study=study, month=date(2026, month, 1), first=first, last=last, state="ready", ended_at=clock.now()
    )
    new = {"level": "age-and-sex", "everybody": everybody, "groups": groups, "assigned": b"sealed"}
    return Figure.objects.create(run=run, measure="diabetes", version=2, stands=stands, **({} if stands else new))


def page(browser, name, *args, status=200):
    answer = browser.get(reverse(name, args=args))
    assert answer.status_code == status
    return unescape(answer.content.decode())


# --- A researcher ----------------------------------------------------------------------------------
def test_each_figure_has_its_words_its_picture_and_a_table_with_the_same_numbers(browser, study):
    told(study, 3)
    shown = page(browser, "researcher:figures", study.pk)
    assert "Of about 120 people, about 80: 67 %." in shown
    assert shown.count('role="img"') == shown.count("<table") == 1
    assert "45 to 64, female" in shown
    assert "too few to tell" in shown
    assert 'Of <time datetime="2025-02-01">1 February 2025</time> to <time datetime="2026-01-31">' in shown
    assert "version 2 of the definition" in shown
    assert "2.16.840.1.113883.3.464.1003.103.12.1001" in shown
    assert "<script>" not in shown


def test_figures_that_stand_say_of_when_they_are_and_why(browser, study):
    first = told(study, 3)
    told(study, 4, stands=first)
    shown = page(browser, "researcher:figures", study.pk)
    assert 'Of <time datetime="2025-02-01">1 February 2025</time> to <time datetime="2026-01-31">' in shown
    assert "too few people had changed for new numbers" in shown


@pytest.mark.parametrize(
    ("everybody", "said"),
    [
        ([None, None], "Too few people to tell"),
        ([40, None], "It is of about 40 people. How many are counted is not told"),
    ],
)
def test_what_cannot_be_told_is_said_to_be_so(browser, study, everybody, said):
    told(study, 3, everybody=everybody, groups=[])
    assert said in page(browser, "researcher:figures", study.pk)


def test_figures_are_asked_for_once_a_month_watched_and_cancelled(browser, study):
    assert "Nothing is told of this yet" in page(browser, "researcher:figures", study.pk)
    address = reverse("researcher:figures", args=[study.pk])
    for _twice in range(2):
        assert browser.post(address).url == address
    run = FigureRun.objects.get()
    FigureRun.objects.update(state="running", done=1303001, total=3907003)
    shown = page(browser, "researcher:figures", study.pk)
    assert 'max="100" value="30"' in shown
    assert not {"1303001", "3907003"} & set(re.findall(r"[0-9]+", shown)), (
        "step by step it would tell how many there are"
    )
    assert "Make this month" not in shown
    browser.post(reverse("researcher:cancel-figures", args=[run.pk]))
    assert FigureRun.objects.get().state == "cancelled"
    assert "Make this month’s figures now" in page(browser, "researcher:figures", study.pk)


def test_the_file_holds_every_month_and_hidden_numbers_as_such(browser, study):
    first = told(study, 3)
    told(study, 4, stands=first)
    told(study, 5, everybody=[150, 100], groups=[])
    answer = browser.get(reverse("researcher:figures-file", args=[study.pk]))
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["group"], row["people"], row["counted"]) for row in rows] == [
        ("everybody", "150", "100"), ("everybody", "120", "80"), ("18-44 female", "hidden", "hidden"),
        ("45-64 female", "65", "45"), ("45-64 male", "hidden", "hidden"),
    ]  # fmt: skip


def test_figures_are_proposed_with_what_they_need_and_changed(browser):
    last = (timezone.localtime(clock.now()).date() + timedelta(days=365)).isoformat()
    typed = {
        "title": "Diabetes here", "plain": "How many have it under control.", "purpose": "Surveillance.",
        "until": last, "ethics_body": "Board", "ethics_reference": "1", "once": str(uuid.uuid4()),
    }  # fmt: skip
    pdf = {"ethics": SimpleUploadedFile("approval.pdf", studying.PDF, content_type="application/pdf")}
    address = reverse("researcher:new-figures")
    assert "Tick at least one of the figures" in browser.post(address, typed).content.decode()
    answer = browser.post(address, typed | pdf | {"measures": ["readmission", "immunisation"]})
    study = Study.objects.get()
    assert answer.url == reverse("researcher:study", args=[study.pk])
    assert (study.measures, study.categories) == (["immunisation", "readmission"], ["basic", "history"])
    assert (study.views, study.pay) == ([], 0)
    shown = page(browser, "researcher:change", study.pk)
    assert "Which figures" in shown
    assert "Views" not in shown
    browser.post(reverse("researcher:change", args=[study.pk]), typed | {"measures": ["diabetes"]})
    study.refresh_from_db()
    assert (study.measures, study.categories) == (["diabetes"], ["basic", "history", "labs"])
    assert "Diabetes under control" in page(browser, "researcher:study", study.pk)


def test_the_page_of_such_a_study_offers_no_counts_and_no_releases(browser, study):
    shown = page(browser, "researcher:study", study.pk)
    assert reverse("researcher:figures", args=[study.pk]) in shown
    assert reverse("researcher:counts", args=[study.pk]) not in shown
    assert reverse("researcher:releases", args=[study.pk]) not in shown


def test_others_find_nothing(study, board, rosa):
    run = asking.ask(study, by=rosa.user)
    other = studying.opened(rosa, board)
    page(browser_of(rosa), "researcher:figures", other.pk, status=404)
    for somebody in (studying.researcher("Bo Ny"), people.patient("Cy Oz"), people.clinician("Di Pu")):
        browser = browser_of(somebody)
        for name in ("figures", "figures-file"):
            page(browser, f"researcher:{name}", study.pk, status=404)
        assert browser.post(reverse("researcher:cancel-figures", args=[run.pk])).status_code == 404
    run.refresh_from_db()
    assert run.state == "asked"


# --- The desk --------------------------------------------------------------------------------------
def test_the_committee_sees_all_figures_and_who_administers_an_institution_its_own(study):
    told(study, 3)
    carl = session_of(at_desk("Carl Moss", DeskRole.COMMITTEE))
    here = session_of(at_the_desk(administrator("Ida Berg", study.institution)))
    elsewhere = session_of(at_the_desk(administrator("Jo Roe", people.institution("Harbour Clinic"))))
    for browser in (carl, here):
        assert study.title in page(browser, "admin:research_figurerun_changelist")
        assert "Of about 120 people, about 80" in page(browser, "admin:research_figurerun_change", study.pk)
        assert b"45-64 female" in browser.get(reverse("admin:research_figurerun_file", args=[study.pk])).content
    assert study.title not in page(elsewhere, "admin:research_figurerun_changelist")
    page(elsewhere, "admin:research_figurerun_change", study.pk, status=404)
    page(elsewhere, "admin:research_figurerun_file", study.pk, status=404)
    assert "How time is used" in page(here, "admin:research_figurerun_changelist")
    assert "How time is used" not in page(carl, "admin:research_figurerun_changelist")


def test_nobody_else_at_the_desk_sees_figures(study):
    for role in (DeskRole.VERIFIER, DeskRole.PAYMENTS, DeskRole.IDENTITY):
        browser = session_of(at_desk(f"Of {role}", role))
        page(browser, "admin:research_figurerun_changelist", status=404)
        page(browser, "admin:research_figurerun_change", study.pk, status=404)


def test_the_committee_reads_which_figures_it_decides_about(rosa, board):
    waiting = studying.waiting(rosa, **figures_made.asked())
    shown = page(member("First Ok"), "admin:research_study_change", waiting.pk)
    assert "Figures, and nothing else" in shown
    assert "Diabetes under control" in shown


# --- A patient -------------------------------------------------------------------------------------
def test_a_patient_reads_what_such_a_study_makes_and_that_nothing_leaves(study):
    ana = people.patient()
    browser = browser_of(ana)
    card = page(browser, "patient:research-study", study.pk)
    assert "Figures of a population, once a month: Diabetes under control" in card
    assert "No row of yours leaves" in card
    assert "Of dates it gets the year" not in card
    joined = studying.join(ana, study, *figures_made.PARTS)
    assert "No figure that is made from now on has you in it" in page(browser, "patient:research-withdraw", joined.pk)


def test_no_number_that_is_hidden_is_on_a_page_in_another_form(browser, study):
    told(study, 3, everybody=[None, None], groups=[["45-64 female", None, None]])
    shown = page(browser, "researcher:figures", study.pk)
    assert json.dumps([None, None]) not in shown
    assert not re.search(r"\bNone\b", shown)
