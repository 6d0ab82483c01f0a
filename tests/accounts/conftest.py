"""People for these tests: Alice, whose account is whole, and what her browser knows."""

import pytest

from ehr.accounts import operations

PASSPHRASE = "four plain words of hers"
HOME = "192.0.2.10"


@pytest.fixture
def alice(db):
    """Alice, just signed in: her user and her open keyring."""
    return operations.open_account(email="alice@example.org", name="Alice Moreau", passphrase=PASSPHRASE)
