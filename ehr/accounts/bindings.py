"""Binding keys to people in public: a commitment on chain that names nobody, and cannot be exchanged unseen."""

import hashlib

from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import KeyVersion
from ehr.chain import identities, transactions, typed_data

HOLDER_CONTEXT = b"identity-holder v1"


def bind(keyring: OpenKeyring) -> bytes:
    """Queue the binding of a person's keys for the chain, in the caller's transaction, and return its 32 bytes.

    The holder is an address of the person's own: with its key they can object to somebody else's recovery.
    """
    version = KeyVersion.objects.get(pk=keyring.version_id)
    holder = typed_data.address_of(keyring.grant_key(HOLDER_CONTEXT))
    commitment = identities.commitment(holder, version.blinded)
    transactions.queue(
        hashlib.sha256(b"chartseal bind\x00" + commitment).digest(),
        contract=identities.CONTRACT,
        method="bind",
        args=[commitment],
    )
    KeyVersion.objects.filter(pk=version.pk).update(commitment=commitment)
    return commitment
