"""The mark of a release, as its row keeps it: under the deployment's storage key. It opens nothing of anybody.

Kept so, and not under the study's keys, for a copy may turn up when the study is closed and its keys are destroyed.
"""

import json
import secrets

from ehr.accounts import stored
from research.deidentify.marks import KEY_BYTES, Context, Mark
from research.models import Release

_LABEL = "release-mark"


def new() -> Mark:
    """Return a mark that nothing bears yet."""
    return Mark(secrets.token_bytes(KEY_BYTES))


def closed(release: Release, mark: Mark) -> bytes:
    """Return a mark as its release's row keeps it; it opens for this release alone."""
    told = {"key": mark.key.hex(), "contexts": [[list(one.columns), one.one_in] for one in mark.contexts]}
    return stored.put_away(json.dumps(told).encode(), about=release.pk.bytes, label=_LABEL)


def of(release: Release) -> Mark | None:
    """Return a release's mark; None for one that bears none. Raises stored.NotOurs for an altered row."""
    if release.mark is None:
        return None
    told = json.loads(stored.take_out(bytes(release.mark), about=release.pk.bytes, label=_LABEL))
    contexts = tuple(Context(tuple(columns), one_in) for columns, one_in in told["contexts"])
    return Mark(bytes.fromhex(told["key"]), contexts)
