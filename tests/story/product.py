"""The product as `make run` starts it, on free ports and a folder of its own."""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.free_ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 600  # on a machine that is busy with much else


@dataclass
class Product:
    """A running product: where it answers, where it keeps things, and who can sign in."""

    url: str
    data: Path
    environment: dict[str, str]
    people: dict[str, dict[str, str]] = field(default_factory=dict)

    def manage(self, *words: object) -> str:
        """Run a management command as an operator would, and return what it printed."""
        command = [sys.executable, "manage.py", *map(str, words)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=240)
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def letter(self, address: str, *, seconds: float = 300) -> str:
        """Return the text of the newest letter to an address, as soon as the worker has sent one."""
        return eventually(lambda: self._letter(address), seconds=seconds)

    def _letter(self, address: str) -> str | None:
        for file in sorted((self.data / "mail").glob("*"), key=lambda one: one.stat().st_mtime, reverse=True):
            for part in file.read_bytes().split(b"-" * 79):
                message = message_from_bytes(part.strip(), policy=policy.default)
                if message["To"] == address:
                    return message.get_content()
        return None


def eventually(look, *, seconds: float):
    """Return what `look` finds as soon as it finds something; fail when it has found nothing in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.25)
    raise AssertionError(f"Nothing came within {seconds:.0f} s.")


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Yield where a product may keep things on the PostgreSQL and the Redis of this run; empty where there is none.

    The database is its own and goes again; of Redis it takes a number that no test uses.
    """
    server, places = os.environ.get("DATABASE_URL", ""), {}
    if redis := os.environ.get("REDIS_URL"):
        places["REDIS_URL"] = urlsplit(redis)._replace(path="/9").geturl()
    if not server.startswith("postgres"):
        yield places
        return
    name = f"story_{secrets.token_hex(4)}"
    with contextlib.closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield places | {"DATABASE_URL": urlsplit(server)._replace(path=f"/{name}").geturl()}
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def running(data: Path, **more: str) -> Iterator[Product]:
    """Start the product on an empty folder, wait until it answers, and stop it as Ctrl-C does.

    `more` is what its environment says besides: DATABASE_URL for a PostgreSQL instead of SQLite.
    """
    port = free_port(545)  # the chain's
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    for name in ("DATABASE_URL", "REDIS_URL", "CHAIN_URL", "CHARTSEAL_ENV"):
        environment.pop(name, None)
    environment |= {"PORT": str(port), "DATA_DIR": str(data), "CHAIN_PORT": str(port + 545), "LOG_LEVEL": "WARNING"}
    environment |= {"VENV": str(Path(sys.prefix)), "LOG_ANCHOR_SECONDS": "10", "GRANT_RELAY_DELAY_SECONDS": "2"}
    environment |= more
    with (data / "run.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "deploy/run.py"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    product = Product(f"http://localhost:{port}", data, environment)
    try:
        _wait(product, process)
        product.people = _people((data / "demo.txt").read_text(encoding="utf-8"))
        yield product
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(product: Product, process: subprocess.Popen) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{product.url}/readyz") as page,
        ):
            if page.status == 200 and (product.data / "demo.txt").exists():
                return
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise AssertionError(f"The product did not start:\n{(product.data / 'run.out').read_text()[-4000:]}")


def _people(text: str) -> dict[str, dict[str, str]]:
    """Return what the sign-ins tell of each person, by e-mail address."""
    people: dict[str, dict[str, str]] = {}
    passphrase = re.search(r"passphrase of all is: (.+)", text)[1]
    for line in text.splitlines():
        if found := re.match(r"  (\S+@\S+)\s+(.+), ([^,]+)$", line):
            email = found[1]
            people[email] = {"email": email, "name": found[2], "passphrase": passphrase}
        elif found := re.match(r"\s+secret (\S+)", line):
            people[email]["secret"] = found[1]
        elif found := re.match(r"\s+backup (.+)", line):
            people[email]["backup"] = json.dumps(found[1].split())
    return people
