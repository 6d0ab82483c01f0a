"""Make and restore encrypted backups of the database and the files.

  python deploy/backup.py create FOLDER          writes FOLDER/chartseal-<time>.backup and removes those past their days
  python deploy/backup.py restore FILE           into an empty database; --replace where there is one to give up

BACKUP_KEY (64 hex digits) or BACKUP_KEY_FILE seals them. BACKUP_KEEP_DAYS (35): a record that was erased lives on in
backups until then, so they are kept no longer. Not in a backup: secrets, the chain, and the log's witness, which
must stay where it is to notice that a restored log is older than what was already published.
"""

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "deploy")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

import django  # noqa: E402 - the path and the settings' name come first
import sealed_archive  # noqa: E402

django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402

NAME = "chartseal-%Y%m%dT%H%M%SZ.backup"
MANIFEST, DATABASE, FILES = "manifest.json", "database", "files"
Query = Callable[[str], list[tuple]]


class CannotBackUp(Exception):
    """Something is in the way; the text says what and what to do."""


def backup_key() -> bytes:
    """Return the key from BACKUP_KEY or the file BACKUP_KEY_FILE names."""
    text = os.environ.get("BACKUP_KEY", "")
    if not text and (path := os.environ.get("BACKUP_KEY_FILE")):
        try:
            text = Path(path).read_text(encoding="ascii", errors="replace").strip()
        except OSError as problem:
            raise CannotBackUp(f"BACKUP_KEY_FILE names {path}, which cannot be read: {problem.strerror}.") from None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise CannotBackUp(
            "BACKUP_KEY must be 64 hex digits. Make one with: "
            'python3 -c "import secrets; print(secrets.token_hex(32))", and keep a copy apart from the backups.'
        )
    return key


def days_to_keep() -> int:
    """Return for how many days backups are kept, from BACKUP_KEEP_DAYS."""
    told = os.environ.get("BACKUP_KEEP_DAYS", "").strip() or "35"
    if not (told.isascii() and told.isdigit() and len(told) < 6):
        raise CannotBackUp(f"BACKUP_KEEP_DAYS is {told!r}. Set it to a number of days, such as 35.")
    return int(told)


def is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def postgres_environment() -> dict[str, str]:
    """Return what pg_dump and pg_restore read instead of arguments, so that no password stands in a process list."""
    config = settings.DATABASES["default"]
    wanted = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    given = {name: str(config[key]) for name, key in wanted.items() if config.get(key)}
    return {**os.environ, **given}


def _postgres(*command: str) -> None:
    done = subprocess.run(command, env=postgres_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBackUp(f"{command[0]} did not succeed: {done.stderr.strip()[-500:]}")


def describe(query: Query) -> dict[str, object]:
    """Return how many rows each table of the log has, and its last signed head, as SQL finds them."""
    tables = [model._meta.db_table for model in apps.get_app_config("audit").get_models()]
    rows = {table: query(f'select count(*) from "{table}"')[0][0] for table in sorted(tables)}  # noqa: S608 - our names
    head = query("select size, root from audit_checkpoint order by size desc limit 1")
    signed = {"size": head[0][0], "root": bytes(head[0][1]).hex()} if head else None
    return {"rows": rows, "head": signed}


def _through_django(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def describe_live() -> dict[str, object]:
    """Return the same of the database in use."""
    return describe(_through_django)


def _copy_sqlite(target: Path) -> dict[str, object]:
    source = f"file:{settings.DATABASES['default']['NAME']}?mode=ro"
    with closing(sqlite3.connect(source, uri=True)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("pragma journal_mode=delete")
        return describe(lambda sql: copy.execute(sql).fetchall())


def _dump_postgres(target: Path) -> dict[str, object]:
    """Dump what one snapshot shows, and describe the same snapshot."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read")
            cursor.execute("select pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        _postgres("pg_dump", "--format=custom", f"--snapshot={snapshot}", "--no-owner", f"--file={target}")
        return describe_live()


def create(folder: Path, key: bytes) -> Path:
    """Write one backup and return its path. It appears under its name only when it is whole and on the disk."""
    made_at = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / made_at.strftime(NAME)
    draft = path.with_suffix(".part")
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as scratch:
        database = Path(scratch) / DATABASE
        facts = _copy_sqlite(database) if is_sqlite() else _dump_postgres(database)
        manifest = Path(scratch) / MANIFEST
        facts |= {"made_at": made_at.isoformat(), "database": connection.vendor}
        manifest.write_text(json.dumps(facts), encoding="utf-8")
        try:
            with draft.open("xb") as target:
                os.fchmod(target.fileno(), 0o600)
                _seal(target, key, [manifest, database, settings.DATA_DIR / FILES])
                target.flush()
                os.fsync(target.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)  # half a backup is none, and nobody would remove it in its time
            raise
    draft.replace(path)
    return path


def _seal(target, key: bytes, parts: list[Path]) -> None:
    sealed = sealed_archive.Writer(target, key)
    with tarfile.open(fileobj=sealed, mode="w|") as archive:
        for part in parts:
            if part.exists():
                # Where the folder is a link to another disk, what is there is what was meant.
                archive.add(part.resolve(), arcname=part.name, filter=_plain)
            elif part.is_symlink():
                raise CannotBackUp(
                    f"{part} is a link to {part.readlink()}, and nothing is there. Is that disk mounted?"
                )
    sealed.finish()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Let files and folders pass, which alone come back. Raises CannotBackUp for a link or a device among them."""
    if not (member.isfile() or member.isdir() or member.islnk()):
        raise CannotBackUp(f"{member.name} is neither a file nor a folder. Take it out of there, then run this again.")
    return member


def remove_old(folder: Path, days: int) -> list[Path]:
    """Remove the backups made more than `days` ago, by the time in their names, whole or half; return them.

    Files of other names are somebody else's and stay.
    """
    oldest = datetime.now(UTC) - timedelta(days=days)
    past = [path for path in folder.glob("chartseal-*") if (made := _made_at(path)) and made < oldest]
    for path in past:
        path.unlink()
    return past


def _made_at(path: Path) -> datetime | None:
    """Return when a backup was made, None for a file that is none."""
    if path.suffix not in {".backup", ".part"}:
        return None
    try:
        return datetime.strptime(path.with_suffix(".backup").name, NAME).replace(tzinfo=UTC)
    except ValueError:
        return None


def restore(path: Path, key: bytes, *, replace: bool = False) -> dict[str, object]:
    """Put a backup in place and return its manifest. Nothing is touched before the whole file has opened.

    Raises CannotBackUp where the database holds tables and `replace` is not set, where the backup is of another
    kind of database, or where what arrived is not what was backed up; sealed_archive.CannotOpen for a bad file.
    """
    if not path.is_file():
        raise CannotBackUp(f"{path} is not a file. Name one that `create` wrote.")
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as scratch:
        opened = Path(scratch)
        with path.open("rb") as source, (opened / "archive").open("w+b") as archive:
            sealed_archive.open_into(source, archive, key)
            archive.seek(0)
            try:
                with tarfile.open(fileobj=archive, mode="r:") as members:
                    _unpack(members, opened)
            except tarfile.TarError as problem:
                raise CannotBackUp(f"This backup cannot be unpacked: {problem}.") from problem
        manifest = json.loads((opened / MANIFEST).read_text(encoding="utf-8"))
        if manifest["database"] != connection.vendor:
            raise CannotBackUp(f"This backup is of {manifest['database']}, and DATABASE_URL names {connection.vendor}.")
        if connection.introspection.table_names() and not replace:
            raise CannotBackUp("The database is not empty. Restore into an empty one, or say --replace to give it up.")
        connection.close()
        (_restore_sqlite if is_sqlite() else _restore_postgres)(opened / DATABASE)
        _restore_files(opened / FILES)
    arrived = describe_live()
    if any(arrived[part] != manifest[part] for part in ("rows", "head")):
        raise CannotBackUp(f"What arrived is not what was backed up: {arrived} instead of {manifest}.")
    return manifest


def _unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Extract what this program packed. The seal vouches for it; Python's own filter, where it has one, does too."""
    careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    archive.extractall(folder, **careful)  # noqa: S202 - sealed by ourselves


def _restore_sqlite(database: Path) -> None:
    target = Path(settings.DATABASES["default"]["NAME"])
    arriving = target.with_name(target.name + "-arriving")
    shutil.copyfile(database, arriving)
    with arriving.open("rb") as handle:
        os.fsync(handle.fileno())
    for beside in ("-wal", "-shm"):
        target.with_name(target.name + beside).unlink(missing_ok=True)
    arriving.replace(target)


def _restore_postgres(database: Path) -> None:
    name = settings.DATABASES["default"]["NAME"]
    how = ("--no-owner", "--exit-on-error", "--single-transaction", "--clean", "--if-exists")
    _postgres("pg_restore", *how, f"--dbname={name}", str(database))


def _restore_files(files: Path) -> None:
    if files.exists():
        target = settings.DATA_DIR / FILES
        if os.path.lexists(target):
            target.rename(target.with_name(f"{FILES}-before-{time.time_ns()}"))
        files.replace(target)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("create").add_argument("folder", type=Path)
    restoring = verbs.add_parser("restore")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("--replace", action="store_true")
    options = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        key = backup_key()
        if options.verb == "create":
            days = days_to_keep()
            path = create(options.folder, key)
            remove_old(options.folder, days)
            print(f"{path} ({path.stat().st_size:,} bytes, {time.monotonic() - begun:.1f} s)")
        else:
            manifest = restore(options.file, key, replace=options.replace)
            print(f"Restored what was there at {manifest['made_at']} in {time.monotonic() - begun:.1f} s.")
            print("Now run: manage.py verify_log")
    except (CannotBackUp, sealed_archive.CannotOpen) as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(
            f"This did not succeed: {problem.strerror or problem} ({problem.filename or 'no file'}).", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
