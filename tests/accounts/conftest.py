"""People for these tests: Alice, whose account is whole, and what her browser knows; who keeps shares for her."""

import os
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Permission

from ehr.accounts import guardians, keyrings, links, lost_keys, operations, queries, recovery
from ehr.accounts.keyrings import OpenKeyring, shares
from ehr.accounts.models import Link, Reader, Recovery, Share, User
from tests.accounts.papers import iris, mona, paper, vera

__all__ = ["iris", "mona", "paper", "vera"]

PASSPHRASE = "four plain words of hers"
NEW = "seven brand new words here"
HOME = "192.0.2.10"


@pytest.fixture
def alice(db):
    """Alice, just signed in: her user and her open keyring."""
    return operations.open_account(email="alice@example.org", name="Alice Moreau", passphrase=PASSPHRASE)


@pytest.fixture
def bob(db):
    """Bob, whom Alice trusts."""
    return operations.open_account(email="bob@example.org", name="Bob Dahl", passphrase="what bob would say here")


@pytest.fixture
def custodian(db) -> OpenKeyring:
    """The institution's custodian, whose keys the keyholder has."""
    reader = Reader.objects.create(kind=Reader.Kind.SERVICE, name=queries.CUSTODIAN_NAME)
    return keyrings.create(reader, os.urandom(32))


@pytest.fixture
def code(alice, custodian) -> str:
    """Alice's code on paper, written down and confirmed."""
    made = recovery.new_code()
    recovery.confirm(user=alice.user, keyring=alice.keyring, code=made)
    return made


@pytest.fixture
def guarded(alice, bob, code):
    """Bob keeps a share for Alice."""
    asked = guardians.ask(user=alice.user, email="bob@example.org", address=HOME)
    guardians.agree(asked, by=bob.user, keyring=bob.keyring)
    guardians.entrust(asked, user=alice.user, keyring=alice.keyring)
    asked.refresh_from_db()
    return asked


def checker(name: str) -> User:
    """Return a member of staff whose job it is to check who people are."""
    email = f"{name.lower().replace(' ', '.')}@example.org"
    made = operations.open_account(email=email, name=name, passphrase="a desk has its own words", staff=True).user
    made.user_permissions.add(Permission.objects.get(codename="check_recovery"))
    return User.objects.get(pk=made.pk)


def reset(person) -> None:
    """Let somebody who lost their passphrase set another by e-mail."""
    recovery.ask_for_reset(email=person.user.email, address=HOME)
    link = Link.objects.get(user=person.user, kind="reset", used_at=None)
    recovery.reset(token=links.token(link), passphrase=NEW)
    person.user.refresh_from_db()


@dataclass
class Way:
    """A recovery that Alice began, and what her browser keeps."""

    recovery: Recovery
    cookie: str
    custodian: OpenKeyring

    @property
    def letters(self) -> str:
        return lost_keys.spoken(self.recovery, self.cookie)

    def by_institution(self) -> None:
        """Hand the institution's share over, as the keyholder does after two checks."""
        share = Share.objects.get(reader__user=self.recovery.user, holder="institution")
        event_id = share.reader_id
        blob = shares.hand_on(share, self.custodian, to=bytes(self.recovery.public), info=shares.handed_info(event_id))
        lost_keys.give(self.recovery, "institution", event_id=event_id, blob=blob)

    def finish(self, code: str = "", passphrase: str = NEW):
        return lost_keys.finish(
            Recovery.objects.get(pk=self.recovery.pk),
            cookie=self.cookie,
            code=code,
            passphrase=passphrase,
            address=HOME,
        )


@pytest.fixture
def begun(alice, guarded, custodian) -> Way:
    """Alice lost her passphrase and began to get her keys back. She has paper, the institution and Bob."""
    reset(alice)
    return Way(*lost_keys.start(user=alice.user, address=HOME), custodian)
