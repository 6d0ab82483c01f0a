"""What `make run` says of where it is to run, before anything starts: a sentence, and never a traceback."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import run
from environment import CannotSetUp
from supervisor import Supervisor

SERVER = run.redis_server(Path(sys.executable))


@pytest.mark.parametrize("name", ["PORT", "CHAIN_PORT"])
@pytest.mark.parametrize("told", ["abc", "99999", "0", "-1", "8000.5", "1" * 5000])
def test_what_is_no_port_is_named(name, told):
    with pytest.raises(CannotSetUp, match=f"^{name} must be"):
        run.Place.from_environment({name: told})


def test_the_chain_s_port_follows_the_web_s():
    assert run.Place.from_environment({"PORT": "8100", "CHAIN_PORT": ""}).chain_port == 8645


def test_a_data_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").touch()
    with pytest.raises(CannotSetUp, match="data, and nothing can be kept there"):
        run.hold(tmp_path / "data")


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotSetUp, match="Name a folder of your own"):
        run.hold(tmp_path / "file" / "data")


@pytest.mark.parametrize("name", ["with space", 'with "quotes"', "with \\ and é"])
@pytest.mark.skipif(SERVER is None, reason="needs a Redis server: apt install redis-server")
def test_redis_starts_in_a_folder_of_any_name(name, tmp_path, monkeypatch):
    folder = tmp_path / name
    folder.mkdir()
    place = run.Place.from_environment({"DATA_DIR": str(folder)})
    program, url = run.redis_program(SERVER, place)
    process = subprocess.Popen(program.command, stdout=subprocess.DEVNULL)
    run.wait_for_redis(url)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=10) == 0


@pytest.fixture
def proxy(monkeypatch):
    """A proxy in the environment that refuses everything."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_proxy_is_not_taken_for_the_site(proxy, free_port, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "WEB_WAIT_SECONDS", 0.3)
    assert run.answers(free_port, Supervisor(tmp_path / "log")) is False
