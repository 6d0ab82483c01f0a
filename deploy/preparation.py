"""Remember what was prepared, so that a start that changes nothing goes straight to the web server.

Standard library only. The note names the code that was prepared and the very files it was prepared in; a restored
or removed database, a new migration, a changed style sheet or another lock each make it worthless.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from environment import LOCKS, ROOT

NOTE = "prepared.json"
LEFT_OUT = {"node_modules", "tests", "contracts"}


def _files() -> Iterator[Path]:
    """Yield what decides how tables, static files and contracts must be."""
    yield LOCKS["run"]
    for folder in sorted(path for path in ROOT.iterdir() if path.is_dir() and path.name not in LEFT_OUT):
        if not folder.name.startswith("."):
            yield from sorted(folder.rglob("migrations/*.py"))
    yield from sorted(path for path in (ROOT / "static").rglob("*") if path.is_file())
    yield from sorted((ROOT / "contracts" / "artifacts").glob("*.json"))


def signature(data: Path, kept: tuple[str, ...]) -> dict[str, object]:
    """Return what a note must say to be worth something; `kept` names the files the preparation was made in."""
    code = hashlib.sha256()
    for path in _files():
        facts = path.stat()
        code.update(f"{path.relative_to(ROOT)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    files = {name: (data / name).stat().st_ino if (data / name).exists() else None for name in kept}
    return {"code": code.hexdigest(), "files": files}


def is_done(data: Path, kept: tuple[str, ...]) -> bool:
    """Tell whether nothing needs preparing."""
    try:
        noted = json.loads((data / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return noted == signature(data, kept) and None not in noted["files"].values()


def note(data: Path, kept: tuple[str, ...]) -> None:
    """Remember that everything is prepared."""
    (data / NOTE).write_text(json.dumps(signature(data, kept)), encoding="utf-8")
