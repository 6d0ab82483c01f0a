"""Programs that run before any package is installed are imported from their folder, as `python3 deploy/run.py` does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests import free_ports

ROOT = Path(settings.BASE_DIR)
sys.path.insert(0, str(ROOT / "deploy"))

# What a production start needs, with worthless values.
PRODUCTION = {
    "CHARTSEAL_ENV": "production",
    "SECRET_KEY": "k" * 10 + "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "INDEX_KEY": "01" * 32,
    "STORAGE_KEY": "02" * 32,
    "LOG_SIGNING_KEY": "03" * 32,
    "CHAIN_RELAYER_KEY": "04" * 32,
    "SMART_SIGNING_KEY": "05" * 32,
    "ALLOWED_HOSTS": "ehr.example",
    "SITE_URL": "https://ehr.example",
}


@pytest.fixture
def production(tmp_path):
    """The environment of a complete production start."""
    inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "HOME"}}
    places = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
    return {
        **inherited,
        **PRODUCTION,
        **places,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CHAIN_URL": "http://127.0.0.1:1",
    }


@pytest.fixture
def manage():
    """Run a management command in a process of its own and return what became of it."""

    def run(environment, *arguments):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "manage.py", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    return run


@pytest.fixture
def free_port():
    return free_ports.free_port(545)  # the chain's


@pytest.fixture
def settings_of():
    """Read the settings in a process of its own, as every program does first, and return what became of it."""

    def read(environment, code="import ehr.settings"):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    return read
