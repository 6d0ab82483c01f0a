"""What every test gets: no network beyond this machine, a clock that remembers nothing, a fresh cache."""

import importlib.util
import shutil

import hypothesis
import pytest
from django.core.cache import cache
from django.db import connection
from pytest_socket import socket_allow_hosts

from ehr import clock

# The same examples each time, however busy the machine: who changes one thing is not stopped by another. New examples
# are looked for by `make explore`.
UNTIMED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("suite", derandomize=True, **UNTIMED)
hypothesis.settings.register_profile("explore", **UNTIMED)
hypothesis.settings.load_profile("suite")

PLAIN = 40  # bytes
LOOPBACK = ["127.0.0.1", "::1", "localhost"]

# Fixtures other rooms share with everybody: the embedded chain, and the log's triggers around transactional tests;
# and a test database that is migrated once.
SHARED_FIXTURES = ("tests.chain.embedded", "tests.audit.triggers", "tests.quick_database")


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


pytest_plugins = [name for name in SHARED_FIXTURES if _exists(name)]


# What a test may need of the machine, and where to get it. CI has all of it, and allows a skip for the first only.
NEEDS = {
    "postgres": (connection.vendor == "postgresql", "needs a PostgreSQL server; DATABASE_URL names one"),
    "softhsm": (shutil.which("softhsm2-util") is not None, "needs SoftHSM: sudo apt install softhsm2"),
    "browser": (shutil.which("chromium") is not None, "needs Chromium: sudo apt install chromium"),
}


# What takes longest starts first, so that no worker is left alone with it at the end.
LONGEST = (
    "tests/story/",
    "tests/browser/",
    "tests/ops/test_run.py",
    "tests/security/test_doors.py",
    "tests/privacy/",
    "tests/ops/",
    "tests/security/",
    "tests/intake/",
    "tests/appointments/test_money",
    "tests/test_architecture.py",
)


def _place(item) -> int:
    path = item.path.relative_to(item.config.rootpath).as_posix()
    return next((number for number, folder in enumerate(LONGEST) if path.startswith(folder)), len(LONGEST))


# Walks through pages, other people's clients, and the whole product from one command: `make stories`, not `make test`.
STORIES = ("tests/story/", "tests/browser/", "tests/clients/", "tests/ops/test_run.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the longest first, say which are stories, and skip, with the remedy, what this machine cannot run."""
    items.sort(key=_place)
    for item in items:
        if item.path.relative_to(item.config.rootpath).as_posix().startswith(STORIES):
            item.add_marker(pytest.mark.stories)
        for marker, (here, reason) in NEEDS.items():
            if not here and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_make_parametrize_id(val, argname):
    """Name bytes that are not a few plain letters by their parameter: what a packer or the clock put into them is other
    bytes in each process, and workers must agree on every name."""
    if isinstance(val, bytes) and not (len(val) <= PLAIN and val.isascii() and val.decode().isprintable()):
        return argname
    return None


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup():
    """Let tests reach this machine and Unix sockets, nothing else."""
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def _clock_that_remembers_nothing():
    """Forget the latest moment told, so that a test may live in any year."""
    clock.watch.forget()
    yield
    clock.watch.forget()


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def now():
    """The moment the product would tell."""
    return clock.now()


@pytest.fixture(autouse=True)
def _no_live_counter(settings):
    """Pages hold no stream open, whatever Redis there is; the tests of streams ask for them."""
    settings.NOTICE_STREAMS = 0
