"""What tells one resource from another where its sender gave it no id: its address, its identifiers, or its content.

Never its place among others: the next delivery has something else there, and that would be a version of this.
"""

import hashlib
import unicodedata
import uuid
from collections.abc import Mapping

UUID_URN = "urn:uuid:"
PAST_USES = frozenset({"old", "temp"})


def id_for(resource: Mapping, full_url: str) -> str:
    """Return the id of a resource that has none, the same each time it comes.

    Of a Patient the identifiers count and not the rest, for an address changes and the person stays.
    """
    if is_uuid_urn(full_url):
        return full_url[len(UUID_URN) :].lower()
    if "/" in full_url:
        return full_url.partition("/_history/")[0].rsplit("/", 1)[-1]
    if full_url:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, full_url))
    numbers = identifiers_in_use(resource) if resource["resourceType"] == "Patient" else []
    return str(uuid.uuid5(uuid.NAMESPACE_OID, content_digest([list(one) for one in sorted(numbers)] or resource)))


def is_nobody(resource: Mapping, full_url: str) -> bool:
    """Tell whether this is a Patient by whom nobody could be found again: two of the same name would become one."""
    known = resource.get("id") or full_url or identifiers_in_use(resource)
    return resource["resourceType"] == "Patient" and not known


def identifiers_in_use(resource: Mapping) -> list[tuple[str, str]]:
    """Return (system, value) of a resource's identifiers, without those given up and those that say nothing."""
    listed = resource.get("identifier")
    return [
        (one["system"], one["value"])
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
        and isinstance(one.get("system"), str)
        and one["system"]
        and isinstance(one.get("value"), str)
        and says_something(one["value"])
        and not (isinstance(one.get("use"), str) and one["use"] in PAST_USES)
    ]


def says_something(value: str) -> bool:
    """Tell whether an identifier's value names anybody: "-", "?" and "--" are what forms hold where none is known."""
    return any(sign.isalnum() for sign in unicodedata.normalize("NFKC", value))


def folded(url: str) -> str:
    """Return an address as it is compared: case does not count in a UUID (RFC 9562)."""
    return url.lower() if is_uuid_urn(url) else url


def is_uuid_urn(url: str) -> bool:
    """Tell whether an address is a UUID's, however its prefix is written."""
    return url[: len(UUID_URN)].lower() == UUID_URN


def content_digest(value: object) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys; 1.0 is not 1.00.

    Values are written one after the other, each group with its length, so that no two read the same; without
    recursion, for this runs before anything has looked how deep a value is nested.
    """
    digest, waiting = hashlib.sha256(), [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            digest.update(b"{%d\0" % len(one))
            for name in sorted(one):
                waiting += [one[name], name]
        elif isinstance(one, list):
            digest.update(b"[%d\0" % len(one))
            waiting += one
        else:
            digest.update(f"{one!r}\0".encode())
    return digest.hexdigest()
