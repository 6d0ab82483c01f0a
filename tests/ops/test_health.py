"""What machines are told, and what they are not."""

import json
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import OperationalError, connection
from django.urls import reverse

from audit import log
from consent import escrow
from ehr import clock
from ehr.chain import client as chain
from ehr.frame import measures, readiness


@pytest.fixture
def reachable_chain(monkeypatch, db):
    escrow.open_escrow()
    monkeypatch.setattr(chain, "chain_id", lambda: 545045)


def unreachable():
    raise chain.Unavailable("eth_chainId: ConnectionError")


def ready(client):
    reply = client.get("/readyz")
    return reply.status_code, json.loads(reply.content)


@pytest.fixture
def sample():
    """Read one value from /metrics by its name and labels; None where there is none."""

    def read(client, start, **headers):
        lines = client.get("/metrics", headers=headers).content.decode().splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(start)), None)

    return read


def test_a_process_that_runs_says_so_without_asking_the_database(client):
    assert client.get("/healthz").content == b"ok\n"


@pytest.mark.point(2)
@pytest.mark.django_db
def test_an_instance_with_database_tables_disk_and_chain_is_ready(client, reachable_chain):
    status, answer = ready(client)
    assert (status, answer["status"]) == (200, "ready"), answer


@pytest.mark.django_db
def test_care_goes_on_without_the_chain(client, monkeypatch):
    monkeypatch.setattr(chain, "chain_id", unreachable)
    status, answer = ready(client)
    assert (status, answer["status"], answer["chain"]) == (200, "degraded", "unreachable")


@pytest.mark.django_db
def test_care_goes_on_without_the_keyholder(client, reachable_chain, settings):
    settings.KEYHOLDER_SOCKET = "/nowhere/keyholder.sock"
    status, answer = ready(client)
    assert (status, answer["status"], answer["keyholder"]) == (200, "degraded", "away")


@pytest.mark.django_db
def test_an_instance_whose_log_is_late_says_so(client, reachable_chain):
    log.record("chart.opened", actor=log.SYSTEM, subject=uuid.uuid4())
    with time_machine.travel(clock.now() + timedelta(seconds=61)):
        status, answer = ready(client)
    assert (status, answer["status"], answer["log"]) == (200, "degraded", "late")


@pytest.mark.django_db
def test_an_instance_with_tables_behind_is_not_ready(client, reachable_chain, monkeypatch):
    def behind():
        raise readiness._TablesBehind

    monkeypatch.setattr(readiness, "_tables_are_current", behind)
    assert ready(client)[0] == 503


@pytest.mark.django_db
def test_tables_that_were_never_made_are_noticed(monkeypatch):
    readiness._tables_are_current.cache_clear()
    monkeypatch.setattr(readiness.MigrationExecutor, "migration_plan", lambda *_: ["accounts.0001_initial"])
    assert readiness._migrations() == "not applied"


@pytest.mark.django_db
def test_an_instance_without_its_database_is_not_ready(client, reachable_chain, monkeypatch):
    def gone():
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", gone)
    status, answer = ready(client)
    assert (status, answer["database"]) == (503, "unreachable")
    assert "server closed" not in json.dumps(answer)


@pytest.mark.django_db
def test_a_disk_that_is_nearly_full_is_not_ready(client, reachable_chain, monkeypatch):
    monkeypatch.setattr(readiness, "LEAST_FREE_BYTES", 1 << 60)
    assert ready(client)[1]["disk"] == "nearly full"


@pytest.mark.django_db
def test_requests_are_counted_by_view_and_status(client, sample):
    line = 'chartseal_requests_total{method="GET",status="200",view="front:healthz"}'
    before = sample(client, line) or 0
    client.get("/healthz")
    assert sample(client, line) == before + 1


@pytest.mark.privacy
@pytest.mark.django_db
def test_no_path_and_no_id_is_a_label(client):
    hidden = uuid.uuid4()
    client.get(f"/patient/{hidden}/?name=Costa")
    text = client.get("/metrics").content.decode()
    assert str(hidden) not in text
    assert "Costa" not in text


@pytest.mark.django_db
def test_what_waits_for_its_place_in_the_log_is_measured(client, sample):
    before = sample(client, "chartseal_events_unsequenced ")
    log.record("chart.opened", actor=log.SYSTEM, subject=uuid.uuid4())
    assert sample(client, "chartseal_events_unsequenced ") == before + 1


@pytest.mark.django_db
def test_every_table_of_parcels_is_measured(client, sample):
    tables = [model._meta.label_lower for model in measures.parcel_tables()]
    assert tables
    for table in tables:
        assert sample(client, f'chartseal_parcels{{state="waiting",table="{table}"}}') == 0


@pytest.mark.security
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "shown", "status"),
    [("", "", 200), ("s3cret", "", 404), ("s3cret", "Bearer other", 404), ("s3cret", "Bearer s3cret", 200)],
    ids=["development, this machine", "no token", "another token", "the token"],
)
def test_metrics_are_told_to_whom_they_are_meant_for(client, settings, token, shown, status):
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", headers={"Authorization": shown} if shown else {}).status_code == status


@pytest.mark.security
@pytest.mark.django_db
@pytest.mark.parametrize("request_", [{"REMOTE_ADDR": "10.0.0.9"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.7"}])
def test_metrics_do_not_exist_for_another_machine(client, request_):
    assert client.get("/metrics", **request_).status_code == 404


@pytest.mark.security
@pytest.mark.django_db
def test_metrics_do_not_exist_in_production_without_a_token(client, settings):
    settings.PRODUCTION = True
    assert client.get("/metrics").status_code == 404


def test_the_three_have_names():
    assert [reverse(f"front:{name}") for name in ("healthz", "readyz", "metrics")] == [
        "/healthz",
        "/readyz",
        "/metrics",
    ]


def test_several_web_processes_are_counted_together(tmp_path, settings_of, production):
    code = """
import os
import django; django.setup()
from ehr.frame import measures
measures.REQUESTS.labels("front:healthz", "GET", "200").inc()
if os.environ.get("LAST"):
    measures._Waiting.collect = lambda self: iter(())
    print(measures.exposition().decode())
"""
    here = {**production, "DJANGO_SETTINGS_MODULE": "ehr.settings", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    assert settings_of(here, code).returncode == 0
    told = settings_of({**here, "LAST": "1"}, code).stdout
    assert 'chartseal_requests_total{method="GET",status="200",view="front:healthz"} 2.0' in told
