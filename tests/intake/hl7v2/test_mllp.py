"""MLLP: framed, bounded, from known addresses only; stopping answers what has come."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial

import pytest
from django.conf import settings

from ehr.intake import feeds
from ehr.intake.hl7v2 import er7
from ehr.intake.hl7v2.mllp import END, START, Bounds, Listener, plain_address
from ehr.intake.management.commands import mllp as command
from ehr.intake.models import Feed
from patients.models import Entry

from .vectors import ORU


def echo(content: bytes, address: str) -> list[bytes]:
    return [b"ACK " + content]


def talk(steps, *, attend=echo, known=lambda _address: True, bounds: Bounds | None = None):
    """Run steps(reader, writer, listener) against a listener on this machine; return what they return."""

    async def run():
        listener = Listener(attend=attend, known=known, bounds=bounds)
        port = await listener.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await asyncio.wait_for(steps(reader, writer, listener), 20)
        finally:
            writer.close()
            await listener.stop()

    return asyncio.run(run())


async def ask(reader, writer, content: bytes) -> bytes:
    writer.write(START + content + END)
    return (await reader.readuntil(END))[1:-2]


def test_messages_are_answered_one_after_the_other():
    async def steps(reader, writer, _listener):
        writer.write(START + b"one" + END + b"\r\n" + START + b"two" + END)
        return [(await reader.readuntil(END))[1:-2] for _ in range(2)]

    assert talk(steps) == [b"ACK one", b"ACK two"]


def test_a_message_may_come_in_pieces():
    async def steps(reader, writer, _listener):
        for piece in (START, b"sl", b"ow", END[:1], END[1:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return (await reader.readuntil(END))[1:-2]

    assert talk(steps) == b"ACK slow"


@pytest.mark.parametrize(
    ("sent", "more"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", {}),
        (START + b"x" * 5000 + END, {"bounds": Bounds(largest=1000)}),
        (b"", {"bounds": Bounds(idle_seconds=0.05)}),
        (START + b"never whole", {"bounds": Bounds(message_seconds=0.05)}),
        (START + b"one" + END, {"known": lambda _address: False}),
    ],
)
def test_who_does_not_keep_to_it_is_hung_up_on(sent, more):
    async def steps(reader, writer, _listener):
        writer.write(sent)
        with suppress(ConnectionResetError):
            return await reader.read()
        return b""

    assert talk(steps, **more) == b""


def test_stopping_answers_what_has_come_and_takes_no_more():
    begun, go_on = threading.Event(), threading.Event()

    def slowly(content: bytes, address: str) -> list[bytes]:
        begun.set()
        go_on.wait(10)
        return [b"stored " + content]

    async def steps(reader, writer, listener):
        writer.write(START + b"last" + END)
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.ensure_future(listener.stop())
        await asyncio.sleep(0)
        go_on.set()
        answer = (await reader.readuntil(END))[1:-2]
        await stopping
        return answer, await reader.read()

    assert talk(steps, attend=slowly) == (b"stored last", b"")


@pytest.mark.parametrize(
    ("written", "plain"), [("::ffff:10.20.0.7", "10.20.0.7"), ("fe80::1%eth0", "fe80::1"), ("10.20.0.7", "10.20.0.7")]
)
def test_addresses_read_as_feeds_name_them(written, plain):
    assert plain_address(written) == plain


# --- Who is who ----------------------------------------------------------------------------------
@pytest.fixture
def known(sending):
    """Return the feed, known by its address and its name in MSH-3."""
    Feed.objects.update(peers=["10.20.0.0/24"], application="LABSYS")
    return sending


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "content", "code"),
    [
        ("10.20.0.7", ORU, "AA"),
        ("10.21.0.7", ORU, "AR"),
        ("10.20.0.7", ORU.replace(b"LABSYS", b"OTHER"), "AR"),
        ("10.20.0.7", b"nonsense", "AR"),
    ],
)
def test_a_message_is_taken_from_the_address_and_name_of_its_feed(known, monkeypatch, address, content, code):
    monkeypatch.setattr(command, "close_old_connections", lambda: None)
    [answer] = command.attend(content, address)
    assert er7.parse(answer).only("MSA").text(1) == code
    assert bool(Entry.objects.exists()) is (code == "AA")


@pytest.mark.django_db
def test_two_feeds_that_would_fit_are_told_apart_or_neither_is_taken(known):
    found = partial(feeds.by_peer, "10.20.0.7", application="LABSYS", facility="")
    assert found() == known.feed
    place = known.feed.institution
    feeds.register(name="Twin", institution=place, kinds=["hl7v2"], by=known.by, peers=["10.20.0.7"])
    assert found() is None


@pytest.mark.django_db
def test_a_stopped_feed_s_address_may_not_connect(known):
    assert feeds.may_connect("10.20.0.9")
    feeds.stop(known.feed, by=known.by)
    assert not feeds.may_connect("10.20.0.9")


def test_the_command_listens_and_stops_when_told(tmp_path, migrated_file):
    """The program as an operator runs it: it hangs up on strangers, and ends by itself when it is told to."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}
    run = [sys.executable, "manage.py"]
    migrated_file(tmp_path / "x.sqlite3")
    program = subprocess.Popen(
        [*run, "mllp", "--port", "0"],
        cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = program.stdout.readline()
        port = int(said.rpartition(":")[2].strip(" .\n"))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(START + ORU + END)
            assert connection.recv(10) == b""
        program.send_signal(signal.SIGTERM)
        out, _err = program.communicate(timeout=30)
        assert "Stopped" in out
        assert program.returncode == 0
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()
