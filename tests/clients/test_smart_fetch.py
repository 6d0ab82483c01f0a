"""smart-fetch (PyPI), SMART Health IT's client of bulk export, against a running server: a service, and an app."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from consent.access import add_own, own_party
from consent.keyholder import backends as keyholder
from consent.models import Grant
from consent.sharing import grants
from ehr.frame.drafting import draft
from ehr.smart import registering
from tests import people
from tests.clients.conftest import HERE, result
from tests.security.world import browser_of
from tests.smart.signing import jwks, key
from tests.smart.test_services_that_read import let_in

pytestmark = pytest.mark.clients
INSTALLED = HERE.parents[1] / ".venv-clients" / "bin" / "smart-fetch"


@pytest.fixture
def fetch(running, tmp_path):
    """Return a way to run the client; it returns what it wrote, by type, or what it complained of."""
    program = str(INSTALLED) if INSTALLED.exists() else shutil.which("smart-fetch")
    if program is None:
        pytest.skip("smart-fetch is not there: make stories installs it.")

    def run(*words: str) -> dict[str, list[dict]]:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        done = subprocess.run(
            [program, "bulk", "--fhir-url", running.base, *words, folder],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return written(folder)

    return run


def written(folder: Path) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for file in sorted(folder.rglob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).decode().splitlines():
            one = json.loads(line)
            found.setdefault(one["resourceType"], []).append(one)
    return found


@pytest.fixture
def service(running, tmp_path):
    """Return the words by which the client shows that it is a service which Ana and Ben let in, and Cem did not."""
    keyholder._shown.clear()
    made = registering.register_reading_service(
        people.account("Vera Stahl").user, name="Registry", words="Counts.", institution=people.institution(),
        jwks=jwks(), scope="system/*.rs",
    )  # fmt: skip
    ben, cem = people.patient("Ben Okoro"), people.patient("Cem Kaya")
    for person in (ben, cem):
        add_own(person.patient, [draft(person.patient, result(7))], keyring=person.keyring)
    let_in(running.browser, made)
    let_in(browser_of(ben), made)
    private = tmp_path / "key.jwks"
    private.write_text(json.dumps({"keys": [key("ES384").as_dict(private=True) | {"key_ops": ["sign"]}]}))
    return ("--smart-client-id", made.client_id, "--smart-key", str(private)), ben, cem


def test_a_service_takes_along_those_who_let_it_in(fetch, running, service):
    words, ben, cem = service
    found = fetch("--group", "mine", "--type", "Patient,Observation", *words)
    assert {one["id"] for one in found["Patient"]} == {str(running.ana.patient.pk), str(ben.patient.pk)}
    assert len(found["Observation"]) == 6
    assert str(cem.patient.pk) not in json.dumps(found)


def test_whoever_stopped_it_is_not_in_the_next_one(fetch, running, service):
    words, ben, _cem = service
    for grant in Grant.objects.filter(patient=running.ana.patient):
        grants.end(grant, keyring=running.ana.keyring, by=own_party(running.ana.patient))
    assert [one["id"] for one in fetch("--group", "mine", "--type", "Patient", *words)["Patient"]] == [
        str(ben.patient.pk)
    ]


def test_only_what_answers_a_filter(fetch, service):
    words, _ben, _cem = service
    found = fetch(
        "--group", "mine", "--type", "Observation", "--type-filter", "Observation?date=ge2026-03-04", *words
    )  # fmt: skip
    assert sorted(one["effectiveDateTime"] for one in found["Observation"]) == [
        "2026-03-04",
        "2026-03-05",
        "2026-03-08",
    ]


def test_an_app_takes_along_its_patients_record(fetch, running, tmp_path):
    token = tmp_path / "token"
    token.write_text(running.token())
    found = fetch("--group", "mine", "--type", "Patient,Observation", "--bearer-token", str(token))
    assert [one["id"] for one in found["Patient"]] == [str(running.ana.patient.pk)]
    assert len(found["Observation"]) == 5
