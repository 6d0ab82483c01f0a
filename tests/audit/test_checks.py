"""The log's name: under one that no verifier can read nothing is signed."""

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from audit import checkpoints, notes, sequencer
from audit.models import Checkpoint

UNREADABLE = ["", "a+b.example/log", "ehr example/log", "ehr.example/log\n", "x ", "ehr\u2028log", "ehr\ufefflog"]


def found():
    return [message for message in checks.run_checks() if message.id == "audit.E001"]


@pytest.mark.parametrize("origin", UNREADABLE)
def test_a_name_that_no_head_can_carry_is_found_at_the_start(settings, origin):
    settings.LOG_ORIGIN = origin
    (message,) = found()
    assert "Set it to a name without spaces and plus signs" in message.hint


@pytest.mark.parametrize("origin", ["chartseal.example/log", "ehr.exämple/log"])
def test_a_name_that_a_head_can_carry_is_left_alone(settings, origin):
    settings.LOG_ORIGIN = origin
    assert found() == []


@pytest.mark.parametrize("origin", UNREADABLE)
def test_nothing_is_signed_under_a_name_that_no_head_can_carry(day, settings, origin):
    settings.LOG_ORIGIN = origin
    day.looks()
    sequencer.sequence()
    with pytest.raises(ImproperlyConfigured, match="LOG_ORIGIN is"):
        checkpoints.sign()
    assert not Checkpoint.objects.exists()


def test_a_head_under_a_name_in_any_script_is_read_again(day, settings):
    settings.LOG_ORIGIN = "ehr.exämple/log"
    day.looks()
    day.ends()
    assert notes.read(Checkpoint.objects.get().note).size == 2
