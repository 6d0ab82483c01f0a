"""Nothing that anybody can ask breaks anything: every answer is FHIR or empty, and never a 500.

`FHIR_FUZZ=20000 pytest tests/fhir/test_asked_at_random.py` asks as often as a release is asked before it leaves.
"""

import os

import pytest

from ehr.r4 import text
from tests.appointments.visiting_hours import clinic
from tests.fhir.asked_at_random import requests
from tests.fhir.program import json
from tests.fhir.twins import booked, fill

pytestmark = [pytest.mark.django_db, pytest.mark.security]
COUNT = int(os.environ.get("FHIR_FUZZ", "250"))
SEED = int(os.environ.get("FHIR_FUZZ_SEED", "20261121"))


def test_nothing_breaks(own, ana, settings):
    settings.FHIR_REQUESTS_PER_MINUTE = 0
    program = own(ana, scope="patient/*.cruds patient/Appointment.cruds")
    names = fill(program, ana, more=True) | {"booked": booked(clinic(), ana)}
    broken, statuses = [], set()
    for one in requests(COUNT, SEED, ids=list(names.values()), patient=names["patient"]):
        headers = {name.replace("-", "_"): value for name, value in one.headers.items()}
        answer = program.ask(one.method, one.path, one.body, kind=one.kind, **headers)
        statuses.add(answer.status_code)
        if answer.status_code >= 500 or not _is_fhir(answer):
            broken.append((answer.status_code, one))
    assert not broken, "\n".join(map(str, broken))
    # It got as far as answers, refusals and words for both.
    assert {200, 400, 404, 405} <= statuses


def _is_fhir(answer) -> bool:
    try:
        return not answer.content or "resourceType" in json(answer)
    except (ValueError, text.orjson.JSONDecodeError):
        return False
