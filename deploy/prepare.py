"""Bring the data up to date before the product starts: tables, static files, contracts, demo people.

Run by `deploy/run.py` with the environment's Python. One process does all of it, for loading Django
and the FHIR models costs more than the work itself on a second start.
"""

import argparse
import io
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

import django  # noqa: E402 - the path and the settings' name come first

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import CommandError, call_command, get_commands  # noqa: E402
from django.db import connection  # noqa: E402

from ehr.chain import client  # noqa: E402

CHAIN_WAIT_SECONDS = 30


@contextmanager
def step(words: str):
    """Say what is being done, and how long it took when it took long enough to wonder."""
    print(words, flush=True)
    begun = time.monotonic()
    yield
    if (spent := time.monotonic() - begun) > 2:
        print(f"  {spent:.0f} s", flush=True)


def is_new_database() -> bool:
    """Tell whether nothing was ever kept here, so that demo people never land among real ones."""
    return "django_migrations" not in connection.introspection.table_names()


def wait_for_chain() -> bool:
    """Return True once a node answers at CHAIN_URL, False after 30 s."""
    deadline = time.monotonic() + CHAIN_WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            client.chain_id()
        except client.Unavailable:
            time.sleep(0.2)
        else:
            return True
    return False


def deploy_contracts() -> None:
    if not wait_for_chain():
        print("The chain did not answer. Everything else works; what is meant for it waits. See chain.log.")
        return
    with step("Putting the contracts on the chain"):
        try:
            call_command("deploy_contracts", verbosity=0, stdout=io.StringIO())
        except CommandError as problem:
            print(f"{problem} Everything else works; what is meant for the chain waits.")


def open_escrow() -> None:
    """Have the keyholder make its keyrings. One that is not there yet makes them by itself when it starts."""
    try:
        call_command("open_escrow", stdout=io.StringIO())
    except CommandError as problem:
        print(f"{problem} Everything else works; nobody opens a record in an emergency until it does.")


def make_demo(unfinished: Path) -> None:
    with step("Making demo people and records"):
        call_command("demo", verbosity=0)
    unfinished.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", action="store_true", help="deploy the contracts to the embedded chain")
    parser.add_argument("--demo", action="store_true", help="make demo people when the database is new")
    options = parser.parse_args()
    unfinished = settings.DATA_DIR / "demo.unfinished"
    if options.demo and "demo" in get_commands() and is_new_database():
        unfinished.touch()
    with step("Bringing the tables up to date"):
        call_command("migrate", verbosity=0, interactive=False)
    open_escrow()
    with step("Gathering static files"):
        call_command("collectstatic", verbosity=0, interactive=False)
    if options.contracts:
        deploy_contracts()
    if options.demo and unfinished.exists():
        make_demo(unfinished)


if __name__ == "__main__":
    main()
