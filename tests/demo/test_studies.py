"""What the demo shows of research: a study to join, one to decide about, and a researcher who sees nobody."""

import pytest
from django.core.management import call_command

from providers.queries import standing
from research import queries
from research.models import Researcher, Study
from research.studies.proposing import intact
from research.studies.states import State
from tests.research import studying

pytestmark = pytest.mark.django_db


def test_one_study_is_open_and_one_waits_for_its_second_approval(settings, tmp_path):
    studying.prepare_ground()
    settings.DATA_DIR = tmp_path
    call_command("demo", patients=3, verbosity=0)
    (opened,) = queries.open_studies()
    waiting = Study.objects.get(state=State.WAITING)
    assert len(queries.votes(opened)) == 2
    assert len(queries.votes(waiting)) == 1
    assert intact(opened)
    assert opened.joinings.get().patient.user.email == "patient2@demo.example"
    klein = Researcher.objects.get()
    assert queries.footing(klein).ok
    assert standing(klein.clinician.user).roles == {"researcher"}
    assert "klein@demo.example" in (tmp_path / "demo.txt").read_text()
