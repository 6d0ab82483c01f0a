"""An analyst with the whole public chain looks for two grants of one patient, or two of one reader.

Each thing they try is tried twice: on what the product does, and on a control that behaves as it must not, where it
has to succeed. Chance is dealt by a generator with a seed, so that each run sees the same delays.
"""

import random
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from consent import access, proofs, tasks
from consent.models import GrantParcel
from consent.sharing import grants
from ehr import clock
from ehr.chain.indexer import index
from ehr.words import Category
from tests import people
from tests.consent import analyst
from tests.consent.analyst import Public

pytestmark = [pytest.mark.django_db, pytest.mark.privacy, pytest.mark.contracts]
MORNING = datetime(2027, 3, 1, 9, tzinfo=UTC)
HOUR, STEP = timedelta(hours=1), timedelta(minutes=2)
# Of two thousand ways to deal out who is who; eighteen claims are held to it, and none may pass for knowledge by luck.
NO_ACCIDENT = 0.002


@dataclass
class Truth:
    """What the analyst does not see: whose each token is, in which order they were made, which belong to one change."""

    public: Public | None = None
    patient: dict[int, object] = field(default_factory=dict)
    reader: dict[int, object] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)
    changed: dict[int, int] = field(default_factory=dict)
    unspoken: list[bytes] = field(default_factory=list)

    def note(self, grant, *, instead_of=None) -> None:
        token = proofs.token_id(grant)
        self.patient[token], self.reader[token] = grant.patient_id, grant.reader_id
        self.made[token] = len(self.made)
        self.changed[token] = self.made[token]
        if instead_of is not None:
            self.changed[proofs.token_id(instead_of)] = self.made[token]
        version = grant.key_version
        self.unspoken += [grant.patient_id.bytes, grant.reader_id.bytes, grant.pk.bytes, proofs.digest(grant)]
        self.unspoken += map(bytes, (grant.salt, grant.binding, grant.ephemeral, version.digest))
        self.unspoken += map(bytes, (version.stealth_spend_public, version.stealth_view_public, version.author_public))


@dataclass
class Town:
    """Six patients, four clinicians, one chain, and the time of day."""

    chain: object
    time: object
    dice: random.Random
    patients: list
    readers: list
    truth: Truth = field(default_factory=Truth)

    def wait(self, how_long: timedelta) -> None:
        """Let time pass, and the workers go about their work."""
        then = clock.now() + how_long
        while clock.now() + STEP <= then and GrantParcel.objects.filter(delivered_at__isnull=True).exists():
            self.time.shift(STEP)
            if tasks.relay_grants():
                self.chain.settle()
        self.time.move_to(then)

    def give(self, patient, reader, *, days: int, instead_of=None, **more):
        made = people.give(patient, reader, self.dice.choice([Category.LABS, Category.HISTORY]), days=days, **more)
        self.truth.note(made, instead_of=instead_of)
        return made

    def change(self, patient, reader, old, **more):
        """End one and give another in its place, in the same second."""
        grants.end(old, keyring=patient.keyring, by=access.own_party(patient.patient))
        return self.give(patient, reader, instead_of=old, **more)

    def look(self) -> Truth:
        self.wait(2 * HOUR)
        assert not GrantParcel.objects.filter(delivered_at__isnull=True).exists()
        index()
        contract = GrantParcel.objects.first().grant.contract
        return replace(self.truth, public=analyst.look(contract))


@pytest.fixture
def town(request, monkeypatch):
    """Return a function that founds the town under a delay; call it once."""
    dice = random.Random(20270301)
    with time_machine.travel(MORNING - 3 * HOUR, tick=False) as travelling:
        chain = request.getfixturevalue("chain")
        people.open_escrow()
        names = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn")
        patients = [people.patient(name) for name in names]
        readers = [people.clinician(name) for name in ("Lee", "Roy", "Kim", "Sato")]
        monkeypatch.setattr(secrets, "randbelow", dice.randrange)
        # The place in a batch is that of the parcel's id.
        parcel_id = GrantParcel._meta.get_field("id")
        monkeypatch.setattr(parcel_id, "_get_default", lambda: UUID(int=dice.getrandbits(128), version=4))

        def found(delay: int) -> Town:
            request.getfixturevalue("settings").GRANT_RELAY_DELAY_SECONDS = delay
            return Town(chain, travelling, dice, patients, readers)

        yield found


def two_days(town: Town) -> Truth:
    """A busy hour in which all let their clinicians in, and another a day later in which half of it is changed."""
    given = []
    for patient in town.dice.sample(town.patients * 2, k=9):
        town.wait(STEP)
        for reader in town.dice.sample(town.readers, k=3):
            given.append((patient, reader, town.give(patient, reader, days=town.dice.choice([7, 30, 90]))))
    town.wait(timedelta(days=1))
    for number, (patient, reader, old) in enumerate(town.dice.sample(given, k=18)):
        town.wait(STEP)
        if number % 3:
            town.change(patient, reader, old, days=town.dice.choice([7, 30, 90]))
        else:
            grants.end(old, keyring=patient.keyring, by=access.own_party(patient.patient))
            town.give(patient, town.dice.choice(town.readers), days=town.dice.choice([7, 30, 90]))
    return town.look()


_seen: dict[int, Truth] = {}


@pytest.fixture
def seen(request):
    """What is left on chain of the two days; plain values, so it is made once for all tests."""
    if 3600 not in _seen:
        _seen[3600] = two_days(request.getfixturevalue("town")(3600))
    return _seen[3600]


@pytest.fixture
def hasty(request):
    """The control: everything leaves at once."""
    if 0 not in _seen:
        _seen[0] = two_days(request.getfixturevalue("town")(0))
    return _seen[0]


def test_the_analyst_sees_every_token_and_every_end(seen):
    assert {item.token for item in seen.public.of_kind("grant")} == set(seen.patient)
    assert len(seen.public.of_kind("revoke")) == 18


@pytest.mark.parametrize("name", ["holder", "signer", "scope", "r", "id"])
def test_no_two_tokens_have_six_bytes_of_anything_in_common(seen, name):
    assert analyst.shared_bytes(seen.public) == set()
    one, other = seen.public.of_kind("grant")[:2]
    related = one.fields[name][:6] + other.fields[name][6:]
    found = analyst.shared_bytes(analyst.as_if(seen.public, other.token, **{name: related}))
    assert found == {(min(one.token, other.token), max(one.token, other.token))}


def test_nothing_that_names_somebody_is_on_chain_nor_what_finds_a_reader_s_addresses(seen):
    everything = seen.public.everything
    assert seen.public.items[0].fields["holder"] in everything
    for secret in seen.unspoken:
        assert not any(secret[start : start + 8] in everything for start in range(0, len(secret) - 7, 8))


def test_all_is_sent_by_one_who_counts_transactions_and_nobody_s(seen):
    assert len({batch.sender for batch in seen.public.batches}) == 1
    nonces = [batch.nonce for batch in seen.public.batches]
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))


def test_gas_tells_how_many_there_are_in_a_batch_and_nothing_of_them(seen):
    assert analyst.gas_by_size(seen.public).keys() >= {("grant", 1), ("grant", 2), ("revoke", 1)}
    assert all(len(work) == 1 for work in analyst.gas_by_size(seen.public).values())
    # Not because the measure is coarse: one unit of gas more in one batch would be another number.
    first, *others = seen.public.batches
    odd = replace(seen.public, batches=(replace(first, work=first.work + 1), *others))
    assert any(len(work) == 2 for work in analyst.gas_by_size(odd).values())


ATTEMPTS = (
    analyst.same_batch,
    analyst.close_in_time,
    analyst.next_to_each_other,
    analyst.same_days,
    analyst.changed_at_once,
    analyst.changed_with_its_end_kept,
)


@pytest.mark.parametrize("whose", ["patient", "reader", "changed"])
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
def test_claims_from_times_batches_and_days_are_no_better_than_guesses(seen, attempt, whose):
    assert analyst.luck(attempt(seen.public), getattr(seen, whose)) >= NO_ACCIDENT


@pytest.mark.parametrize(
    ("attempt", "whose"),
    [
        (analyst.same_batch, "patient"),
        (analyst.close_in_time, "patient"),
        (analyst.next_to_each_other, "patient"),
        (analyst.changed_at_once, "patient"),
        (analyst.changed_at_once, "reader"),
        (analyst.changed_at_once, "changed"),
    ],
)
def test_were_everything_sent_at_once_the_same_claims_would_be_true(hasty, attempt, whose):
    assert analyst.luck(attempt(hasty.public), getattr(hasty, whose)) < NO_ACCIDENT


def test_of_twelve_changes_few_are_guessed_and_without_delay_all(seen, hasty):
    def guessed(truth):
        return analyst.hits(analyst.changed_at_once(truth.public), truth.changed)

    assert guessed(seen) <= 4
    assert guessed(hasty) == 12


# --- After an outage ------------------------------------------------------------------------------
def one_batch(town: Town) -> Truth:
    """All that is given in an hour leaves in one batch, for the workers were down meanwhile."""
    for number in range(30):
        town.time.shift(STEP)
        town.give(town.patients[number % 6], town.readers[number % 4], days=30)
    town.time.shift(2 * HOUR)
    truth = town.look()
    assert {batch.size for batch in truth.public.batches} == {30}
    return truth


def by_due_time(parcel) -> tuple:
    return parcel.due_at


def test_places_in_a_batch_tell_nothing_of_the_order_in_which_its_grants_were_made(town):
    truth = one_batch(town(3600))
    assert order_is_chance(truth)


def test_were_a_batch_in_the_order_in_which_its_grants_fell_due_it_would_tell(town, monkeypatch):
    monkeypatch.setattr(tasks, "_IN_BATCH", "due_at")
    assert not order_is_chance(one_batch(town(3600)))


def order_is_chance(truth: Truth) -> bool:
    """Tell whether as many pairs of a batch are in order as not, within four standard deviations (Kendall's tau)."""
    in_order, total = analyst.order_told(truth.public, truth.made)
    count = len(truth.made)
    deviation = (count * (count - 1) * (2 * count + 5) / 72) ** 0.5
    return abs(in_order - total / 2) < 4 * deviation


# --- Changes that keep their end ------------------------------------------------------------------
def changes_that_keep_their_end(made: Town) -> Truth:
    """Six patients, each with an end of their own, change what they gave and keep the end; others come and go."""
    given = [
        (one, made.give(one, made.readers[0], days=days))
        for days, one in zip((7, 9, 13, 16, 19, 22), made.patients, strict=True)
    ]
    made.wait(timedelta(days=1))
    for patient, old in given:
        made.change(patient, made.readers[0], old, days=(old.ends - clock.now()).days)
        made.give(patient, made.readers[1], days=20)
    return made.look()


def test_a_change_that_keeps_its_end_is_hidden_among_all_that_end_in_the_quarter(town):
    truth = changes_that_keep_their_end(town(3600))
    claimed = analyst.changed_with_its_end_kept(truth.public)
    assert analyst.hits(claimed, truth.changed) * 4 <= len(claimed)


def test_were_the_days_themselves_on_chain_it_would_be_linked(town, monkeypatch):
    def days(starts, ends):
        return tuple(int(one.timestamp()) // 86_400 * 86_400 for one in (starts, ends + timedelta(days=1)))

    monkeypatch.setattr(proofs, "whole_quarters", days)
    truth = changes_that_keep_their_end(town(3600))
    claimed = analyst.changed_with_its_end_kept(truth.public)
    assert analyst.hits(claimed, truth.changed) * 2 > len(claimed)


# --- What it does not hide ------------------------------------------------------------------------
def test_it_does_not_hide_who_acts_alone_in_an_hour(town):
    """The delay mixes what happens within the hour. Where one patient lets three in and nobody else does anything,
    there is nothing to mix with."""
    made = town(3600)
    for patient in made.patients[:3]:
        for reader in made.readers[:3]:
            made.give(patient, reader, days=30)
        made.wait(3 * HOUR)
    truth = made.look()
    claimed = analyst.close_in_time(truth.public, seconds=3600)
    assert len(claimed) == analyst.hits(claimed, truth.patient) == 9
