"""What tests do with a care team: share with it, read through it, hear the news of it."""

import pytest

from audit import queries as audit
from audit import sequencer
from audit.models import Event
from consent import access
from consent.access import AccessDenied
from consent.models import Grant
from consent.sharing import grants, standing
from ehr import clock
from ehr.words import Action, Purpose
from tests.consent.conftest import texts
from tests.teams import later

TEAMS_PARTS = {"marker labs", "marker treatment"}


def share(sharer, team, *parts, **more) -> Grant:
    asked = {"actions": (Action.READ,), "starts": clock.now(), "ends": later(days=30)} | more
    return grants.give(sharer.patient, keyring=sharer.keyring, reader=team.reader, categories=parts, **asked)


def read(sharer, reader, **more) -> set[str]:
    chart = access.open_chart(sharer.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT, **more)
    return texts(chart)


def refused(sharer, reader, **more) -> str:
    with pytest.raises(AccessDenied) as refusal:
        read(sharer, reader, **more)
    return refusal.value.because


def told(action: str) -> list[dict]:
    return [fact for event in Event.objects.order_by("pk") if (fact := audit.facts(event.pk))["action"] == action]


def hear() -> None:
    while sequencer.sequence():
        pass
    while standing.follow():
        pass
