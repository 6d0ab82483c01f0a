"""kill -9 of everything at 50 random points while people use the product: nothing acknowledged is lost or doubled.

Run by `make chaos`, within five minutes. CHAOS_SEED repeats a run's kills as far as a machine can.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.bench.postgres import binaries
from tests.chaos import processes
from tests.chaos.browser import Browser
from tests.chaos.cluster import Cluster
from tests.story.product import ROOT, Product, eventually, running

pytestmark = [pytest.mark.chaos, pytest.mark.point(7), pytest.mark.point(8)]

KILLS, WHOLE_SECONDS = 50, 290
DATABASES = ["sqlite", "postgresql"] if binaries() else ["sqlite"]
# What is killed how often for each 25: the programs the supervisor starts again wait longer each time.
SHARES = {
    "sqlite": {"web": 3, "web worker": 4, "worker": 4, "chain": 4, "client": 10},
    "postgresql": {"web": 2, "web worker": 3, "worker": 4, "chain": 4, "client": 3, "backend": 4, "postgresql": 5},
}
CLIENTS = 2
SETTLE_SECONDS, STOP_SECONDS = 60, 10
SEED = os.environ.get("CHAOS_SEED") or str(random.SystemRandom().randrange(10**6))


class TooLong(Exception):
    """The time for all of it is up."""


@pytest.fixture(scope="module")
def deadline() -> float:
    """When all of it must be over, in monotonic seconds."""
    return time.monotonic() + WHOLE_SECONDS


@contextmanager
def alarm(deadline: float) -> Iterator[None]:
    """Raise TooLong in here once the deadline has passed."""

    def ring(_number, _frame):
        raise TooLong("Chaos did not finish within its five minutes. Is this machine busy with something else?")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Clients:
    """Programs that use the product's verbs, one after the other killed, and the ledger of what they were told."""

    def __init__(self, product: Product, seed: str) -> None:
        self.product, self.seed, self.count = product, seed, 0
        self.ledger: list[dict] = []
        self.running: list[subprocess.Popen] = []
        self.readers: list[Thread] = []
        self.problems = (product.data / "clients.err").open("wb")
        for _ in range(CLIENTS):
            self.start()

    def start(self) -> None:
        self.count += 1
        command = [sys.executable, "-m", "tests.chaos.client", str(self.count), f"{self.seed}-{self.count}"]
        client = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.product.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.problems,
        )
        self.running.append(client)
        self.readers.append(Thread(target=self._read, args=(client,), daemon=True))
        self.readers[-1].start()

    def _read(self, client: subprocess.Popen) -> None:
        with client.stdout:
            for line in client.stdout:
                self.ledger.append(json.loads(line))

    def kill(self, dice: random.Random) -> None:
        victim = self.running.pop(dice.randrange(len(self.running)))
        end(victim)
        self.start()

    def finish(self) -> None:
        """Let each read back what it wrote, and go. Raises AssertionError for one that ended by itself."""
        for client in self.running:
            client.stdin.close()
        for client in self.running:
            client.wait(timeout=30)
        for reader in self.readers:
            reader.join(timeout=5)
        said = (self.product.data / "clients.err").read_text()
        assert not any(client.returncode for client in self.running), said[-3000:]

    def close(self) -> None:
        for client in self.running:
            end(client)
        for reader in self.readers:
            reader.join(timeout=5)
        self.problems.close()


def end(client: subprocess.Popen) -> None:
    """Kill a program; whoever reads what it said reads to the end."""
    client.kill()
    client.wait()
    client.stdin.close()


class Reaper:
    """Kills what is alive, in a seeded order."""

    def __init__(self, product: Product, clients: Clients, cluster: Cluster | None, dice: random.Random) -> None:
        self.product, self.clients, self.cluster, self.dice = product, clients, cluster, dice
        self.killed: list[str] = []
        self.told = 0

    def targets(self, name: str) -> list[int]:
        """Return the processes a name stands for that are alive now."""
        known = json.loads((self.product.data / "processes.json").read_text())
        match name:
            case "web worker":
                found = list(processes.children(known["web"]))
            case "backend":
                found = self.cluster.backends()
            case "postgresql":
                found = [self.cluster.process.pid]
            case "client":
                found = [client.pid for client in self.clients.running]
            case _:
                found = [known[name]]
        return [pid for pid in found if processes.alive(pid)]

    def kill(self, name: str) -> bool:
        """Kill one process of a name; False where none is alive."""
        try:
            found = self.targets(name)
        except (json.JSONDecodeError, KeyError):
            return False  # the supervisor is writing the list down
        if not found:
            return False
        if name == "client":
            self.clients.kill(self.dice)
        elif name == "postgresql":
            self.cluster.kill()
        else:
            with suppress(ProcessLookupError):
                os.kill(self.dice.choice(found), signal.SIGKILL)
        self.killed.append(name)
        return True

    def reap(self, names: list[str], until: float) -> None:
        """Kill what the names stand for, in this order but for what is not up again yet, spread over the time left."""
        waiting = list(names)
        while waiting:
            # Half of it passes by the dice, half while somebody gets something done.
            pace = min(max((until - time.monotonic()) / len(waiting), 0.4), 2.4)
            time.sleep(self.dice.uniform(0.1, pace))
            self.await_work(pace / 2)
            for name in dict.fromkeys(waiting):
                if self.kill(name):
                    waiting.remove(name)
                    break

    def await_work(self, seconds: float) -> None:
        """Let somebody get something done since the last kill, or `seconds` pass: chaos among people, not a siege."""
        until, told = time.monotonic() + seconds, self.told
        while len(self.clients.ledger) == told and time.monotonic() < until:
            time.sleep(0.02)
        self.told = len(self.clients.ledger)


def order(database: str, kills: int, dice: random.Random) -> list[str]:
    names = [name for name, share in SHARES[database].items() for _ in range(share)] * -(-kills // 25)
    names = names[:] if len(names) == kills else dice.sample(names, kills)
    dice.shuffle(names)
    return names


def reckon(product: Product, ledger: list[dict], last_kill: float) -> dict:
    """Return what the count of storage, mailbox and chain says."""
    (product.data / "ledger.json").write_text(json.dumps(ledger), encoding="utf-8")
    command = [sys.executable, "-m", "tests.chaos.reckoning", product.data / "ledger.json", str(last_kill)]
    done = subprocess.run(
        [*command, str(SETTLE_SECONDS)], cwd=ROOT, env=product.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


class Laps:
    """How long each part of a run took, for its last line."""

    def __init__(self) -> None:
        self.begun = self.last = time.monotonic()
        self.told: list[str] = []

    def end(self, name: str) -> None:
        now = time.monotonic()
        self.told.append(f"{name} {now - self.last:.0f} s")
        self.last = now

    @property
    def spent(self) -> float:
        return time.monotonic() - self.begun


def chaos(product: Product, cluster: Cluster | None, names: list[str], *, until: float, laps: Laps) -> dict:
    """Use the product, kill what the names say, and return what was found afterwards beside what was told."""
    dice = random.Random(f"{SEED}-{names}")
    eventually(lambda: (product.data / "processes.json").exists(), seconds=30)
    with closing(Clients(product, SEED)) as clients:
        browser = Browser(product.url, product.people["patient1@demo.example"], clients.ledger, dice.randrange(10**6))
        browser.start()
        eventually(lambda: sum(line.get("did") == "begin" for line in clients.ledger) == CLIENTS, seconds=40)
        laps.end("started in")
        reaper = Reaper(product, clients, cluster, dice)
        reaper.reap(names, until - SETTLE_SECONDS - STOP_SECONDS)
        last_kill = time.time()
        laps.end("killed for")
        browser.leaving.set()
        browser.join(timeout=30)
        clients.finish()
        assert browser.problem is None, repr(browser.problem)
        assert not browser.is_alive(), "The browser got no answer for half a minute after the last kill."
        ledger = list(clients.ledger)
    found = reckon(product, ledger, last_kill)
    found["verified"] = product.manage("verify_log").strip().splitlines()[-1]
    laps.end("settled in")
    asides = {"begin", "read-back"}
    told = {kind: sum(line.get(kind) not in asides | {None} for line in ledger) for kind in ("did", "tries")}
    return found | told | {"kills": len(reaper.killed)}


@pytest.mark.parametrize("database", DATABASES)
def test_whatever_is_killed_nothing_acknowledged_is_lost_or_doubled(database, deadline, tmp_path, capsys):
    kills, laps = KILLS // len(DATABASES), Laps()
    until = laps.begun + (deadline - laps.begun) / (len(DATABASES) - DATABASES.index(database)) - STOP_SECONDS
    names = order(database, kills, random.Random(f"{SEED}-{database}"))
    with ExitStack() as ending:
        cluster = ending.enter_context(closing(Cluster())) if database == "postgresql" else None
        product = ending.enter_context(running(tmp_path, **({"DATABASE_URL": cluster.url} if cluster else {})))
        with alarm(until):
            found = chaos(product, cluster, names, until=until, laps=laps)
    with capsys.disabled():
        sys.stdout.write(
            f"\nchaos on {database}, seed {SEED}: {found['kills']} kills, {found['did']} acknowledged of "
            f"{found['tries']} tried, {found['events']} events, {found['tokens']} tokens, {found['mails']} e-mails "
            f"({found['doubled']} sent twice), {len(found['wrong'])} wrong; {', '.join(laps.told)}. "
            f"{found['verified']}\n"
        )
    assert found["wrong"] == []
    assert found["kills"] == kills
    assert found["did"] > kills
    assert processes.of_folder(Path(tmp_path)) == {}
