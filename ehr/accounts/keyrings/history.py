"""One version of a keyring after another: fresh keys, signed by those before, which are kept under the fresh ones."""

from ehr import clock
from ehr.accounts.keyrings.locked import same_owner
from ehr.accounts.keyrings.opened import OpenKeyring, new_version
from ehr.accounts.models import Keyring, PastKeys, SharePair


def succeed(stored: Keyring, keyring: OpenKeyring, *, because: str = "renewed") -> OpenKeyring:
    """Return fresh keys in the place of a reader's present ones, as the next version. Call it inside a transaction.

    The present author key signs the next version, and the log names it. The present keys are kept under the next
    ones, so that what was sealed to them stays readable. Nothing stored opens the next ones yet, and nothing stored
    opens the present ones any more: the caller wraps the keys anew in the same transaction. Raises ValueError for an
    older version, also when another request was quicker.
    """
    locked = Keyring.objects.select_for_update().select_related("reader").get(pk=stored.pk)
    same_owner(locked, keyring)
    fresh = new_version(locked.reader, after=keyring, because=because)
    PastKeys.objects.create(version_id=keyring.version_id, under_id=fresh.version_id, blob=fresh.wrap_older(keyring))
    locked.version_id = fresh.version_id
    locked.by_passphrase = locked.by_recovery_code = locked.recovery_confirmed_at = None
    locked.stretched_with = ""
    locked.changed_at = clock.now()
    locked.save()
    SharePair.objects.filter(reader=locked.reader).delete()
    stored.refresh_from_db()
    return fresh
