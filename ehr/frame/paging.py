"""Long lists, a page at a time. A page begins after the last line of the one before, so nothing is shown twice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest

Item = TypeVar("Item")
_LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page of a list that is read from the newest down. `older` is the cursor of the next page, or None."""

    items: Sequence[Item]
    older: str | None
    first: bool


def cursor(request: HttpRequest, name: str = "before") -> int | None:
    """Return the number in the address's `?before=`, or None on a first page. Raises Http404 where it is none."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) <= _LARGEST:
        raise Http404
    return int(text)


def newest_first(
    fetch: Callable[[int | None, int], Sequence[Item]],
    *,
    before: int | None,
    size: int,
    key: Callable[[Item], int | None],
) -> Page[Item]:
    """Return the first `size` items, or those after the cursor `before`.

    `fetch(before, limit)` reads newest first; one more than is shown tells whether there is another page.
    `key(item)` is the item's cursor.
    """
    found = fetch(before, size + 1)
    items = found[:size]
    more = len(found) > size and items and key(items[-1]) is not None
    return Page(items=items, older=str(key(items[-1])) if more else None, first=before is None)


def numbered(request: HttpRequest, items: Sequence[Item], *, size: int, name: str = "page"):
    """Return a numbered page of a list that is whole in memory, such as a record that has been opened.

    A number beyond the end shows the last page: a list may have become shorter since the link was made.
    """
    return Paginator(items, size).get_page(request.GET.get(name, 1))
