"""A release in a real browser: asked for, watched while a worker makes it, fetched once, and checked."""

from pathlib import Path

import pytest
from django.db import connections
from django.urls import reverse

from consent.keyholder import studies as keyholder
from research.models import Release
from research.release import checking, making
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of
from tests.research import releasing, studying

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def ground(db, settings):
    """A study that four people joined, its researcher's browser, and the connection."""
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    studying.prepare_ground()
    keyholder._begun.clear()
    rosa = studying.researcher()
    study = studying.opened(rosa, studying.committee(), views=releasing.VIEWS)
    releasing.joined(study)
    return study, browser_of(rosa), connections["default"]


def test_a_release_is_asked_for_watched_fetched_and_checked(ground, open_window):
    study, client, connection = ground
    with stage(open_window, connection) as at_a_window:
        rosa = at_a_window(client)
        rosa.go(reverse("researcher:study", args=[study.pk]))
        rosa.follow("Releases of this study")
        found = rosa.found()
        rosa.press("Ask for a release")
        assert "A worker takes it up" in rosa.reads()
        release = rosa.asked(Release.objects.get)
        rosa.asked(lambda: Release.objects.update(state="running", step="opening", done=2, total=4))
        rosa.page.get_by_text("one after another").wait_for()
        found += rosa.found()
        rosa.asked(lambda: making.make(release.pk))
        rosa.page.get_by_role("link", name="Fetch it").wait_for()
        found += rosa.found()
        rosa.follow("Fetch it")
        found += rosa.found()
        rosa.fill(passphrase=people.PASSPHRASE)
        with rosa.page.expect_download() as waiting:
            rosa.page.get_by_role("button", name="Fetch the file").click()
        content = Path(waiting.value.path()).read_bytes()
        rosa.go(reverse("researcher:release", args=[release.pk]))
        assert "You have it, and nothing of it is kept here." in rosa.reads()
        found += rosa.found()
        assert found == []
        assert rosa.complaints == []
        digest = rosa.asked(lambda: bytes(Release.objects.get().digest))
    assert checking.digest(content) == digest
    assert all(one.holds for one in checking.inside(content))
