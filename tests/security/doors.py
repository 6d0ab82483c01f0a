"""The reviewed table of who gets what at every address, and how an answer reads in it."""

from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection
from django.http import HttpResponse
from django.urls import Resolver404, resolve

from tests.security import going_out
from tests.security.going_out import Seen
from tests.security.world import VISITORS, World, addresses

TABLE = Path(__file__).with_name("doors.txt")
METHODS = ("GET", "POST")
EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHERS = tuple(method for method in EVERY_METHOD if method not in METHODS)
# Addresses of programs: the table says of each what every method does there. Of pages it says GET and POST, and other
# methods follow a rule (`closed`), but where a program may ask, or another site's script must be told that it may.
OF_PROGRAMS = ("api:", "fhir:")
# What is sent to a page, and to a program's address: nothing at all.
EMPTY = ({"content_type": "application/x-www-form-urlencoded"}, {"content_type": "application/json", "data": "{}"})
CHANGING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "TRUNCATE"})
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


def asked_of(name: str) -> tuple[str, ...]:
    """Return the methods of which the table says what they do at an address, whoever comes."""
    return EVERY_METHOD if name.startswith(OF_PROGRAMS) else METHODS


def seen(world: World, who: str) -> tuple[dict[tuple[str, str], str], list[Seen]]:
    """Return what one visitor gets at every address, by each method that the table has, with an empty form; and what
    went out with each page."""
    found, pages = {}, []
    for name in addresses():
        for method in asked_of(name):
            form = EMPTY[name.startswith(OF_PROGRAMS)] if method in {"POST", "PUT", "PATCH"} else {}
            address = world.address(name)
            answer = world.ask(who, method, address, **form)
            found[name, method] = told(answer)
            if method == "GET":
                pages.append(going_out.seen(name, address, answer))
    return found, pages


def asked_otherwise(who: str, *, whole: bool) -> list[tuple[str, str]]:
    """Return which pages one visitor asks by which of the other methods.

    Whole, that is each by each. Else one method a page, which goes round with the page and the visitor, so that each
    page meets each method.
    """
    pages = [name for name in addresses() if asked_of(name) == METHODS]
    turn = VISITORS.index(who)
    return [
        (name, method)
        for place, name in enumerate(pages)
        for number, method in enumerate(OTHERS)
        if whole or (place + turn) % len(OTHERS) == number
    ]


def seen_otherwise(world: World, who: str, *, whole: bool = False) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return what one visitor gets at pages by the other methods, and every statement that would have changed a row.

    What writes is told apart from what reads by its first word, so that these many requests need no savepoint each.
    That a session is still in use is noted in it at most once a minute, whatever is asked.
    """
    found, writes = {}, []

    def watched(execute, sql, parameters, many, context):
        if sql.split(None, 1)[0].upper() in CHANGING and '"django_session"' not in sql:
            writes.append(sql)
        return execute(sql, parameters, many, context)

    browser = world.browsers[who]
    kept = {name: morsel.value for name, morsel in browser.cookies.items()}
    with world.unchanged(), connection.execute_wrapper(watched):
        for name, method in asked_otherwise(who, whole=whole):
            answer = browser.generic(method, world.address(name), **EMPTY[0])
            found[name, method] = told(answer)
            if answer.cookies:  # a word for the next page, say: it would grow with each
                browser.cookies.clear()
                browser.cookies.load(kept)
    return found, writes


def closed(cell: str, getting: str) -> bool:
    """Tell whether a method is turned away: said not to be for this address, or as a GET there is where the visitor may
    not know of it."""
    return cell == "405" or (cell == getting and cell.startswith((">", "404")))


def turned_away(found: dict[tuple[str, str], str], getting: dict[tuple[str, str], str]) -> set[tuple[str, str]]:
    """Return the pages and methods where one visitor is turned away as the rule has it."""
    return {(name, method) for (name, method), cell in found.items() if closed(cell, getting.get((name, "GET"), ""))}


def written(columns: dict[str, dict[tuple[str, str], str]]) -> str:
    """Return the table as it would be written for these answers."""
    lines = [("# address", "method", *(who.replace(" ", "-") for who in VISITORS))]
    wanted = [(name, method) for name in addresses() for method in EVERY_METHOD]
    lines += [(*one, *(columns[who][one] for who in VISITORS)) for one in wanted if one in columns[VISITORS[0]]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
