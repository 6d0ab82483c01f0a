"""verify.py as a patient runs it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from audit import notes, proofs, verify
from ehr.crypto import signing
from tests.audit.tampering import blanked, dump

VERIFY = Path(settings.BASE_DIR) / "audit" / "verify.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-I", "-S", VERIFY, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False
    )


@pytest.fixture
def files(downloads, tmp_path):
    names = [tmp_path / "my-log.json", tmp_path / "my-log-older.json", tmp_path / "event.tlog-proof"]
    for name, content in zip(names, (*downloads, proofs.tlog_proof(3).encode()), strict=True):
        name.write_bytes(content)
    return names


def test_the_program_needs_the_standard_library_only_and_says_what_holds(files):
    newer, older, proof = files
    done = run(newer, older, "--key", notes.public_key())
    assert (done.returncode, done.stderr) == (0, "")
    assert "Your list is whole: 8 lines" in done.stdout
    assert run(proof, "--key", notes.public_key()).stdout.startswith("Event 3 of ")
    assert "Compare it with the published one" in run(newer).stdout


@pytest.mark.point(7)
def test_the_program_exits_1_and_names_the_first_wrong_event(files):
    file = json.loads(files[0].read_bytes())
    for position in (2, 5):
        file["lines"][position]["body"] = file["lines"][position]["body"].replace("opened", "closed")
    files[0].write_bytes(dump(file))
    done = run(files[0])
    assert done.returncode == 1
    assert done.stdout.startswith("This line is not what was recorded: line 3 (")


def test_the_program_compares_a_head_read_from_the_chain(files):
    head = verify.List(files[0].read_bytes()).checkpoint
    assert (
        "It continues the head you read from the chain." in run(files[0], "--chain", f"16:0x{head.root.hex()}").stdout
    )
    assert run(files[0], "--chain", f"16:{head.map_root.hex()}").returncode == 1
    for nonsense in (f"15:{head.root.hex()}", "15:", "16:", ":", "sixteen:00", "16:0x"):
        assert run(files[0], "--chain", nonsense).returncode == 1


def test_the_program_asks_for_the_key_where_the_file_has_none(files):
    done = run(files[2])
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        "'' is not the public key of a log. Give the key with --key.",
    )


@pytest.mark.parametrize("arguments", [(), ("--help",), ("nowhere.json",), ("a", "b", "c")])
def test_the_program_exits_2_when_it_checked_nothing(arguments):
    assert run(*arguments).returncode == 2


def test_the_program_exits_3_when_lines_have_no_words(files):
    files[0].write_bytes(blanked(files[0].read_bytes(), 3))
    done = run(files[0], files[1])
    assert (done.returncode, done.stderr) == (3, "")
    assert "Words are gone from 1 of them. Ask your privacy officer why: line 4 (" in done.stdout
    assert "none changed" not in done.stdout


def test_a_file_larger_than_memory_is_not_checked(files, monkeypatch, capsysbinary):
    def too_large(*_):
        raise MemoryError

    monkeypatch.setattr(verify, "check", too_large)
    assert verify.main([str(files[0])]) == 2
    assert capsysbinary.readouterr().out == b"That is too large to be read on this computer. Nothing was checked.\n"


def test_a_key_that_is_no_text_is_refused(files):
    done = run(files[2], "--key", os.fsdecode(b"\xff+aaaaaaaa+") + notes.public_key().split("+", 2)[2])
    assert (done.returncode, done.stderr) == (1, "")
    assert "is not the public key of a log. Give the key with --key." in done.stdout


def test_a_file_nested_without_end_is_refused(tmp_path):
    (tmp_path / "deep.json").write_bytes(b"[" * 100_000)
    done = run(tmp_path / "deep.json")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("The file is damaged: it is not JSON.")


def test_a_name_in_a_file_cannot_steer_the_terminal(files):
    file = json.loads(files[0].read_bytes())
    file["lines"][0]["body"] = file["lines"][0]["body"].replace("Dr Ana Costa", "\\u001b[2Jgone")
    files[0].write_bytes(dump(file))
    assert "\x1b" not in run(files[0]).stdout


def test_ed25519_here_agrees_with_the_librarys():
    chance = random.Random(8032)
    for _ in range(20):
        pair, message = signing.generate(), chance.randbytes(chance.randrange(200))
        signature = signing.sign(pair.private, message)
        assert verify.signature_holds(pair.public, message, signature)
        assert not verify.signature_holds(pair.public, message + b"!", signature)
        assert not verify.signature_holds(pair.public, message, signature[:32] + bytes(32))
        # s + order is the same number to arithmetic and another signature to RFC 8032
        larger = (int.from_bytes(signature[32:], "little") + verify.ORDER).to_bytes(32, "little")
        assert not verify.signature_holds(pair.public, message, signature[:32] + larger)
    assert not verify.signature_holds(bytes([255] * 32), b"", bytes(64))
    assert not verify.signature_holds(bytes(31), b"", bytes(63))
