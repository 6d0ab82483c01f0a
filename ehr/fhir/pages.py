"""Bundles of what was found or is in a history: one page, with a link to the next.

Source: FHIR R4 bundle.html#searchset, #history; http.html#paging.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from ehr import clock
from ehr.fhir import cursors, kinds, naming, outcomes, search
from ehr.fhir.asking import Asking
from ehr.fhir.cursors import Place
from ehr.fhir.outcomes import Issue
from ehr.fhir.query import ON_A_PAGE, Asked
from ehr.fhir.records import Seen
from ehr.fhir.search import Found
from ehr.fhir.shaping import shaped

_TOO_MUCH = Issue(
    "incomplete", f"More than {search.MOST_INCLUDED} resources would come along; some are left out.", "", "warning"
)


def opened(asking: Asking, told: Asked, path: str) -> tuple[Asked, Place | None]:
    """Return the question itself, or the one a page address holds and where it goes on. Raises Refusal 400."""
    if not told.page:
        return told, None
    again, place = cursors.unseal(told.page, path=path, client=asking.client)
    again = replace(again, format=told.format, pretty=told.pretty, returns=told.returns, page=told.page)
    return again, place


def _page_of(ordered: Sequence, place, told: Asked) -> tuple[list[Seen], bool]:
    """Return the items of one page, and whether there are more after them."""
    begin = next((number + 1 for number, one in enumerate(ordered) if one is place), 0) if place else 0
    page = [one for one in ordered[begin : begin + told.count + 1] if one is not place]
    return page[: told.count], len(page) > told.count > 0


# --- Searching -----------------------------------------------------------------------------------
def searchset(
    found: Found, place: Place | None, *, asking: Asking, path: str, order: Callable[[list], list] | None = None
) -> dict:
    """Return a searchset Bundle; `order` is that of the matches, where it is not the question's own."""
    asked, told = found.question, found.question.told
    order = order or (lambda items: search.in_order(asked, items))
    # The shadow of the last one goes right behind it, where that still stands.
    ordered = order([*found.matches, place]) if place else found.matches
    counting = told.summary == "count" or told.count == 0
    page, more = ([], False) if counting else _page_of(ordered, place, told)
    extra, too_much = search.included(found, page)
    for record in found.records:
        record.fetch([*page, *extra])
    links = [_link("self", path, [("_page", told.page)] if place else _pairs(asked))]
    if more:
        codes = [key.removeprefix("-") for key in told.sort]
        text = cursors.seal(_pairs(asked), page[-1], codes, path=path, client=asking.client)
        links.append(_link("next", path, [("_page", text)]))
    # What comes along was not named by its elements: search.html#elements.
    beside = replace(told, elements=())
    entries = [_entry(one, told, "match") for one in page] + [_entry(one, beside, "include") for one in extra]
    issues = [*asked.issues, _TOO_MUCH] if too_much else asked.issues
    entries += _said(issues)
    return _bundle("searchset", links, entries, None if told.total == "none" else len(found.matches))


def all_of(found: Found, *, path: str) -> dict:
    """Return everything that was found as one page."""
    for record in found.records:
        record.fetch(found.matches)
    entries = [_entry(one, found.question.told, "match") for one in found.matches]
    links = [_link("self", path, found.question.used)]
    return _bundle("searchset", links, [*entries, *_said(found.question.issues)], len(entries))


def _said(issues: Sequence[Issue]) -> list[dict]:
    """Return the entry that says what had to be left out, where anything had to."""
    return [{"resource": outcomes.outcome(issues), "search": {"mode": "outcome"}}] if issues else []


def _pairs(asked: search.Question) -> list[tuple[str, str]]:
    """Return the parameters that were used, as they came; what was left out is not among them."""
    told = asked.told
    shaping = {
        "_sort": ",".join(told.sort),
        "_count": str(told.count) if told.count != ON_A_PAGE else "",
        "_summary": told.summary if told.summary != "false" else "",
        "_elements": ",".join(told.elements),
        "_total": told.total if told.total != "accurate" else "",
    }
    return [*asked.used, *((name, value) for name, value in shaping.items() if value)]


def _entry(one: Seen, told: Asked, mode: str) -> dict:
    return {
        "fullUrl": f"{kinds.base()}/{one.name}",
        "resource": shaped(one.resource, told),
        "search": {"mode": mode},
    }


def _link(relation: str, path: str, pairs: Sequence[tuple[str, str]]) -> dict:
    query = f"?{urlencode(pairs)}" if pairs else ""
    return {"relation": relation, "url": f"{kinds.base()}/{path}{query}"}


def _bundle(kind: str, links: list[dict], entries: list[dict], total: int | None) -> dict:
    said: dict[str, object] = {
        "resourceType": "Bundle",
        "type": kind,
        "timestamp": naming.instant(clock.now()),
        "total": total,
        "link": links,
        "entry": entries,
    }
    return {name: value for name, value in said.items() if value is not None and value != []}


# --- Histories -----------------------------------------------------------------------------------
def history(
    versions: Iterable[Seen],
    place: Place | None,
    told: Asked,
    *,
    asking: Asking,
    path: str,
    pairs: Sequence,
    oldest: Mapping[str, int],
) -> dict:
    """Return a history Bundle, the newest version first. `oldest` is the first version there is to be seen, by name:
    it stands as the first, for that there was one before would tell of what is hidden.
    """
    kept = list(versions)
    ordered = _newest_first([*kept, place] if place else kept)
    page, more = _page_of(ordered, place, told)
    for record in {id(one.record): one.record for one in page}.values():
        record.fetch([one for one in page if one.record is record])
    asked = [*pairs, *_counted(told)]
    links = [_link("self", path, [("_page", told.page)] if place else asked)]
    if more:
        text = cursors.seal(asked, page[-1], (), path=path, client=asking.client)
        links.append(_link("next", path, [("_page", text)]))
    return _bundle("history", links, [_version(one, told, oldest) for one in page], len(kept))


def _counted(told: Asked) -> list[tuple[str, str]]:
    return [("_count", str(told.count))] if told.count != ON_A_PAGE else []


def _newest_first(versions: Iterable) -> list:
    return sorted(
        sorted(versions, key=lambda one: (one.name, -one.version)), key=lambda one: one.written_at, reverse=True
    )


def _version(one: Seen, told: Asked, oldest: Mapping[str, int]) -> dict:
    """Return one version as an entry; of a deletion there is nothing but that it was."""
    first = one.version == oldest[one.name]
    method = "DELETE" if one.deleted else "POST" if first else "PUT"
    status = "204" if one.deleted else "201" if first else "200"
    said = {
        "fullUrl": f"{kinds.base()}/{one.name}",
        "request": {"method": method, "url": one.kind if first else one.name},
        "response": {
            "status": status,
            "etag": f'W/"{one.version_id}"',
            "lastModified": naming.instant(one.written_at),
        },
    }
    return said if one.deleted else {"resource": shaped(one.resource, told), **said}
