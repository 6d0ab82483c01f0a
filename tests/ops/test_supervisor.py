"""What `make run` promises of the programs it keeps: started again when they die, gone when it is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from supervisor import LOG_BYTES, LogFile, Program, Supervisor

DEPLOY = Path(settings.BASE_DIR) / "deploy"
FOREVER = "import time; time.sleep(600)"
PATIENCE = 60  # seconds, on a busy machine
PARENT = f"""
import sys; sys.path.insert(0, {str(DEPLOY)!r})
from pathlib import Path
from supervisor import Program, Supervisor
keeper = Supervisor(Path(sys.argv[1]))
keeper.handle_signals()
program = Program("child", [sys.executable, "-c", sys.argv[2]])
keeper.start(program)
print(program.process.pid, flush=True)
try:
    keeper.keep_running(lambda: None)
finally:
    keeper.stop()
"""


def python(code):
    return [sys.executable, "-c", code]


def eventually(fact, seconds=PATIENCE):
    """Return once a fact holds; waits for other processes, so it looks again every 10 ms."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone, or going while it was read
        return False
    return state != "Z"


@pytest.fixture
def keeper(tmp_path):
    keeper = Supervisor(tmp_path / "log")
    yield keeper
    keeper.stop()


@pytest.fixture
def parent(tmp_path):
    """A supervisor in a process of its own with one child: the process and the child's number."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), FOREVER],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process, int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_program_that_was_killed_is_started_again(keeper):
    program = Program("web", python(FOREVER), wait=0.01)
    keeper.start(program)
    first = program.process.pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: keeper.tend() or (program.running and program.process.pid != first))
    eventually(lambda: program.running)
    assert program.process.pid != first


def test_a_program_that_keeps_dying_is_started_less_and_less_often(keeper):
    program = Program("web", python("raise SystemExit(3)"), wait=0.01)
    keeper.start(program)
    eventually(lambda: not program.running)
    waits = []
    for _ in range(3):
        eventually(lambda: not program.running)
        keeper.tend()
        waits.append(program.wait)
        eventually(keeper.tend)
    assert waits == [0.02, 0.04, 0.08]


def test_a_program_that_ran_for_long_is_started_again_soon(keeper):
    program = Program("web", python("pass"), wait=16.0)
    keeper.start(program)
    eventually(lambda: not program.running)
    program.started_at -= 3600
    keeper.tend()
    assert program.due_at - time.monotonic() < 1.1


def test_stopping_ends_a_program_and_what_it_started(keeper, tmp_path):
    note = tmp_path / "grandchild"
    code = f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {FOREVER!r}]); "
    code += f"open({str(note)!r}, 'w').write(str(p.pid)); time.sleep(600)"
    keeper.start(Program("web", python(code)))
    eventually(lambda: note.exists() and note.read_text())
    keeper.stop()
    assert not keeper.programs[0].running
    eventually(lambda: not is_alive(int(note.read_text())))


def test_a_program_that_does_not_listen_is_ended_all_the_same(keeper, monkeypatch, tmp_path):
    monkeypatch.setattr("supervisor.STOP_WITHIN_SECONDS", 0.2)
    ready = tmp_path / "ready"
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({str(ready)!r}, 'w'); {FOREVER}"
    keeper.start(Program("deaf", python(deaf)))
    eventually(ready.exists)
    keeper.stop()
    assert keeper.programs[0].process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["ctrl-c", "term", "hang-up"])
def test_a_signal_stops_supervisor_and_child(parent, number):
    process, child = parent
    process.send_signal(number)
    assert process.wait(timeout=PATIENCE) == 0
    assert not is_alive(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_supervisor_killed_without_a_word_leaves_no_orphan(parent):
    process, child = parent
    process.kill()
    process.wait()
    eventually(lambda: not is_alive(child))


def test_what_a_program_says_is_in_its_log_and_its_warnings_are_on_the_console(keeper, capfd):
    keeper.start(Program("web", python("print('all is well'); print('WARNING: low on disk')")))
    # What is captured is read once nobody writes to it any more: a text stream that two threads use breaks Python.
    keeper.programs[0].reader.join(timeout=PATIENCE)
    said = (keeper.logs / "web.log").read_bytes()
    assert b"all is well" in said
    assert b"low on disk" in said
    shown = capfd.readouterr().out
    assert "web | WARNING: low on disk" in shown
    assert "all is well" not in shown


def test_what_a_program_says_last_is_written_before_the_supervisor_ends(keeper):
    keeper.start(Program("web", python(f"[print(number) for number in range(50_000)]; {FOREVER}")))
    log = keeper.logs / "web.log"
    eventually(lambda: log.exists() and log.stat().st_size)
    reader = keeper.programs[0].reader
    keeper.stop()
    assert not reader.is_alive()


def test_what_repeats_every_second_is_told_once(keeper):
    program = Program("worker", [])
    lines = [f"06:15:{second}.5 ERROR task 7f{second}: no table" for second in range(10, 20)]
    assert [keeper._is_news(program, line) for line in lines] == [True] + [False] * 9
    assert keeper._is_news(program, "06:15:21 ERROR something else")


LOUD_AT_LENGTH = """
for number in range(20_000):
    print("line", number, "x" * 50, flush=True)
open({done!r}, "w").close()
"""


@pytest.fixture
def talker(tmp_path):
    """A program that says more than a pipe holds, and then leaves a file."""
    done = tmp_path / "done"
    return Program("web", python(LOUD_AT_LENGTH.format(done=str(done)) + FOREVER)), done


def test_a_full_disk_ends_no_program(keeper, talker):
    program, done = talker
    (keeper.logs / "web.log").symlink_to("/dev/full")
    keeper.start(program)
    eventually(done.exists)
    assert (program.running, program.reader.is_alive()) == (True, True)


def test_a_log_folder_that_is_gone_holds_up_no_program(keeper, talker):
    program, done = talker
    keeper.logs.rmdir()
    keeper.start(program)
    eventually(done.exists)
    assert (program.running, program.reader.is_alive()) == (True, True)


def test_a_log_that_somebody_removed_begins_anew(tmp_path):
    log = LogFile(tmp_path / "web.log")
    log.write(b"x" * LOG_BYTES)
    (tmp_path / "web.log").unlink()
    log.write(b"one more")
    log.write(b"and on")
    log.close()
    assert (tmp_path / "web.log").read_bytes() == b"and on"


@pytest.mark.parametrize(
    "child", [FOREVER, "print('ERROR: the disk is full', flush=True); " + FOREVER], ids=["quiet", "loud"]
)
def test_a_pipe_that_nobody_reads_ends_nothing_but_what_is_told(tmp_path, child):
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), child], stdout=subprocess.PIPE, text=True)
    first = int(process.stdout.readline())
    process.stdout.close()
    os.kill(first, signal.SIGKILL)  # which is told, and it starts again
    eventually(lambda: [one for one in starts(process.pid) if one != first])
    (second,) = [one for one in starts(process.pid) if one != first]
    process.terminate()
    assert process.wait(timeout=PATIENCE) == 0
    assert not is_alive(second)


def starts(pid):
    """Return the children of a process that are alive."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if is_alive(int(one))]


def test_a_log_does_not_grow_for_ever(tmp_path):
    log = LogFile(tmp_path / "web.log")
    for _ in range(3):
        log.write(b"x" * (LOG_BYTES // 2 + 1))
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log", "web.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2 * LOG_BYTES
