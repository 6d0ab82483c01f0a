"""Mona, who has no e-mail address, the two members of staff who see her, and her paper."""

import pytest
from django.contrib.auth.models import Permission

from ehr.accounts import on_paper, operations
from ehr.accounts.models import User

PASSPHRASE = "four plain words of hers"
HOME = "192.0.2.10"
NAME, REACH, NUMBER = "Mona Duarte", "Rua da Praia 4, Horta\n292 555 010", "P-77 812 x"


def issuer(name: str) -> User:
    email = f"{name.lower().replace(' ', '.')}@example.org"
    made = operations.open_account(email=email, name=name, passphrase="a desk has its own words", staff=True).user
    made.user_permissions.add(Permission.objects.get(codename="issue_paper"))
    return User.objects.get(pk=made.pk)


@pytest.fixture
def iris(db):
    return issuer("Iris Park")


@pytest.fixture
def vera(db):
    return issuer("Vera Stone")


def first_half(by: User) -> on_paper.Handed:
    return on_paper.invite(name=NAME, reach=REACH, document="passport", number=NUMBER, by=by)


def second_half(handed: on_paper.Handed, by: User) -> on_paper.Handed:
    return on_paper.confirm(handed.invitation, document="passport", number="p77812X", by=by)


@pytest.fixture
def paper(iris, vera):
    """What a person without e-mail carries home: name, first and second half."""
    slip = first_half(iris)
    sheet = second_half(slip, vera)
    return slip.invitation.user.sign_in_name, slip.code, sheet.code


def use(paper, *, passphrase: str = PASSPHRASE, address: str = HOME) -> operations.SignedIn:
    name, first, second = paper
    return on_paper.redeem(name=name, first=first, second=second, passphrase=passphrase, address=address)


@pytest.fixture
def mona(paper):
    """Mona, who used her paper."""
    return use(paper)


def again(user: User, iris: User, vera: User) -> tuple[str, str, str]:
    """Return a second paper for somebody who forgot their passphrase."""
    slip = on_paper.invite_back(user, document="passport", number=NUMBER, by=iris)
    sheet = on_paper.confirm(slip.invitation, document="passport", number=NUMBER, by=vera)
    return user.sign_in_name, slip.code, sheet.code
