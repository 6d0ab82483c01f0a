"""Reads what other systems send: bundles, loose resources and NDJSON, plain or gzipped, file by file or as folders.

What is imported together is a `Batch`: a bundle stands or falls as a whole; loose resources may refer to each other,
but each stands on its own.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import definitions, identity, text
from .references import Entry

SUFFIXES = (".json", ".ndjson", ".json.gz", ".ndjson.gz")
BUNDLE_TYPES = frozenset({"transaction", "batch", "collection", "searchset", "document", "message", "history"})
WRITES = frozenset({"POST", "PUT"})
LARGEST_FILE = 512 * 1024 * 1024
MOST_UNREADABLE = 100  # lines of one file that are named one by one; what is no NDJSON at all has millions


class Unreadable(Exception):
    """A file or entry cannot be read; the message says which, and why."""


@dataclass
class Batch:
    """What is imported together."""

    name: str
    entries: list[Entry]
    whole: bool  # True for a bundle: one broken entry refuses it all
    places: dict[int, str] = field(default_factory=dict)  # entry number: where it stands, for messages
    unreadable: list[str] = field(default_factory=list)  # lines beside these that cannot be read, and why

    def place(self, number: int) -> str:
        """Return "maria.json, entry 12"."""
        return self.places.get(number) or f"{self.name}, entry {number}"


def files(paths: list[Path]) -> list[Path]:
    """Return the files to read, folders opened and sorted. Raises Unreadable where nothing is there."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [item for item in _inside(path) if _is_read(item)]
            if not inside:
                raise Unreadable(f"{path} holds no .json or .ndjson file.")
            found.extend(inside)
        elif path.is_file():
            found.append(path)
        else:
            raise Unreadable(f"{path} does not exist.")
    return list(dict.fromkeys(found))


def skipped(paths: list[Path]) -> list[Path]:
    """Return the files in folders that are not read, for their names say that they are something else."""
    found = [item for path in paths if path.is_dir() for item in _inside(path) if not _is_read(item)]
    return [path for path in dict.fromkeys(found) if not path.name.startswith(".")]


def _inside(folder: Path) -> list[Path]:
    return sorted(item for item in folder.rglob("*") if item.is_file())


def _is_read(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)


def read(path: Path) -> Iterator[Batch]:
    """Yield the batches of one file. Raises Unreadable where nothing of it can be read."""
    content = _unpacked(path)
    if path.name.lower().removesuffix(".gz").endswith(".ndjson"):
        yield from _lines(path.name, content)
    else:
        yield document(path.name, _parsed(path.name, content))


def received(name: str, content: bytes, *, lines: bool) -> list[Batch]:
    """Return the batches of what was sent under a name: one JSON document, or NDJSON. Raises Unreadable."""
    return list(_lines(name, content)) if lines else [document(name, _parsed(name, content))]


def _unpacked(path: Path) -> bytes:
    """Return a file's bytes, unpacked where it starts as gzip does."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Unreadable(f"{path.name}: this gzip file is damaged or cut short. Ask for it again.") from None
    except OSError as problem:
        words = problem.strerror or "the system does not say why"
        raise Unreadable(f"{path.name}: this file cannot be read ({words}). Look at the file and its disk.") from None
    if len(content) > LARGEST_FILE:
        raise Unreadable(f"{path.name}: larger than {LARGEST_FILE // 1024**2} MB unpacked. Split it.")
    return content


def _parsed(name: str, content: bytes) -> dict:
    try:
        value = text.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable(f"{name}: not UTF-8 text, which FHIR requires.") from None
    except ValueError as problem:
        place = (
            f" at line {problem.lineno}, column {problem.colno}" if isinstance(problem, json.JSONDecodeError) else ""
        )
        raise Unreadable(f"{name}: not readable as JSON{place}.") from None
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise Unreadable(f"{name}: not a FHIR resource: resourceType is missing.")
    return value


def _lines(name: str, content: bytes) -> Iterator[Batch]:
    """Yield the bundles of an NDJSON file one by one, and its loose resources as one batch at the end.

    A line that cannot be read stops no other; the last batch names those.
    """
    loose, unreadable = Batch(name, [], whole=False), 0
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{name}, line {number}"
        try:
            resource = _parsed(place, line)
            if resource["resourceType"] == "Bundle":
                yield document(place, resource)
                continue
        except Unreadable as problem:
            unreadable += 1
            if unreadable <= MOST_UNREADABLE:
                loose.unreadable.append(str(problem))
            continue
        loose.entries.append(Entry(number, "", resource))
        loose.places[number] = place
    if unreadable > MOST_UNREADABLE:
        loose.unreadable.append(f"{name}: {unreadable - MOST_UNREADABLE:,} more lines cannot be read.")
    if loose.entries or loose.unreadable:
        yield loose


def document(name: str, resource: dict) -> Batch:
    """Return a bundle, or one resource, as a batch under the name that messages use. Raises Unreadable."""
    if resource["resourceType"] == "Bundle" and _is_one_of(resource.get("type"), BUNDLE_TYPES):
        return Batch(name, list(_entries(name, resource)), whole=True)
    if resource["resourceType"] == "Bundle":
        raise Unreadable(f"{name}: Bundle.type must be one of: {', '.join(sorted(BUNDLE_TYPES))}.")
    return Batch(name, [Entry(1, "", resource)], whole=False, places={1: name})


def _entries(name: str, bundle: dict) -> Iterator[Entry]:
    """Yield a bundle's entries. Raises Unreadable naming the entry that is not one."""
    listed = bundle.get("entry", [])
    if not isinstance(listed, list) or not listed:
        raise Unreadable(f"{name}: this bundle has no entries.")
    seen: set[str] = set()
    for number, item in enumerate(listed, start=1):
        place = f"{name}, entry {number}"
        resource, full_url = _entry(place, item)
        if full_url and identity.folded(full_url) in seen:
            raise Unreadable(f"{place}: fullUrl is the same as an earlier entry's.")
        seen.add(identity.folded(full_url))
        yield Entry(number, full_url, resource)


def _entry(place: str, item: object) -> tuple[dict, str]:
    resource = item.get("resource") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(resource, dict):
        raise Unreadable(f"{place}: resource is missing.")
    kind = resource.get("resourceType")
    if not _is_one_of(kind, definitions.resource_types()):
        raise Unreadable(f"{place}: resourceType is missing, or not a type that FHIR R4 has.")
    full_url = item.get("fullUrl", "")
    if not isinstance(full_url, str):
        raise Unreadable(f"{place}: fullUrl must be text.")
    request = item.get("request")
    if isinstance(request, dict) and not _is_one_of(request.get("method"), WRITES):
        raise Unreadable(f"{place}: only POST and PUT can be imported, and this entry asks for something else.")
    return resource, full_url


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    """Tell whether a value is one of these texts. A list or group, which a set cannot be asked for, is none."""
    return isinstance(value, str) and value in known
