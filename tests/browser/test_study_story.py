"""A study in a real browser, on all sides: from a researcher's registration to a file that is fetched and checked.

Registered, proposed, approved by two, joined, counted, released, fetched once, and withdrawn from. What is asked of
workers is asked at a window where no script runs, and watched at one where scripts do.
"""

import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connections
from django.urls import reverse

from consent import access
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from providers.models import Credential, Membership
from research import queries
from research.cohorts import counting
from research.models import CohortCount, Joining, Release, Study
from research.release import checking, making
from tests import people
from tests.browser.acting import stage
from tests.clinician.conftest import browser_of as researcher_browser
from tests.patient.conftest import browser_of as patient_browser
from tests.research import releasing, studying

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
PLAIN = "We want to find out whether people who sleep badly take more medicine against pain."
FILE = {"name": "paper.pdf", "mimeType": "application/pdf", "buffer": studying.PDF}


@pytest.fixture
def ground(db, settings):
    """Bo, who registers; Carl and Dina of the committee; Ana, who has a record; their browsers, signed in."""
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    studying.prepare_ground()
    keyholder._begun.clear()
    people.institution("City University")
    bo, ana = people.account("Bo Ny"), people.patient("Ana Costa")
    access.add_own(ana.patient, releasing.drafts(7), keyring=ana.keyring)
    return SimpleNamespace(
        connection=connections["default"],
        user=bo.user,
        patient=ana.patient,
        vera=people.checker("Vera Stone"),
        bo=researcher_browser(bo),
        ana=patient_browser(ana),
        carl=researcher_browser(_member("Carl Moss")),
        dina=researcher_browser(_member("Dina Reyes")),
    )


def _member(name: str) -> people.Person:
    person = people.account(name, staff=True)
    desk.give_role(person.user, role=DeskRole.COMMITTEE, by=None, reason="test")
    person.user.refresh_from_db()
    return person


def test_a_study_is_proposed_approved_joined_counted_released_and_left(ground, open_window, tmp_path):
    with stage(open_window, ground.connection) as at_a_window:
        bo, carl, dina, ana = (at_a_window(getattr(ground, name)) for name in ("bo", "carl", "dina", "ana"))
        plain = at_a_window(ground.bo, script=False)
        found: list[str] = []
        _register(bo, ground, found)
        _propose(bo, found)
        study = bo.asked(Study.objects.get)
        for member in (carl, dina):
            _approve(member, study, found)
        bo.go(reverse("researcher:study", args=[study.pk]))
        assert "People can join it now" in bo.reads()
        assert "Fewer than 3 people" in bo.reads()
        found += bo.found()
        _join(ana, found)
        assert ana.asked(lambda: [one.study for one in queries.joined_by(ground.patient)]) == [study]
        bo.asked(lambda: releasing.joined(study))
        _count(bo, plain, study, found)
        content = _release(bo, plain, study, found)
        _withdraw(ana, found)
        assert ana.asked(lambda: queries.joined_by(ground.patient)) == []
        bo.go(reverse("patient:research"))
        assert bo.page.get_by_role("link", name="Ana Costa").count() == 0
        assert found == []
        assert carl.complaints + dina.complaints + ana.complaints + plain.complaints == []
        digest = bo.asked(lambda: bytes(Release.objects.get().digest))
    assert checking.digest(content) == digest
    file, heard = tmp_path / "release.zip", io.StringIO()
    file.write_bytes(content)
    call_command("verify_release", str(file), "--offline", stdout=heard)
    assert heard.getvalue().count("holds") == 2


def _register(bo, ground, found) -> None:
    bo.go(reverse("researcher:register"))
    found += bo.found()
    bo.fill(title="Dr", number="R-77", issuing_body="City University", country="CA", training="Ethics course")
    bo.page.locator("main [name=institution]").select_option(label="City University")
    bo.fill(expires=(clock.now() + timedelta(days=200)).date().isoformat())
    bo.page.locator("main [name=evidence]").set_input_files(FILE)
    bo.press("Register")
    assert "You cannot propose anything yet" in bo.reads()
    found += bo.found()
    bo.asked(lambda: _vouch(ground))
    bo.go(reverse("researcher:agreement"))
    found += bo.found()
    bo.press("Sign this with my key")
    assert "You signed the agreement with your own key" in bo.page.inner_text("body")


def _vouch(ground) -> None:
    """Let a verifier approve Bo's training and place of work, which another story walks through."""
    held = Credential.objects.get(clinician__user=ground.user)
    at = clock.now()
    Credential.objects.filter(pk=held.pk).update(
        status="approved", first_approver=ground.vera, decided_at=at, confirmed_at=at
    )
    Membership.objects.filter(clinician=held.clinician).update(confirmed_at=at, confirmed_by=ground.vera)


def _propose(bo, found) -> None:
    bo.go(reverse("researcher:new"))
    found += bo.found()
    bo.fill(title="Sleep and pain", plain=PLAIN, purpose="Regression.", views=json.dumps(releasing.VIEWS))
    bo.tick("basic")
    bo.tick("labs")
    bo.fill(until=(clock.now() + timedelta(days=300)).date().isoformat(), amount="5", currency="CAD")
    bo.fill(ethics_body="City University Ethics Board", ethics_reference="2026-041")
    bo.page.locator("main [name=ethics]").set_input_files(FILE)
    bo.press("Write it down")
    assert "Sleep and pain" in bo.reads()
    found += bo.found()
    bo.press("Propose it to the committee")
    assert "Two members of the committee read it" in bo.reads()
    bo.go(reverse("researcher:home"))
    found += bo.found()


def _approve(member, study, found) -> None:
    member.go(reverse("admin:index"))
    member.follow("Studies to decide")
    member.follow("Sleep and pain")
    found += member.found()
    member.page.locator("[name=approve-reason]").fill("Sound, and of use to many.")
    member.press("Approve these terms")
    assert "Your approval is on file" in member.page.inner_text("body")
    assert member.asked(lambda: study.votes.count()) > 0


def _join(ana, found) -> None:
    ana.go(reverse("patient:sharing"))
    ana.follow("Research: studies you can join")
    assert PLAIN in ana.reads()
    found += ana.found()
    ana.follow("Choose what it may use")
    found += ana.found()
    ana.tick("labs")
    ana.press("Go on")
    assert "The study “Sleep and pain” may use your lab results and measurements" in ana.reads()
    found += ana.found()
    ana.press("Join until")
    assert "You take part in one study." in ana.reads()
    found += ana.found()
    assert ana.asked(Joining.objects.count) == 1


def _count(bo, plain, study, found) -> None:
    """How many are of age: asked without a script, watched with one, told rounded."""
    plain.go(reverse("researcher:counts", args=[study.pk]))
    plain.fill(**{"who-least": "18"})
    plain.press("Count them")
    assert "A worker takes it up" in plain.reads()
    count = bo.asked(CohortCount.objects.get)
    bo.go(reverse("researcher:counts", args=[study.pk]))
    found += bo.found()
    bo.asked(lambda: CohortCount.objects.update(state="running", done=2, total=5))
    bo.go(reverse("researcher:count", args=[count.pk]))
    assert bo.page.get_by_role("progressbar").get_attribute("value") == "40"
    found += bo.found()
    plain.page.get_by_role("progressbar").wait_for()
    bo.asked(lambda: counting.count(count.pk))
    bo.page.get_by_text("Build on this").wait_for()
    bo.settled()
    assert "About 3 people" in bo.reads()
    found += bo.found()
    plain.page.get_by_text("About 3 people").wait_for()


def _release(bo, plain, study, found) -> bytes:
    """Asked for without a script, watched with one, fetched once with the passphrase."""
    plain.go(reverse("researcher:releases", args=[study.pk]))
    plain.press("Ask for a release")
    assert "A worker takes it up" in plain.reads()
    release = bo.asked(Release.objects.get)
    bo.go(reverse("researcher:study", args=[study.pk]))
    bo.follow("Releases of this study")
    found += bo.found()
    bo.asked(lambda: Release.objects.update(state="running", step="opening", done=2, total=5))
    bo.go(reverse("researcher:release", args=[release.pk]))
    bo.page.get_by_text("one after another").wait_for()
    bo.settled()
    found += bo.found()
    bo.asked(lambda: making.make(release.pk))
    bo.page.get_by_role("link", name="Fetch it").wait_for()
    bo.settled()
    found += bo.found()
    plain.page.get_by_role("link", name="Fetch it").wait_for()
    bo.follow("Fetch it")
    found += bo.found()
    bo.fill(passphrase=people.PASSPHRASE)
    with bo.page.expect_download() as waiting:
        bo.page.get_by_role("button", name="Fetch the file").click()
    content = Path(waiting.value.path()).read_bytes()
    bo.go(reverse("researcher:release", args=[release.pk]))
    assert "You have it, and nothing of it is kept here." in bo.reads()
    found += bo.found()
    plain.go(reverse("researcher:fetch-release", args=[release.pk]))
    plain.fill(passphrase=people.PASSPHRASE)
    plain.press("Fetch the file")
    assert "It is not here any more" in plain.page.inner_text("body")
    return content


def _withdraw(ana, found) -> None:
    ana.follow("Withdraw")
    found += ana.found()
    ana.press("Withdraw", exact=True)
    assert "You take part in no study" in ana.reads()
    ana.follow("Where my data went")
    assert "You withdrew from the study Sleep and pain" in ana.reads()
    found += ana.found()
