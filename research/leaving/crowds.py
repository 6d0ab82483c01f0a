"""Which rows of a release look alike: kept for a later withdrawal, under the study's keys, without anybody's id."""

import json
from collections.abc import Iterable, Sequence

from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import Reader
from ehr.crypto import sealing
from ehr.crypto.digests import joined
from research import marks
from research.deidentify.pseudonyms import Pseudonyms
from research.models import Crowd, Release

Groups = Sequence[Sequence[str]]


def names(keyring: OpenKeyring, release: Release) -> Pseudonyms:
    """Return the pseudonyms of one release, which are derived from the study's keys and kept nowhere.

    Days are shifted alike in all of a study's releases: another shift each time, and their mean would be the day.
    """
    mark = marks.of(release)
    return Pseudonyms(
        keyring.grant_key(b"pseudonyms/" + release.pk.bytes),
        shifts=keyring.grant_key(b"date-shifts"),
        marked=mark.key if mark else b"",
    )


def alike(rows: Iterable[tuple[str, tuple]]) -> list[list[str]]:
    """Return pseudonyms in groups, from (pseudonym, what its row can be recognised by); sorted: no order tells."""
    found: dict[tuple, list[str]] = {}
    for person, seen in rows:
        found.setdefault(seen, []).append(person)
    return sorted(sorted(group) for group in found.values())


def keep(release: Release, groups: Groups, reader: Reader) -> Crowd:
    """Seal the groups to the study, in the caller's transaction. Whoever has the database learns nothing by them."""
    version = accounts.present_version(reader)
    body = json.dumps(groups, separators=(",", ":")).encode()
    return Crowd.objects.create(
        release=release, sealed=sealing.seal(bytes(version.kem_public), body, info=_info(release))
    )


def around(release: Release, people: Iterable[str], keyring: OpenKeyring) -> tuple[str, ...]:
    """Return the pseudonyms of everybody who looks like one of these patients (ids as text) in a release, sorted.

    Empty where that is not known for each of them: then the whole file is meant.
    """
    crowd = Crowd.objects.filter(release=release).first()
    if crowd is None:
        return ()
    try:
        groups = json.loads(keyring.open_seal(bytes(crowd.sealed), info=_info(release)))
    except CannotOpen:
        return ()
    named = names(keyring, release)
    wanted = {named.person(one) for one in people}
    hit = [group for group in groups if wanted.intersection(group)]
    found = {person for group in hit for person in group}
    return tuple(sorted(found)) if wanted <= found else ()


def _info(release: Release) -> bytes:
    return joined(b"release-crowd/v1", release.pk.bytes)
