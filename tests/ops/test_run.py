"""`make run`, as a person starts it: one command, a page that answers, nothing left behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
LONGEST = 600  # seconds, on a machine that is busy with much else


class Started:
    """A running product: its address, its folder, its process and what it said."""

    def __init__(self, folder, port):
        self.port, self.folder = port, folder
        leave_out = {"DATABASE_URL", "REDIS_URL", "CHAIN_URL", "CHAIN_PORT", "PROMETHEUS_MULTIPROC_DIR"}
        environment = {name: value for name, value in os.environ.items() if name not in leave_out}
        environment |= {"PORT": str(port), "DATA_DIR": str(folder), "DEMO": "0", "VENV": sys.prefix}
        self.said = folder.with_suffix(".txt")
        with self.said.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "deploy/run.py"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def get(self, path):
        """Return status and text of a page, or None while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as reply:
            with reply:
                return reply.code, reply.read().decode()
        except OSError:
            return None

    def ready(self):
        """Return what it says of its parts, nothing while nobody answers."""
        answer = self.get("/readyz")
        return json.loads(answer[1]) if answer else {}

    def wait_until(self, fact, seconds=LONGEST):
        deadline = time.monotonic() + seconds
        while not fact():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.1)

    def processes(self):
        return json.loads((self.folder / "processes.json").read_text())

    def announced(self):
        return f"Chartseal answers at http://localhost:{self.port}/" in self.said.read_text()


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone, or going while it was read
        return False
    return state != "Z"


def environment_of(pid):
    """Return what a process and those below it were started with."""
    told = []
    for one in [pid, *everybody_below(pid)]:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            told.append(Path(f"/proc/{one}/environ").read_text(errors="replace"))
    return "\n".join(told)


def everybody_below(pid):
    """Return the numbers of all processes a process started, and of those they did."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *everybody_below(int(child))]
    return found


def made_by_migrations(path):
    """Return a database's tables, indexes and triggers as they were made, its content types and permissions."""
    asked = (
        "select type, name, sql from sqlite_master where name not like 'sqlite_%' order by name",
        "select id, app_label, model from django_content_type order by id",
        "select content_type_id, codename, name from auth_permission order by id",
        "select app, name from django_migrations order by id",
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        return [opened.execute(one).fetchall() for one in asked]


@pytest.fixture
def product(tmp_path, free_port):
    started = Started(tmp_path / "data", free_port)
    yield started
    started.process.terminate()
    started.process.wait(timeout=60)


@pytest.mark.point(1)
def test_one_command_starts_everything_keeps_it_running_and_stops_it(product, tmp_path, migrated_file):
    product.wait_until(product.announced)
    product.wait_until(lambda: product.get("/healthz") == (200, "ok\n"))
    # The keyholder starts after the first page answers.
    product.wait_until(lambda: product.ready().get("status") == "ready")

    processes = product.processes()
    web = processes["web"]
    assert set(processes) >= {"supervisor", "chain", "web", "keyholder", "worker", "beat"}
    programs = set(processes) - {"supervisor"}
    assert {name for name in programs if "KEYHOLDER_FILE_KEY" in environment_of(processes[name])} == {"keyholder"}
    os.kill(web, signal.SIGKILL)
    os.kill(processes["keyholder"], signal.SIGKILL)
    product.wait_until(lambda: product.processes()["web"] != web and product.get("/healthz"))
    product.wait_until(lambda: product.ready().get("keyholder") == "ok")

    family = everybody_below(product.process.pid)
    assert len(family) >= 5
    product.process.send_signal(signal.SIGINT)
    assert product.process.wait(timeout=60) == 0
    assert [pid for pid in family if is_alive(pid)] == []
    assert product.get("/healthz") is None

    # What it migrated from nothing is what all other tests have a copy of.
    migrated_file(tmp_path / "copy.sqlite3")
    assert made_by_migrations(product.folder / "chartseal.sqlite3") == made_by_migrations(tmp_path / "copy.sqlite3")
