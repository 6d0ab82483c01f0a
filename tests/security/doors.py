"""The reviewed table of who gets what at every address, and how an answer reads in it."""

from pathlib import Path
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.urls import Resolver404, resolve

from tests.security.world import VISITORS, World, addresses

TABLE = Path(__file__).with_name("doors.txt")
METHODS = ("GET", "POST")
# What is sent to a page, and to a program's address: nothing at all.
EMPTY = ({"content_type": "application/x-www-form-urlencoded"}, {"content_type": "application/json", "data": "{}"})
Row = tuple[str, ...]


def told(answer: HttpResponse) -> str:
    """Return an answer as a cell: its status, or for a redirect the page it leads to."""
    if answer.status_code not in {301, 302, 303, 307, 308}:
        return str(answer.status_code)
    where = urlsplit(answer["Location"])
    if where.netloc:
        return f">{where.netloc}"
    try:
        return f">{resolve(where.path).view_name}"
    except Resolver404:
        return ">nowhere"


def reviewed() -> dict[tuple[str, str], Row]:
    """Return the table: (address, method) → a cell for each visitor."""
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, method, *cells = line.split()
            rows[name, method] = tuple(cells)
    return rows


def seen(world: World, who: str) -> dict[tuple[str, str], str]:
    """Return what one visitor gets at every address, by each method, with an empty form."""
    found = {}
    for name in addresses():
        for method in METHODS:
            form = EMPTY[name.startswith(("api:", "fhir:"))] if method == "POST" else {}
            found[name, method] = told(world.ask(who, method, world.address(name), **form))
    return found


def written(columns: dict[str, dict[tuple[str, str], str]]) -> str:
    """Return the table as it would be written for these answers."""
    lines = [("# address", "method", *(who.replace(" ", "-") for who in VISITORS))]
    lines += [
        (name, method, *(columns[who][name, method] for who in VISITORS)) for name in addresses() for method in METHODS
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
