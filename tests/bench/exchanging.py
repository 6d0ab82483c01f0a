"""The FHIR interface on the database that DATABASE_URL names; `python -m tests.bench.exchanging` prints JSON."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.views.decorators.http import require_GET  # noqa: E402

from consent.access import add_own  # noqa: E402
from ehr import wsgi  # noqa: E402, F401 - puts aside what is loaded, as a process that serves does
from ehr.demo import generator  # noqa: E402
from ehr.fhir import rates  # noqa: E402
from ehr.frame.drafting import draft  # noqa: E402
from ehr.r4 import text  # noqa: E402
from tests import people  # noqa: E402
from tests.security.world import browser_of  # noqa: E402
from tests.smart.walking import Walk, registered, told  # noqa: E402

ENTRIES, READS, SEARCHES, BUNDLES = 300, 300, 100, 6
SCOPE = "launch/patient offline_access patient/*.cruds"
# A bench asks faster than any client may.
rates.count = lambda *_who: None


def _result(number: int) -> dict:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{1000 + number % 20}-1"}], "text": "Result"},
        "effectiveDateTime": f"20{10 + number % 15}-03-04T08:30:00Z",
        "valueQuantity": {"value": number, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    }


def _app(ana: people.Person) -> Client:
    """Return a client that shows the token of an app which Ana let in to everything, after a launch like any other."""
    walk = Walk(registered(people.account("Max Maker"), scope=SCOPE), browser_of(ana), scope=SCOPE)
    walk.begin()
    sensitive = ["mental-health", "genetic"]
    walk.choose(ordinary=["basic", "history", "labs", "treatment"], sensitive=sensitive, write="on")
    code = told(walk.confirm(**{f"also-{part}": "on" for part in sensitive}))["code"]
    token = walk.exchange(code).json()["access_token"]
    return Client(headers={"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"})


def _spent(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Return CPU seconds of this process for all, and the median of one in wall-clock milliseconds."""
    for _ in range(5):
        work()
    walls, cpu = [], time.process_time()
    for _ in range(times):
        begun = time.perf_counter()
        work()
        walls.append(time.perf_counter() - begun)
    return time.process_time() - cpu, sorted(walls)[times // 2] * 1000


@require_GET
def _plain(_request: HttpRequest) -> HttpResponse:
    """Read one row and write it as JSON: what any Django view must do."""
    with connection.cursor() as cursor:
        cursor.execute("select id, body from plain_resource where id = %s", [1])
        [(_, body)] = cursor.fetchall()
    return HttpResponse(json.dumps(json.loads(body)), content_type="application/json")


def _plain_reads(sample: dict) -> float:
    with connection.cursor() as cursor:
        cursor.execute("create table plain_resource (id integer primary key, body text)")
        cursor.execute("insert into plain_resource (id, body) values (1, %s)", [json.dumps(sample)])
    factory = RequestFactory()
    cpu, _wall = _spent(lambda: _plain(factory.get("/plain")), READS)
    return cpu * 1000 / READS


def _got(answer: HttpResponse, status: int = 200) -> HttpResponse:
    assert answer.status_code == status, (answer.status_code, answer.content[:500])
    return answer


def _transactions(app: Client) -> tuple[int, float, float]:
    """Send records as transactions; return how many resources, the wall-clock and the CPU seconds."""
    count, wall, cpu = 0, 0.0, 0.0
    for number, bundle in enumerate(generator.patients(BUNDLES, seed=11)):
        kept = [one for one in bundle["entry"] if one["resource"]["resourceType"] != "Patient"]
        old = next(one["fullUrl"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
        body = text.dumps({"resourceType": "Bundle", "type": "transaction", "entry": kept})
        body = body.replace(old.encode(), f"Patient/{PATIENT['id']}".encode())
        begun, spent = time.perf_counter(), time.process_time()
        _got(app.post("/fhir/", body, content_type="application/fhir+json"))
        if number:  # the first one warms the validators
            count, wall, cpu = count + len(kept), wall + time.perf_counter() - begun, cpu + time.process_time() - spent
    return count, wall, cpu


PATIENT: dict[str, uuid.UUID] = {}


def _found() -> dict[str, float]:
    people.prepare_ground()
    ana = people.patient("Ana Costa")
    PATIENT["id"] = ana.patient.pk
    entries = add_own(ana.patient, [draft(ana.patient, _result(n)) for n in range(ENTRIES)], keyring=ana.keyring)
    app = _app(ana)
    one = f"/fhir/Observation/{entries[0].logical_id}"
    sample = _got(app.get(one)).json()
    reads, _wall = _spent(lambda: _got(app.get(one)), READS)
    asked = "/fhir/Observation?code=http://loinc.org|1003-1&date=ge2015-01-01&_count=20"
    searches, wall = _spent(lambda: _got(app.get(asked)), SEARCHES)
    count, seconds, cpu = _transactions(app)
    return {
        "read": reads * 1000 / READS,
        "plain": _plain_reads(sample),
        "search": wall,
        "search_cpu": searches * 1000 / SEARCHES,
        "resources": count,
        "resources_per_s": count / seconds,
        "resources_per_cpu": count / cpu,
        "memory_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """Return the most memory that this program had, in MB: what its parent had before it began does not count."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    setup_test_environment()
    # The pages of the launch are shown as they are in development: nothing was collected for this run.
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    # A web process migrates nothing, and to migrate takes more memory than to serve.
    subprocess.run([sys.executable, "-m", "django", "migrate", "--verbosity", "0"], check=True)
    print(json.dumps(_found()))  # noqa: T201
