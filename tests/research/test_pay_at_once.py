# ruff: noqa: F811 - fixtures are imported by their names
"""Several at once: one share said twice at the same moment goes to one account, and two people get their own."""

from functools import partial

import pytest

from ehr.chain.models import Transaction
from research.compensation import claiming
from tests.appointments.at_once import Copy
from tests.research.paying_made import (  # noqa: F401 - fixtures
    account,
    board,
    due_of,
    joined,
    ready,
    release,
    rosa,
    small_groups,
    study,
    units,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_at_one_moment_a_share_goes_one_way_and_others_theirs(tmp_path, ready, joined):
    (ana, _one), (bo, _two) = joined
    copy = Copy(tmp_path)
    acts = [
        partial(claiming.claim, due_of(ana), keyring=ana.keyring, payee=account("one")),
        partial(claiming.claim, due_of(ana), keyring=ana.keyring, payee=account("another")),
        partial(claiming.leave, due_of(ana), keyring=ana.keyring),
        partial(claiming.claim, due_of(bo), keyring=bo.keyring, payee=account("Bo's")),
    ]
    came = copy.at_once(acts)
    assert sum(isinstance(one, claiming.NotPossible) for one in came) == 2, came
    assert copy.look(lambda: Transaction.objects.filter(method="claim").count()) == 2
