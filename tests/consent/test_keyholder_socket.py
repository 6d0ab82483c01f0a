"""Who may ask the keyholder, how much, and for how long. What it answers is not the point here."""

import os
import socket
import stat
import struct
import threading

import pytest

from consent.keyholder import server, wire
from consent.keyholder.server import CannotListen, Server, user_ids

pytestmark = pytest.mark.security
WITHIN = 30.0
IMPATIENT = 0.3


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A short path, for a socket's is short; and answers that need no database."""
    monkeypatch.setattr(server, "answer", lambda raw: b"heard " + str(len(raw)).encode())
    monkeypatch.setattr(server, "close_old_connections", lambda: None)
    monkeypatch.setattr(server.connections, "close_all", lambda: None)
    monkeypatch.chdir(tmp_path)
    return "keyholder.sock"


@pytest.fixture
def patience():
    return WITHIN


@pytest.fixture
def door(place, patience):
    """A keyholder that answers this user."""
    opened = Server(place, user_ids([]), patience=patience)
    opened.start()
    yield opened
    opened.stop()


@pytest.fixture
def knock(door):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WITHIN)
        connection.connect(str(door.path))
        yield connection


def answered(door):
    return wire.ask(str(door.path), b"{}", within=WITHIN) == b"heard 2"


def said(connection):
    return wire.unpack(wire.receive(connection, within=WITHIN))


def test_one_question_gets_one_answer(door):
    assert answered(door)
    assert answered(door)


def test_the_socket_is_its_owners(door):
    assert stat.S_IMODE(os.stat(door.path).st_mode) == 0o600
    assert stat.S_ISSOCK(os.stat(door.path).st_mode)


def test_where_other_users_are_named_the_group_is_let_in(place):
    opened = Server(place, frozenset({os.getuid(), 4_000_000}))
    opened.start()
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o660
    opened.stop()


def test_another_user_is_sent_away_unheard(place, caplog):
    opened = Server(place, frozenset({os.getuid() + 1}))
    opened.start()
    with pytest.raises((wire.Garbled, OSError)):
        wire.ask(place, b"{}", within=WITHIN)
    opened.stop()
    assert "may not ask" in caplog.text


def test_a_message_that_says_it_is_too_large_is_not_read(door, knock):
    knock.sendall(struct.pack(">I", wire.LARGEST_BYTES + 1))
    assert said(knock) == {"refused": "not-understood"}
    assert answered(door)


def test_the_largest_message_is_read(door):
    assert wire.ask(str(door.path), b"x" * wire.LARGEST_BYTES, within=WITHIN) == b"heard 65536"


def test_who_hangs_up_half_way_keeps_nobody_waiting(door, knock):
    knock.sendall(struct.pack(">I", 100) + b"half")
    knock.close()
    assert answered(door)


@pytest.mark.parametrize("patience", [IMPATIENT])
def test_who_says_nothing_is_hung_up_on(door, knock):
    assert knock.recv(1) == b""


def test_who_sends_a_byte_now_and_then_gets_no_longer(monkeypatch):
    class Slow:
        """Somebody whose every byte takes a second."""

        now = 0.0

        def settimeout(self, seconds):
            assert seconds > 0

        def recv(self, _count):
            Slow.now += 1.0
            return b"\x00"

    monkeypatch.setattr(wire.time, "monotonic", lambda: Slow.now)
    with pytest.raises(TimeoutError):
        wire.receive(Slow(), within=3.0)
    assert Slow.now == 3.0


@pytest.mark.parametrize("patience", [IMPATIENT])
def test_silent_callers_do_not_keep_others_out_for_long(door):
    silent = [socket.socket(socket.AF_UNIX) for _ in range(server.THREADS * 2)]
    for one in silent:
        one.connect(str(door.path))
    assert answered(door)
    for one in silent:
        one.close()


def test_whatever_one_request_meets_the_next_is_answered(door, monkeypatch, caplog):
    def broken(_raw):
        raise RuntimeError("Ana Costa")

    monkeypatch.setattr(server, "answer", broken)
    with pytest.raises((wire.Garbled, OSError)):
        wire.ask(str(door.path), b"{}", within=WITHIN)
    monkeypatch.setattr(server, "answer", lambda raw: b"heard " + str(len(raw)).encode())
    assert answered(door)
    assert "RuntimeError" in caplog.text
    assert "Costa" not in caplog.text


def test_a_second_keyholder_does_not_take_the_place_of_the_first(door):
    with pytest.raises(CannotListen, match="Another keyholder"):
        Server(str(door.path), user_ids([])).start()
    assert answered(door)


def test_a_keyholder_that_died_leaves_its_place_to_the_next(place):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(place)
    opened = Server(place, user_ids([]))
    opened.start()
    assert answered(opened)
    opened.stop()
    assert not os.path.exists(place)


def test_a_file_that_is_no_socket_is_left_alone(place, tmp_path):
    (tmp_path / place).write_text("somebody's letter")
    with pytest.raises(CannotListen, match="no socket"):
        Server(place, user_ids([])).start()
    assert (tmp_path / place).read_text() == "somebody's letter"


def test_a_path_that_no_socket_can_have_is_named(tmp_path):
    with pytest.raises(CannotListen, match="too long"):
        Server(str(tmp_path / ("x" * 120)), user_ids([])).start()


def test_a_user_that_this_machine_does_not_have_is_named():
    with pytest.raises(CannotListen, match="KEYHOLDER_USERS"):
        user_ids(["nobody-by-this-name"])


@pytest.mark.parametrize("reply", [b"", struct.pack(">I", 100) + b"half an ans"])
def test_a_keyholder_that_dies_while_it_answers_is_noticed(place, reply):
    """What `consent.escrow` takes for the keyholder being away."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen(1)

        def die():
            connection, _ = listener.accept()
            wire.receive(connection, within=WITHIN)
            connection.sendall(reply)
            connection.close()

        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(wire.Garbled, match="cut off"):
            wire.ask(place, b"{}", within=WITHIN)
        dying.join()
