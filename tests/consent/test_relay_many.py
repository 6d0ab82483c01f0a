"""Ten thousand grants that are due leave in batches of a hundred, each once."""

from collections import Counter

import pytest

from consent import proofs, tasks
from consent.models import Grant, GrantParcel
from ehr import clock
from ehr.chain import transactions
from tests import people

pytestmark = pytest.mark.django_db
MANY = 10_000


def test_ten_thousand_due_grants_leave_in_batches_of_a_hundred_without_doubling(monkeypatch):
    people.prepare_ground()
    grant = people.give(people.patient("Ana Costa"), people.clinician("Mei Lee"))
    GrantParcel.objects.all().delete()
    at = clock.now()
    GrantParcel.objects.bulk_create(
        (GrantParcel(grant=grant, kind="mint", key=f"mint:{number}", due_at=at) for number in range(MANY)),
        batch_size=1000,
    )
    sent = []
    monkeypatch.setattr(transactions, "queue", lambda digest, **call: sent.append((digest, len(call["args"][0]))))
    monkeypatch.setattr(proofs, "intact", lambda _grant: True)
    monkeypatch.setattr(tasks, "_mint", lambda one: one.pk)
    went = []
    while left := tasks.relay_grants():
        went.append(left)
    assert went == [tasks.BATCH] * (MANY // tasks.BATCH)
    assert [items for _digest, items in sent] == went
    assert len({digest for digest, _items in sent}) == len(sent)
    batches = Counter(map(bytes, GrantParcel.objects.values_list("batch", flat=True)))
    assert set(batches.values()) == {tasks.BATCH}
    assert set(batches) == {digest for digest, _items in sent}
    assert Grant.objects.count() == 1
