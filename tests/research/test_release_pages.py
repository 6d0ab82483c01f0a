"""The pages of releases: asked for, watched, cancelled, fetched with the passphrase, and hidden from everybody else."""

import uuid

import pytest
from django.urls import reverse

from consent.keyholder import studies as keyholder
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
    assert '<progress id="progress" max="4" value="2">' in page(browser, "release", made.pk)
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
