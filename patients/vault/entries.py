"""What goes in and what comes out: a draft to be sealed, and an entry opened."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Protocol

# One decoder for all: `json.loads` with an option builds a new one for each text.
read_json = json.JSONDecoder(parse_float=Decimal).decode
_write_json = json.JSONEncoder(separators=(",", ":")).encode


class Author(Protocol):
    """Who signs what is written: a person's keyring, or a registered source."""

    @property
    def version_id(self) -> int | None: ...

    @property
    def source_id(self) -> uuid.UUID | None: ...

    @property
    def name(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class Draft:
    """What is to be sealed: the resource's JSON as it will be returned, and where it belongs.

    One that is `deleted` is the version that says so: no version of its entry is the present one after it.
    """

    resource: bytes
    parts: tuple[str, ...]  # one, or two when two sensitive labels apply
    search: bytes
    logical_id: uuid.UUID = field(default_factory=uuid.uuid4)
    version: int = 1
    origin: bytes | None = None
    attachment: bytes = b""
    deleted: bool = False

    @classmethod
    def deletion(cls, kind: str, logical_id: uuid.UUID, *, version: int, parts: tuple[str, ...]) -> "Draft":
        """Return the version that takes an entry away: type and id, no content, in the parts it was in."""
        bare = {"resourceType": kind, "id": str(logical_id)}
        said = {"type": kind, "id": str(logical_id), "deleted": True}
        text, values = _write_json(bare).encode(), _write_json(said).encode()
        return cls(text, parts, values, logical_id=logical_id, version=version, deleted=True)


@dataclass(eq=False)
class Placed:
    """Which version of which entry something is. Ids and times are made into objects when asked for: a chart has a
    thousand of them.
    """

    entry_bytes: bytes
    logical_bytes: bytes
    version: int
    parts: tuple[str, ...]
    stored_at: datetime | str
    manifest_id: int

    @cached_property
    def entry_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.entry_bytes)

    @cached_property
    def logical_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.logical_bytes)

    @cached_property
    def written_at(self) -> datetime:
        """When it was stored, in UTC."""
        at = self.stored_at if isinstance(self.stored_at, datetime) else datetime.fromisoformat(self.stored_at)
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    @property
    def category(self) -> str:
        return self.parts[0]


@dataclass(eq=False)
class OpenEntry(Placed):
    """One opened entry. `raw` is None when its key or its ciphertext does not fit; it is shown as such."""

    raw: bytes | None = field(repr=False)
    author_name: str = ""
    author_valid: bool = False
    _resource: dict | None = field(default=None, repr=False)

    @property
    def resource(self) -> dict:
        """The FHIR resource with its decimals as written; empty when it could not be opened."""
        if self._resource is None:
            self._resource = read_json(self.raw.decode()) if self.raw is not None else {}
        return self._resource
