"""A backup opens whole with its key, or not at all; what was destroyed comes back, root and rows."""

import io
import os
import re
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import backup
import pytest
import sealed_archive
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(settings.BASE_DIR)
KEY = bytes(range(32))


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(sealed_archive, "PIECE_BYTES", 64)


def seal(text, key=KEY):
    target = io.BytesIO()
    writer = sealed_archive.Writer(target, key)
    for start in range(0, len(text), 50):
        writer.write(text[start : start + 50])
    writer.finish()
    return target.getvalue()


def opened(sealed, key=KEY):
    target = io.BytesIO()
    sealed_archive.open_into(io.BytesIO(sealed), target, key)
    return target.getvalue()


@given(st.binary(max_size=400))
def test_what_was_sealed_opens(text):
    assert opened(seal(text)) == text


@pytest.mark.security
@given(st.data())
def test_a_backup_with_one_byte_changed_does_not_open(data):
    sealed = bytearray(seal(b"a record" * 30))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(sealed_archive.CannotOpen):
        opened(bytes(sealed))


@pytest.mark.security
@given(st.integers(0, 1000))
def test_a_backup_that_was_cut_does_not_open(length):
    sealed = seal(b"a record" * 30)
    with pytest.raises(sealed_archive.CannotOpen):
        opened(sealed[: length % len(sealed)])


@pytest.mark.security
def test_a_backup_whose_pieces_changed_places_does_not_open():
    sealed, piece = seal(b"a record" * 30), 64 + sealed_archive.TAG_BYTES
    start = len(sealed_archive.MAGIC) + sealed_archive.SALT_BYTES
    first, second = sealed[start : start + piece], sealed[start + piece : start + 2 * piece]
    with pytest.raises(sealed_archive.CannotOpen):
        opened(sealed[:start] + second + first + sealed[start + 2 * piece :])


@pytest.mark.security
def test_another_key_does_not_open_a_backup():
    with pytest.raises(sealed_archive.CannotOpen, match="BACKUP_KEY is not the one"):
        opened(seal(b"a record"), key=bytes(32))


@pytest.mark.privacy
def test_a_backup_shows_nothing_of_what_is_in_it():
    assert b"penicillin" not in seal(b"allergic to penicillin")


@pytest.mark.parametrize("key", ["", "ab", "zz" * 32])
def test_a_key_that_is_none_is_refused_in_words(monkeypatch, key):
    monkeypatch.setenv("BACKUP_KEY", key)
    monkeypatch.delenv("BACKUP_KEY_FILE", raising=False)
    with pytest.raises(backup.CannotBackUp, match="64 hex digits"):
        backup.backup_key()


def test_the_key_may_come_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(KEY.hex() + "\n")
    monkeypatch.delenv("BACKUP_KEY", raising=False)
    monkeypatch.setenv("BACKUP_KEY_FILE", str(tmp_path / "key"))
    assert backup.backup_key() == KEY


@pytest.mark.privacy
def test_backups_are_kept_no_longer_than_their_days(tmp_path):
    now = datetime.now(UTC)
    made = {days: tmp_path / (now - timedelta(days=days)).strftime(backup.NAME) for days in (0, 34, 36, 400)}
    for path in made.values():
        path.touch()
    assert set(backup.remove_old(tmp_path, 35)) == {made[36], made[400]}
    assert set(tmp_path.iterdir()) == {made[0], made[34]}


@pytest.mark.privacy
def test_a_file_of_another_name_stays_and_keeps_no_backup_from_going(tmp_path):
    others = [tmp_path / name for name in ("chartseal-before-upgrade.backup", "chartseal-notes.txt")]
    past = [tmp_path / f"chartseal-20200101T00000{number}Z.{kind}" for number, kind in enumerate(("backup", "part"))]
    for path in others + past:
        path.touch()
    assert set(backup.remove_old(tmp_path, 35)) == set(past)
    assert set(tmp_path.iterdir()) == set(others)


@pytest.mark.parametrize("days", ["a month", "-1", "3.5"])
def test_days_that_are_no_number_are_refused_in_words(monkeypatch, days):
    monkeypatch.setenv("BACKUP_KEEP_DAYS", days)
    with pytest.raises(backup.CannotBackUp, match="BACKUP_KEEP_DAYS"):
        backup.days_to_keep()


@pytest.fixture
def data(tmp_path, monkeypatch, settings):
    """A folder to back up: files beside a database that need not be looked at."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    monkeypatch.setattr(backup, "is_sqlite", lambda: True)
    monkeypatch.setattr(backup, "_copy_sqlite", lambda target: {"length": target.write_bytes(b"rows")})
    return settings.DATA_DIR


def members(path):
    """Return what is in a backup: content by name."""
    target = io.BytesIO()
    with path.open("rb") as source:
        sealed_archive.open_into(source, target, KEY)
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}


def test_a_folder_of_files_that_is_a_link_is_backed_up_with_what_is_in_it(data, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "scan").write_bytes(b"a scan")
    (data / "files").symlink_to(tmp_path / "disk")
    assert members(backup.create(tmp_path / "backups", KEY))["files/scan"] == b"a scan"


def test_a_folder_of_files_whose_disk_is_away_is_not_passed_over(data, tmp_path):
    (data / "files").symlink_to(tmp_path / "disk")
    with pytest.raises(backup.CannotBackUp, match="Is that disk mounted"):
        backup.create(tmp_path / "backups", KEY)


def test_what_would_not_come_back_is_not_backed_up_without_a_word(data, tmp_path):
    (data / "files").mkdir()
    (data / "files" / "link").symlink_to("/nowhere")
    with pytest.raises(backup.CannotBackUp, match="files/link is neither a file nor a folder"):
        backup.create(tmp_path / "backups", KEY)


@pytest.mark.privacy
@pytest.mark.parametrize("problem", [OSError("gone"), KeyboardInterrupt], ids=["gone", "stopped"])
def test_half_a_backup_is_removed(data, tmp_path, monkeypatch, problem):
    def fail(*_args):
        raise problem

    monkeypatch.setattr(backup, "_seal", fail)
    with pytest.raises(type(problem) if isinstance(problem, OSError) else problem):
        backup.create(tmp_path / "backups", KEY)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_missing_file_is_named_in_a_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BACKUP_KEY", KEY.hex())
    assert backup.main(["restore", str(tmp_path / "nothing.backup")]) == 1
    assert "nothing.backup is not a file. Name one that `create` wrote." in capsys.readouterr().err


def test_a_missing_file_of_the_key_is_named_in_a_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("BACKUP_KEY", raising=False)
    monkeypatch.setenv("BACKUP_KEY_FILE", str(tmp_path / "key"))
    assert backup.main(["create", str(tmp_path / "backups")]) == 1
    assert "BACKUP_KEY_FILE names" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named_in_a_sentence(data, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BACKUP_KEY", KEY.hex())
    (tmp_path / "backups").touch()
    assert backup.main(["create", str(tmp_path / "backups")]) == 1
    assert "backups" in capsys.readouterr().err


@pytest.mark.point(2)
def test_a_destroyed_database_comes_back_with_the_same_root_and_every_row(tmp_path, migrated_file):
    migrated_file(tmp_path / "tables.sqlite3")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "deploy/restore_drill.py", "--events", "30",
         "--begin-with", str(tmp_path / "tables.sqlite3")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Root equal, 0 of [1-9][\d,]* rows lost", done.stdout)


def restore_of(folder, *arguments):
    environment = {**os.environ, "DATA_DIR": str(folder), "DATABASE_URL": "", "BACKUP_KEY": KEY.hex()}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "deploy/backup.py", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def test_a_database_in_use_is_not_overwritten_by_mistake(tmp_path, migrated_file):
    migrated_file(tmp_path / "chartseal.sqlite3")
    assert restore_of(tmp_path, "create", str(tmp_path / "backups")).returncode == 0
    made = next((tmp_path / "backups").iterdir())
    refused = restore_of(tmp_path, "restore", str(made))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    assert restore_of(tmp_path, "restore", "--replace", str(made)).returncode == 0
