"""Other people's FHIR clients against a server that runs: Ana's record, and an app that she let in."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from consent.access import add_own
from ehr.fhir import rates
from ehr.frame.drafting import draft
from ehr.smart.models import App
from tests import people
from tests.security.world import browser_of
from tests.smart.walking import Walk, registered

HERE = Path(__file__).parent
SCOPE = "launch/patient openid fhirUser offline_access patient/*.cruds patient/Appointment.rs"
LABORATORY = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}


def result(number: int) -> dict:
    """Return a laboratory result."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [LABORATORY]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}], "text": "Glucose"},
        "effectiveDateTime": f"2026-03-{number + 1:02}",
        "valueQuantity": {"value": 5 + number, "unit": "mmol/L"},
    }


@dataclass
class Running:
    """A server with Ana's record, an app she may let in, and the browser she is signed in with."""

    url: str
    ana: people.Person
    app: App
    browser: object

    @property
    def base(self) -> str:
        return f"{self.url}/fhir"

    def token(self, **chosen) -> str:
        """Return an access token of the app, after a launch like any other."""
        walk = Walk(self.app, self.browser, scope=SCOPE)
        return walk.connected(write="on", **chosen)["access_token"]


@pytest.fixture
def running(live_server, settings) -> Running:
    settings.SITE_URL = live_server.url
    rates.here.forget()
    people.prepare_ground()
    ana = people.patient("Ana Costa")
    add_own(ana.patient, [draft(ana.patient, result(n)) for n in range(5)], keyring=ana.keyring)
    app = registered(people.account("Max Maker"), scope=SCOPE)
    return Running(live_server.url, ana, app, browser_of(ana))


@pytest.fixture
def node(running):
    """Return a way to run a script of this folder with Node; it prints one JSON."""
    if shutil.which("node") is None or not (HERE / "node_modules").is_dir():
        pytest.skip("Node, or its packages in tests/clients, are not there.")

    def run(script: str, *words: str) -> dict:
        done = subprocess.run(
            ["node", HERE / script, running.base, *words], capture_output=True, text=True, timeout=180, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
