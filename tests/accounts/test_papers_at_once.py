"""Two who use one paper, or make its halves, at the same moment, on two connections: it counts once."""

from functools import partial

import pytest

from ehr.accounts import on_paper, operations, queries
from ehr.accounts.models import PaperInvitation, User
from tests.accounts.conftest import NEW, PASSPHRASE
from tests.accounts.papers import NUMBER, first_half, issuer, use
from tests.consent.racing import behind

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.security]


def test_of_two_who_use_one_paper_at_once_one_is_in(paper):
    ways = [partial(use, paper), partial(use, paper, passphrase=NEW)]
    first, second = behind(PaperInvitation.objects.get(), *ways)
    assert isinstance(first, operations.SignedIn)
    assert isinstance(second, operations.Refused)
    user = User.objects.get(sign_in_name=paper[0])
    assert operations.sign_in(email=paper[0], passphrase=PASSPHRASE, address="192.0.2.1").keyring
    assert queries.keyring_of(user)


def test_of_two_who_confirm_at_once_one_makes_the_second_half(iris, vera):
    slip = first_half(iris)
    third = issuer("Third One")
    seen = {"document": "passport", "number": NUMBER}
    ways = [partial(on_paper.confirm, slip.invitation, by=who, **seen) for who in (vera, third)]
    first, second = behind(slip.invitation, *ways)
    assert first.complete
    assert isinstance(second, operations.Refused)
    assert slip.invitation.checks.count() == 2


def test_a_paper_that_is_ended_while_somebody_uses_it_opens_nothing(paper, iris):
    invitation = PaperInvitation.objects.get()
    (came,) = behind(invitation, partial(use, paper), meanwhile=partial(on_paper.end, invitation, by=iris))
    assert isinstance(came, operations.Refused)
    assert queries.keyring_of(User.objects.get(sign_in_name=paper[0])) is None
