"""Where the next page begins: the whole question and the place of the last one shown, sealed for who asked.

Nothing is kept here between two pages, and each is decided anew: what was ended or hidden meanwhile is on no later
page, and nothing that still may be seen is passed over. What is sealed is no secret of the server: it is the question
and a sort value, which have no place in an address that proxies write down.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

import orjson

from ehr.accounts import stored
from ehr.fhir import outcomes
from ehr.fhir.query import Asked, of_pairs
from ehr.fhir.records import Seen
from ehr.r4 import matching

_LABEL = "fhir-page"


class Place:
    """Where the last one that was shown stood: a shadow of it, which takes its place in the order."""

    def __init__(self, kind: str, name: str, version: int, written_at: datetime, index: dict) -> None:
        self.kind, self.name, self.version, self.written_at, self.index = kind, name, version, written_at, index


def seal(pairs: Sequence[tuple[str, str]], last: Seen, codes: Sequence[str], *, path: str, client: str) -> str:
    """Return the text that stands in the address of the next page: good for the same client at the same address.

    `codes` are the parameters by which the page was sorted.
    """
    values = {code: list(matching.held(last.index, code)) for code in codes if code != "_id"}
    shadow = [last.kind, last.name, last.version, last.written_at.isoformat(), last.id, values]
    blob = stored.put_away(orjson.dumps([list(pairs), shadow]), about=_about(path, client), label=_LABEL)
    return base64.urlsafe_b64encode(blob).decode().rstrip("=")


def unseal(text: str, *, path: str, client: str) -> tuple[Asked, Place]:
    """Return the question and the place. Raises Refusal 400 for a text that this server did not make for this."""
    try:
        blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        pairs, shadow = orjson.loads(stored.take_out(blob, about=_about(path, client), label=_LABEL))
    except (stored.NotOurs, binascii.Error, ValueError):
        words = "This page address was not made for this client. Begin again with the search itself."
        raise outcomes.not_understood(words, at="http._page") from None
    kind, name, version, written_at, fhir_id, values = shadow
    index = {"type": kind, "id": fhir_id, "p": values}
    place = Place(kind, name, version, datetime.fromisoformat(written_at), index)
    return of_pairs([(str(one), str(value)) for one, value in pairs]), place


def _about(path: str, client: str) -> bytes:
    return f"{client}\x00{path}".encode()
