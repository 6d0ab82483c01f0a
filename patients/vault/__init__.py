"""The vault: entries in and entries out. Only the door, `consent.access`, may import it.

It decides nothing and logs nothing. What it is handed opened lockboxes for, it opens: `read` whole entries, `search`
the values they are searched by, with bodies when these are asked for.
"""

from patients.vault.entries import Author, Draft, OpenEntry
from patients.vault.moving import move
from patients.vault.reading import read, read_attachment, read_search
from patients.vault.searching import IndexedEntry, OpenIndex, search
from patients.vault.writing import CHUNK_BYTES, NoLockbox, write

__all__ = [
    "CHUNK_BYTES",
    "Author",
    "Draft",
    "IndexedEntry",
    "NoLockbox",
    "OpenEntry",
    "OpenIndex",
    "move",
    "read",
    "read_attachment",
    "read_search",
    "search",
    "write",
]
