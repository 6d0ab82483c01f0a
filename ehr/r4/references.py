"""References inside a bundle become references inside a record: `urn:uuid:…` and absolute URLs turn into `Type/id`.

Contained references (`#…`) and references to what the bundle does not hold by name stay as they are.
Source: FHIR R4 bundle.html#references and http.html#trules.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from . import identity, subjects

# Elements whose text may be the address of another entry. `value` (identifiers) is never touched.
ADDRESSES = frozenset({"reference", "url", "uri", "valueUri", "valueUrl", "valueReference"})

# Types of which a bundle may name some by identifier that it does not bring: they are nobody's record. Synthea writes
# its clinicians and hospitals so, and puts them in files of their own.
NOBODYS = frozenset({"HealthcareService", "Location", "Organization", "Practitioner", "PractitionerRole"})


class Entry(NamedTuple):
    """One entry of a bundle: its place (from 1), its address there, and the resource."""

    number: int
    full_url: str
    resource: dict


class Unresolved(NamedTuple):
    """A reference that leads nowhere."""

    number: int
    path: str
    target: str


def give_ids(entries: Iterable[Entry]) -> None:
    """Give every resource without an id one that comes out the same in a second import."""
    for entry in entries:
        if not entry.resource.get("id"):
            entry.resource["id"] = identity.id_for(entry.resource, entry.full_url)


def addresses(entries: Iterable[Entry]) -> dict[str, str]:
    """Return {what an entry may be called inside the bundle: "Type/id"}."""
    known: dict[str, str] = {}
    for entry in entries:
        name = name_of(entry.resource)
        known.setdefault(name, name)
        if entry.full_url:
            known[identity.folded(entry.full_url)] = name
        listed = entry.resource.get("identifier")
        for identifier in listed if isinstance(listed, list) else ():
            if isinstance(identifier, dict) and identifier.get("system") and identifier.get("value"):
                query = f"{entry.resource['resourceType']}?identifier={identifier['system']}|{identifier['value']}"
                known.setdefault(query, name)
    return known


def name_of(resource: Mapping) -> str:
    """Return "Type/id"."""
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def rewrite(
    entries: Iterable[Entry], *, named: Iterable[Entry] | None = None, elsewhere: frozenset[str] = frozenset()
) -> list[Unresolved]:
    """Give ids and rewrite all references of a bundle in place; return those that lead nowhere inside it.

    Only `urn:` references and conditional ones can lead nowhere: others may name what is stored already. `named` are
    the entries by the ids that they are called by, where these are not their own. Of the types in `elsewhere` a
    conditional reference that leads nowhere becomes one by identifier: it still says who is meant.
    """
    entries = list(entries)
    give_ids(entries)
    known = addresses(entries if named is None else named)
    lost = []
    for entry in entries:
        for holder, path, target in list(_rewrite(entry.resource, known, _root(entry))):
            if logical := _by_identifier(target, elsewhere):
                del holder["reference"]
                holder.update(logical | holder)
            else:
                lost.append(Unresolved(entry.number, path, target))
    return lost


def _by_identifier(target: str, kinds: frozenset[str]) -> dict:
    """Return "Practitioner?identifier=npi|1" as a reference by identifier; {} for other types and conditions."""
    kind, _, conditions = target.partition("?")
    if kind not in kinds or not conditions.startswith("identifier=") or "&" in conditions:
        return {}
    system, _, value = unquote(conditions.removeprefix("identifier=")).rpartition("|")
    if not value:
        return {}
    return {"type": kind, "identifier": {"system": system, "value": value} if system else {"value": value}}


def _root(entry: Entry) -> str:
    """Return what a relative reference of an entry is relative to: "https://a.example/" of ".../Observation/1"."""
    address = entry.full_url.rsplit("/", 2)
    return f"{address[0]}/" if len(address) == 3 and address[1] == entry.resource["resourceType"] else ""


def _rewrite(resource: dict, known: Mapping[str, str], root: str) -> Iterator[tuple[dict, str, str]]:
    """Rewrite what is known; yield (holder, path, target) of what leads nowhere."""
    for holder, name, path in _addresses_in(resource):
        target = holder[name]
        base = identity.folded(target.partition("/_history/")[0])
        if base in known:
            holder[name] = known[base]
        elif root and name == "reference" and root + base in known:
            holder[name] = known[root + base]
        elif name == "reference" and (target.startswith("urn:") or "?" in target):
            yield holder, path, target


def _addresses_in(resource: dict) -> Iterator[tuple[dict, str, str]]:
    """Yield (holder, name, path) of every text that may be an address."""
    waiting: list[tuple[object, str]] = [(resource, resource["resourceType"])]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict):
            for name, item in value.items():
                if item.__class__ is str:
                    if name in ADDRESSES:
                        yield value, name, f"{path}.{name}"
                elif item.__class__ is dict or item.__class__ is list:
                    waiting.append((item, f"{path}.{name}"))
        elif isinstance(value, list):
            waiting.extend((item, path) for item in value if item.__class__ is dict or item.__class__ is list)


def subject_of(resource: Mapping) -> str:
    """Return "Patient/id" of the one person a resource is about, "" where it does not say, or names several.

    A Patient is about itself.
    """
    if resource["resourceType"] == "Patient":
        return name_of(resource)
    names = {one.name for one in subjects.named(resource) if one.name}
    return names.pop() if len(names) == 1 else ""


def targets_of(resource: Mapping) -> set[str]:
    """Return every "Type/id" that a resource refers to."""
    found = set()
    for holder, name, _path in _addresses_in(dict(resource)):
        if name == "reference" and not holder[name].startswith("#"):
            found.add("/".join(holder[name].partition("/_history/")[0].split("/")[-2:]))
    return found
