"""Long lists, a page at a time.

A list that grows at its head is paged by key: a page begins after the last line of the one before, so that nothing
is shown twice or skipped while lines arrive. Others have page numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.core.paginator import Page as NumberedPage
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest

Item = TypeVar("Item")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list that is read from the newest down. `older` is the cursor of the next page, or None."""

    items: Sequence[Item]
    older: UUID | None
    first: bool


def cursor(request: HttpRequest, name: str = "before") -> UUID | None:
    """Return the id in the address's `?before=`, or None on a first page. Raises Http404 where it is no id."""
    text = request.GET.get(name, "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise Http404 from None


def newest_first(
    fetch: Callable[[UUID | None, int], Sequence[Item]],
    *,
    before: UUID | None,
    size: int,
    key: Callable[[Item], UUID],
) -> Page[Item]:
    """Return the first `size` items, or those after the cursor `before`.

    `fetch(before, limit)` reads newest first; one more than is shown tells whether there is another page.
    `key(item)` is the item's cursor.
    """
    found = fetch(before, size + 1)
    items = found[:size]
    return Page(items=items, older=key(items[-1]) if len(found) > size else None, first=before is None)


def page(request: HttpRequest, items, *, size: int = 25, name: str = "page") -> NumberedPage:
    """Return a numbered page of a query, or of a list that is whole in memory such as a record that was opened.

    A number beyond the end shows the last page: a list may have become shorter since the link was made.
    """
    return numbered(items, request.GET.get(name, 1), size=size)


def numbered(items, number: str | int, *, size: int = 25) -> NumberedPage:
    """Return one page of a list by its number, the last one where it is beyond the end, the first where it is none."""
    return Paginator(items, size).get_page(number)
