"""kill -9 of the process that makes a release, wherever it is: no half of it is there, and the next one finishes it."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as project

from audit import queries as audit
from audit.models import Event
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.chain.models import Transaction
from research.models import Crowd, Inclusion, Release, ReleasePiece
from research.release import asking, checking, making
from research.studies import work
from tests.consent.test_keyholder_process import shared_database  # noqa: F401 - a fixture
from tests.research import releasing, studying
from tests.research.releasing import CANARY, PEOPLE
from tests.research.worker import PLACES

pytestmark = [pytest.mark.stories, pytest.mark.django_db(transaction=True)]
WITHIN = 120


@pytest.fixture
def rosa(shared_database, settings):  # noqa: F811 - the fixture
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 3, 3
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.researcher()


@pytest.fixture
def release(rosa):
    study = studying.opened(rosa, studying.committee(), views=releasing.VIEWS)
    releasing.joined(study)
    return asking.ask(study, by=rosa.user)


@pytest.fixture
def worker(shared_database, rosa):  # noqa: F811 - the fixture; its ground is there before
    """A function that starts a worker on this test's database and keys, to stand still at a place."""
    of_ours = {"DATABASE_URL": shared_database, "DATA_DIR": str(project.DATA_DIR)}
    environment = os.environ | of_ours | {"CHARTSEAL_ENV": "development"}

    def started(*place):
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.research.worker", *place],
            cwd=project.BASE_DIR, env=environment, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return started


def killed(process):
    """Wait until a worker stands where it should, and kill it there."""
    try:
        said = process.stdout.readline()
        assert said == "here\n"
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=WITHIN) == -signal.SIGKILL
        process.stdout.close()


def acts():
    """Return what the log says was done, the first first."""
    return [audit.find(event.pk).action for event in Event.objects.order_by("id")]


def folders(process):
    return list(Path(making._in_memory() or "/tmp").glob(f"{making._FOLDER}{process.pid}-*"))


def test_wherever_it_is_killed_no_half_is_left_and_the_next_worker_finishes_once(release, rosa, worker):
    for place in [name for name in PLACES if name != "reporting"]:
        process = worker(place)
        killed(process)
        release.refresh_from_db()
        assert (release.state, release.digest, release.mark) == (Release.State.RUNNING, None, None), place
        for model in (ReleasePiece, Inclusion, Crowd):
            assert not model.objects.exists(), place
        assert not Transaction.objects.filter(method="release").exists(), place
        assert "study.release-made" not in acts(), place
        left = [file.read_bytes() for folder in folders(process) for file in folder.rglob("*") if file.is_file()]
        assert not any(CANARY.encode() in one for one in left), place
        assert making.due() == [], "a worker that was seen just now is not taken for dead"
        Release.objects.update(seen_at=clock.now() - work.SILENT - timedelta(seconds=1), attempts=0)
        assert making.due() == [release.pk]

    killed(worker("reporting"))  # it has put everything down, and told nobody
    last = worker()
    told, _nothing = last.communicate(timeout=WITHIN)
    assert (last.returncode, told) == (0, "0\n"), "what is made is made once"

    release.refresh_from_db()
    assert (release.state, release.people) == (Release.State.READY, PEOPLE)
    assert Transaction.objects.filter(method="release").count() == 1
    assert acts().count("study.release-made") == 1
    content = b"".join(asking.fetch(release, by=rosa.user, keyring=rosa.keyring))
    assert checking.digest(content) == bytes(release.digest)
    assert all(one.holds for one in checking.inside(content))
