"""The demo's clinicians can be booked, at a place and by video, from the first morning on."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command

from appointments.availability import free
from appointments.models import Schedule, VisitType
from ehr import clock
from tests import people

pytestmark = pytest.mark.django_db


def test_every_kind_of_visit_of_the_demo_can_be_booked_within_a_week(settings, tmp_path):
    people.prepare_ground()
    settings.DATA_DIR = tmp_path
    call_command("demo", patients=2, verbosity=0)
    today = clock.now().date()
    for kind in VisitType.objects.all():
        schedules = Schedule.objects.filter(visit_types=kind)
        found = free(schedules, kind, first=today, last=today + timedelta(days=8), at=clock.now(), limit=1)
        assert found, kind.name
    assert VisitType.objects.count() == 5
    with time_machine.travel(clock.now() + timedelta(days=60), tick=False):
        assert free(schedules, kind, first=today, last=clock.now().date() + timedelta(days=9), at=clock.now(), limit=1)
