"""What stands in a delivery twice: the same once more is left out, and of two that differ nobody knows which holds."""

from collections.abc import Iterable

from ehr.r4 import identity, references
from ehr.r4.references import Entry


def apart(entries: Iterable[Entry]) -> tuple[list[Entry], list[tuple[Entry, Entry]]]:
    """Return the entries without those that only repeat an earlier one, and (earlier, later) of those that differ.

    Ids are given before.
    """
    first: dict[str, Entry] = {}
    differing = []
    for entry in entries:
        earlier = first.setdefault(references.name_of(entry.resource), entry)
        if earlier is not entry and _digest(earlier) != _digest(entry):
            differing.append((earlier, entry))
    return list(first.values()), differing


def words(name: str, other: str) -> str:
    """Return why an entry is refused: it is also at another place."""
    return f"{name} stands here twice; {other} says it in other words. Send one of the two."


def _digest(entry: Entry) -> str:
    return identity.content_digest(entry.resource)
