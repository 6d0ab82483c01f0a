"""Sums by processes of their own, over HTTP on this machine: two aggregators, three sites, one of which may be gone."""

import io
import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from ehr.crypto import signing
from research.sums import Aggregator, NotDelivered, Refused, State, contribute, posting, result_of
from research.sums.messages import LONGEST
from research.sums.server import Server
from research.sums.site import states_of
from tests.free_ports import free_port
from tests.research.sums_made import KEYS, NORTH_SOUTH, SITES, plan

VALUES = {"A": [1200, 800], "B": [400, 30], "C": [70, 9]}
WITHIN = 60  # seconds, on a busy machine

# An aggregator and a site as their own programs: no Django, no settings, nothing else of this project.
AGGREGATOR = """
import sys
import threading
from pathlib import Path
from research.sums.aggregator import Aggregator
from research.sums.files import read_key, read_plan
from research.sums.messages import LONGEST
from research.sums.server import Server
plan, name, key, port = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
server = Server(Aggregator(read_plan(plan), name, read_key(key)), "127.0.0.1", port)
print("listening", flush=True)
threading.Thread(target=lambda: sys.stdin.readline() and server.aggregator.close(), daemon=True).start()
server.run(keep=60)
"""
SITE = """
import sys
from pathlib import Path
from research.sums.files import read_key, read_numbers, read_plan
from research.sums.site import contribute
plan, name, key, numbers = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
contribute(read_plan(plan), name, read_key(key), read_numbers(numbers, read_plan(plan)))
assert "django" not in sys.modules
"""


@pytest.fixture
def ports():
    port = free_port(1)
    return dict(zip(NORTH_SOUTH, (port, port + 1), strict=True))


@pytest.fixture
def planned(ports):
    """Return what makes a plan whose aggregators have addresses."""
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return lambda **changed: plan(addresses, **changed)


@pytest.fixture
def files(tmp_path):
    """Return what writes a plan, keys and numbers as files."""

    def write(asked):
        (tmp_path / "plan.json").write_text(json.dumps(asked.written()), encoding="utf-8")
        for name, pair in KEYS.items():
            (tmp_path / f"{name}.key").touch(mode=0o600)
            (tmp_path / f"{name}.key").write_text(pair.private.hex(), encoding="utf-8")
        for name, values in VALUES.items():
            numbers = dict(zip(asked.labels, values, strict=True))
            (tmp_path / f"{name}.json").write_text(json.dumps(numbers), encoding="utf-8")
        return tmp_path

    return write


@contextmanager
def served(asked, ports):
    """Let both aggregators listen, each in a thread."""
    servers = [Server(Aggregator(asked, name, KEYS[name].private), "127.0.0.1", ports[name]) for name in NORTH_SOUTH]
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(server.run, keep=WITHIN) for server in servers]
        try:
            yield servers
        finally:
            for server in servers:
                server.stop()
            for each in running:
                each.result(WITHIN)


def wait_for(asked, state):
    for _ in range(WITHIN * 20):
        if set(states_of(asked).values()) == {state}:
            return
        threading.Event().wait(0.05)
    raise AssertionError(states_of(asked))


def near(total, asked, *sites):
    """Tell whether a total is that of these sites, and something like as noisy as the plan says."""
    true = [sum(column) for column in zip(*(VALUES[site] for site in sites), strict=True)]
    return all(abs(total[label] - number) < 4 * asked.within for label, number in zip(asked.labels, true, strict=True))


def started(folder, script, name, last):
    return subprocess.Popen(
        [sys.executable, "-c", script, f"{folder}/plan.json", name, f"{folder}/{name}.key", str(last)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("sites", [SITES, ("A", "C")], ids=["three sites", "one is gone"])
def test_five_processes_add_up_what_none_of_them_may_see(planned, ports, files, sites):
    asked = planned(seconds_open=WITHIN)
    folder = files(asked)
    aggregators = [started(folder, AGGREGATOR, name, port) for name, port in ports.items()]
    try:
        for each in aggregators:
            assert each.stdout.readline() == "listening\n"
        at_work = [started(folder, SITE, name, folder / f"{name}.json") for name in sites]
        for each in at_work:
            _, said = each.communicate(timeout=WITHIN)
            assert each.returncode == 0, said
        if sites != SITES:
            for each in aggregators:
                print("time is up", file=each.stdin, flush=True)
        wait_for(asked, "done")
        total, of = result_of(asked)
        assert of == tuple(sites)
        assert near(total, asked, *sites)
    finally:
        for each in aggregators:
            each.kill()
            each.communicate()


def test_a_total_carries_noise(planned, ports):
    """At a price this low each number is off by hundreds: that all of them are right does not happen."""
    asked = planned(nano_rho=10_000)
    with served(asked, ports):
        for site in SITES:
            contribute(asked, site, KEYS[site].private, VALUES[site])
        wait_for(asked, "done")
        total, _ = result_of(asked)
    assert list(total.values()) != [1670, 839]


def test_a_site_is_told_when_an_aggregator_is_away(planned, ports):
    asked = planned()
    with pytest.raises(NotDelivered, match="North did not answer"):
        contribute(asked, "A", KEYS["A"].private, VALUES["A"])
    assert set(states_of(asked).values()) == {""}


def test_a_site_delivers_once(planned, ports):
    asked = planned()
    with served(asked, ports):
        contribute(asked, "A", KEYS["A"].private, VALUES["A"])
        with pytest.raises(NotDelivered, match="409"):
            contribute(asked, "A", KEYS["A"].private, VALUES["A"])
        assert result_of(asked) is None


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [("D", "A", [1, 2]), ("A", "B", [1, 2]), ("A", "A", [1]), ("A", "A", [1, 10**19])],
)
def test_numbers_that_are_not_of_the_plan_do_not_leave(planned, name, key, values):
    with pytest.raises(ValueError, match=r"no such site|Give 2 whole numbers"):
        contribute(planned(), name, KEYS[key].private, values)


def test_aggregators_that_tell_different_totals_are_not_believed(planned, ports):
    asked = planned()
    with served(asked, ports) as servers:
        for server, total in zip(servers, ([1, 2], [1, 3]), strict=True):
            server.aggregator.total, server.aggregator.sites = total, SITES
        with pytest.raises(Refused, match="different totals"):
            result_of(asked)
        servers[0].aggregator._private = KEYS["Stranger"].private
        with pytest.raises(Refused, match="signature"):
            result_of(asked)


def test_what_is_asked_otherwise_has_no_answer(planned, ports):
    asked = planned()
    with served(asked, ports):
        north = asked.aggregators[0]
        assert posting.fetch(north, "/shares")[0] == 404
        assert posting.send(north, b"{}")[0] == 400
        assert posting._asked(north, "POST", "/elsewhere", b"")[0] == 404


@pytest.mark.parametrize(("path", "status"), [("/messages", 413), ("/elsewhere", 404)])
def test_who_sends_too_much_hears_why_however_long_it_takes_to_send(planned, ports, path, status):
    """The answer is there before the message is: it must not be lost under what is still on its way."""
    asked = planned()
    length = 4 * LONGEST
    with served(asked, ports), socket.create_connection(("127.0.0.1", ports["North"]), timeout=WITHIN) as sender:
        sender.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        answer = sender.recv(1)
        sender.sendall(bytes(length))
        while piece := sender.recv(LONGEST):
            answer += piece
    assert answer.startswith(f"HTTP/1.0 {status} ".encode())


def test_who_never_stops_sending_is_cut_off(planned, ports):
    asked = planned()
    with served(asked, ports), socket.create_connection(("127.0.0.1", ports["North"]), timeout=WITHIN) as sender:
        sender.sendall(b"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            sender.sendall(bytes(128 * LONGEST))


# --- The programs ----------------------------------------------------------------------------------
def test_the_programs_of_sites_and_aggregators_make_a_sum(planned, ports, files, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)  # threads have none
    asked = planned()
    folder = files(asked)
    told = {name: io.StringIO() for name in (*NORTH_SOUTH, *SITES)}

    def aggregate(name):
        args = (folder / "plan.json", name, folder / f"{name}.key")
        call_command("run_sum_aggregator", *args, port=ports[name], keep=20, stdout=told[name], stderr=io.StringIO())

    def join(name):
        args = (folder / "plan.json", name, folder / f"{name}.key", folder / f"{name}.json")
        call_command("join_sum", *args, stdout=told[name], stderr=io.StringIO())

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(aggregate, name) for name in NORTH_SOUTH]
        wait_for(asked, "collecting")
        for each in [*(pool.submit(join, name) for name in SITES), *running]:
            each.result(WITHIN)
    answers = [json.loads(told[name].getvalue()) for name in SITES]
    assert answers[0] == answers[1] == answers[2]
    assert near(answers[0]["total"], asked, *SITES)
    assert told["North"].getvalue() == "Added up 3 of 3 sites.\n"


def test_an_aggregator_without_sites_ends_without_a_sum(planned, ports, files, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("research.sums.server.PATIENCE", 0)
    folder = files(planned(seconds_open=1))
    args = (folder / "plan.json", "North", folder / "North.key")
    with pytest.raises(CommandError, match="There is no sum: Another aggregator"):
        call_command("run_sum_aggregator", *args, port=ports["North"], keep=0, stderr=io.StringIO())


def test_a_key_is_made_once_and_read_by_its_owner_alone(tmp_path, planned, files):
    out = io.StringIO()
    path = tmp_path / "new.key"
    call_command("make_sum_key", path, stdout=out)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signing.public_of(bytes.fromhex(path.read_text())).hex() == out.getvalue().strip()
    with pytest.raises(CommandError, match="could not be written"):
        call_command("make_sum_key", path)
    folder = files(planned())
    path.chmod(0o644)
    with pytest.raises(CommandError, match="chmod 600"):
        call_command("join_sum", folder / "plan.json", "A", path, folder / "A.json")


@pytest.mark.parametrize(
    ("which", "content", "told"),
    [
        ("plan.json", "{}", "not a plan"),
        ("plan.json", "{", "could not be read as JSON"),
        ("A.key", "xyz", "does not hold a key"),
        ("A.key", "ab", "does not hold a key"),
        ("A.json", "[]", "one number for each"),
        ("A.json", '{"diabetes": 1.5, "controlled": 2}', "whole numbers"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_told(planned, files, which, content, told):
    folder = files(planned())
    (folder / which).write_text(content, encoding="utf-8")
    with pytest.raises(CommandError, match=told):
        call_command("join_sum", folder / "plan.json", "A", folder / "A.key", folder / "A.json")


def test_an_aggregator_with_somebody_else_s_key_does_not_listen(planned, ports, files):
    folder = files(planned())
    with pytest.raises(CommandError, match="another key for North"):
        call_command("run_sum_aggregator", folder / "plan.json", "North", folder / "South.key", port=ports["North"])
    with pytest.raises(CommandError, match="no such aggregator"):
        call_command("run_sum_aggregator", folder / "plan.json", "A", folder / "A.key", port=ports["North"])


def test_a_round_that_is_over_ends_its_server(planned, ports):
    asked = planned()
    aggregator = Aggregator(asked, "North", KEYS["North"].private)
    aggregator.give_up("Nobody came.")
    assert Server(aggregator, "127.0.0.1", ports["North"]).run(keep=0) is State.GIVEN_UP
