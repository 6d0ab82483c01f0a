"""The pages of releases: asked for, watched, cancelled, fetched with the passphrase, and hidden from everybody else."""

import io
import uuid
import zipfile

import pytest
from django.urls import reverse

from consent.keyholder import studies as keyholder
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from research.models import Release
from research.release import asking, making
from tests import people
from tests.clinician.conftest import browser_of
from tests.research import releasing, studying

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
    return studying.opened(rosa, board, views=releasing.VIEWS)


@pytest.fixture
def release(rosa, study):
    return asking.ask(study, by=rosa.user)


def page(browser, name, *args, status=200):
    answer = browser.get(reverse(f"researcher:{name}", args=args))
    assert answer.status_code == status
    return answer.content.decode()


def test_a_release_is_asked_for_watched_and_fetched_with_the_passphrase(rosa, study):
    releasing.joined(study)
    browser = browser_of(rosa)
    assert "Nothing was released" in page(browser, "releases", study.pk)
    address = browser.post(reverse("researcher:releases", args=[study.pk])).url
    made = Release.objects.get()
    assert address == reverse("researcher:release", args=[made.pk])
    Release.objects.update(state=State.RUNNING, step="opening", done=2, total=4)
    assert '<progress id="progress" max="100" value="50">' in page(browser, "release", made.pk)
    Release.objects.update(state=State.ASKED)
    making.make(made.pk)
    assert "Ready to be fetched" in page(browser, "release", made.pk)
    fetch = reverse("researcher:fetch-release", args=[made.pk])
    wrong = browser.post(fetch, {"passphrase": "not this one at all"})
    assert wrong.status_code == 200
    assert Release.objects.get().state == State.READY
    answer = browser.post(fetch, {"passphrase": people.PASSPHRASE})
    assert answer["Content-Type"] == "application/zip"
    assert len(b"".join(answer.streaming_content)) == Release.objects.get().size
    assert "nothing of it is kept here" in page(browser, "release", made.pk)
    assert browser.post(fetch, {"passphrase": people.PASSPHRASE}).status_code == 302


def test_how_far_it_is_tells_nobody_how_many_take_part(rosa, release, settings):
    settings.RESEARCH_SMALL = 11
    browser = browser_of(rosa)
    for done, total, percent in ((3, 10, None), (3, 23, 10), (22, 23, 90)):
        Release.objects.update(state=State.RUNNING, step="opening", done=done, total=total)
        shown = page(browser, "release", release.pk)
        assert ("<progress" in shown) == (percent is not None)
        assert percent is None or f'max="100" value="{percent}"' in shown
        assert f"{done} / {total}" not in shown


def test_it_is_cancelled_by_a_button(rosa, release):
    browser = browser_of(rosa)
    browser.post(reverse("researcher:cancel-release", args=[release.pk]))
    assert Release.objects.get().state == State.CANCELLED
    assert "Cancelled" in page(browser, "release", release.pk)


def test_why_it_did_not_come_about_is_on_its_page(rosa, release):
    Release.objects.update(state=State.STOPPED, because="Too few people take part as yet.")
    assert "Too few people" in page(browser_of(rosa), "release", release.pk)


def test_other_researchers_and_everybody_else_find_nothing(release, board):
    for somebody in (studying.researcher("Bo Ny"), people.patient("Cy Oz"), people.clinician("Di Pu")):
        browser = browser_of(somebody)
        page(browser, "releases", release.study_id, status=404)
        for name in ("release", "fetch-release"):
            page(browser, name, release.pk, status=404)
        assert browser.post(reverse("researcher:cancel-release", args=[release.pk])).status_code == 404
    assert Release.objects.get().state == State.ASKED


def test_views_that_make_no_table_say_why(rosa, board):
    made = studying.opened(rosa, board, title="Undeclared")
    browser = browser_of(rosa)
    asked = browser.post(reverse("researcher:releases", args=[made.pk]), follow=True)
    assert "say of which kind it is" in asked.content.decode()
    assert not Release.objects.exists()
    page(browser, "release", uuid.uuid4(), status=404)


# --- What it risks, and what it lost -------------------------------------------------------------
FIGURES = ("How likely somebody is recognised", "How many rows look alike", "What was lost for that")


@pytest.fixture
def made(study, release):
    releasing.joined(study)
    assert making.make(release.pk) == State.READY
    release.refresh_from_db()
    return release


def staff(name, role):
    person = people.account(name, staff=True)
    desk.give_role(person.user, role=role, by=None, reason="test")
    person.user.refresh_from_db()
    return browser_of(person)


def test_its_page_shows_what_it_risks_and_what_it_lost_in_figures_and_tables(rosa, made):
    shown = page(browser_of(rosa), "release", made.pk)
    for title in FIGURES:
        assert title in shown
    assert shown.count('<svg class="bars"') == shown.count("<tbody>") == 3
    assert "This copy is marked as yours" in shown


def test_one_that_did_not_come_about_and_one_from_before_there_were_figures_show_none(rosa, made):
    Release.objects.update(facts={"k": 3, "suppressed": 0})
    assert "<svg class=" not in page(browser_of(rosa), "release", made.pk)


def test_the_committee_sees_the_same_figures_and_nobody_who_is_in_it(made):
    carl = staff("Carl Moss", DeskRole.COMMITTEE)
    url = reverse("admin:research_study_releases", args=[made.study_id])
    assert url in carl.get(reverse("admin:research_study_change", args=[made.study_id])).content.decode()
    shown = carl.get(url).content.decode()
    for title in FIGURES:
        assert title in shown
    assert releasing.CANARY not in shown


def test_other_desk_roles_find_no_releases(made):
    url = reverse("admin:research_study_releases", args=[made.study_id])
    assert staff("Vera Ok", DeskRole.VERIFIER).get(url).status_code == 404


# --- The synthetic twin --------------------------------------------------------------------------
def test_a_synthetic_table_is_there_before_anybody_approved_or_joined(rosa):
    drafted = studying.drafted(rosa, views=releasing.VIEWS)
    browser = browser_of(rosa)
    assert reverse("researcher:synthetic", args=[drafted.pk]) in page(browser, "study", drafted.pk)
    answer = browser.get(reverse("researcher:synthetic", args=[drafted.pk]))
    assert answer["Content-Type"] == "application/zip"
    assert "synthetic" in answer["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert set(archive.namelist()) == {"data.csv", "data-coarse.csv", "datapackage.json", "README.txt"}


def test_j7_6_nobody_who_joined_is_in_the_synthetic_table_nor_changes_it(rosa, study):
    browser = browser_of(rosa)
    before = browser.get(reverse("researcher:synthetic", args=[study.pk])).content
    releasing.joined(study)
    assert browser.get(reverse("researcher:synthetic", args=[study.pk])).content == before


def test_views_that_make_no_table_make_no_twin_and_say_why(rosa, board):
    made = studying.drafted(rosa)
    answer = browser_of(rosa).get(reverse("researcher:synthetic", args=[made.pk]), follow=True)
    assert "say of which kind it is" in answer.content.decode()


def test_another_researchers_twin_is_hidden(study, board):
    for somebody in (studying.researcher("Bo Ny"), people.patient("Cy Oz"), people.clinician("Di Pu")):
        page(browser_of(somebody), "synthetic", study.pk, status=404)


# --- How people are made alike -------------------------------------------------------------------
def test_spans_of_different_width_are_chosen_by_the_researcher_and_read_by_the_committee(rosa, board):
    study = studying.waiting(rosa, views=releasing.VIEWS, local_recoding=True)
    assert "In spans of different width; nobody is left out" in page(browser_of(rosa), "study", study.pk)
    carl = staff("Carl Moss", DeskRole.COMMITTEE)
    said = carl.get(reverse("admin:research_study_change", args=[study.pk])).content.decode()
    assert "in spans of different width (Mondrian)" in said


def test_a_release_says_that_its_columns_together_tell_rows_apart(rosa, made):
    made.facts |= {"rows alone by all columns": 3}
    made.save(update_fields=["facts"])
    shown = page(browser_of(rosa), "release", made.pk)
    assert "tell 3 rows from every other" in shown


# --- Days, where an expert determined that they may leave ---------------------------------------
def test_a_determination_is_typed_read_by_the_committee_and_on_the_patients_card(rosa, board):
    expert = "Dr. Ada Ng, 2026-10-02"
    study = studying.waiting(rosa, views=releasing.VIEWS, determination=expert)
    assert expert in page(browser_of(rosa), "study", study.pk)
    carl = staff("Carl Moss", DeskRole.COMMITTEE)
    said = carl.get(reverse("admin:research_study_change", args=[study.pk])).content.decode()
    assert f"determined by: {expert}" in said
    for one in (board.first, board.second):
        studying.approve(study, by=one)
    plain = studying.opened(rosa, board, views=releasing.VIEWS, title="Years alone")
    ana = browser_of(people.patient("Ana Costa"))
    card = ana.get(reverse("patient:research-study", args=[study.pk])).content.decode()
    assert "moved by a number of days that is yours alone" in card
    card = ana.get(reverse("patient:research-study", args=[plain.pk])).content.decode()
    assert "Of dates it gets the year." in card
