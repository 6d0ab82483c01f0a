"""Make a log, back it up, destroy the database, restore it, and compare: `make restore-drill`.

On SQLite in a folder of its own; with DATABASE_URL of a PostgreSQL, in a database of its own on that server, which is
made and dropped here. Prints how long each part took. Exit status 1 when one row or the log's root differs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

STEPS = Path(__file__).with_name("drill.py")


class Server:
    """Makes and drops one database on a PostgreSQL server, as whoever `url` names."""

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name

    @property
    def database_url(self) -> str:
        return urlsplit(self.url)._replace(path=f"/{self.name}").geturl()

    def make(self) -> None:
        self._run(f'create database "{self.name}"')

    def drop(self) -> None:
        self._run(f'drop database if exists "{self.name}" with (force)')

    def _run(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--begin-with", type=Path, help="on SQLite, a file that has its tables already")
    given = parser.parse_args()
    url = os.environ.get("DATABASE_URL", "")
    server = Server(url, f"chartseal_drill_{os.getpid()}") if url.startswith("postgres") else None
    command = [sys.executable, str(STEPS), str(given.events)]
    with tempfile.TemporaryDirectory(prefix="chartseal-drill-") as folder:
        environment = {**os.environ, "DATA_DIR": folder}
        if not server:
            if given.begin_with:
                shutil.copyfile(given.begin_with, Path(folder, "chartseal.sqlite3"))
            return subprocess.run(command, env={**environment, "DATABASE_URL": ""}, check=False).returncode
        server.make()
        try:
            environment |= {"DATABASE_URL": server.database_url, "DRILL_SERVER": url}
            return subprocess.run(command, env=environment, check=False).returncode
        finally:
            server.drop()


if __name__ == "__main__":
    sys.exit(main())
