"""Whatever order grants and their ends arrive in, the contract does what three lines of Python say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr.chain import tokens

from .conftest import Bench, Person
from .test_access_token import ACTIVE, ENDED, NONE, Consent

pytestmark = [pytest.mark.contracts, pytest.mark.security]

# Five consents, two patients, three holders: some fight for the same holder.
CAST = [("ana", "r1"), ("ana", "r2"), ("rui", "r1"), ("rui", "r3"), ("ana", "r3")]
STEPS = st.lists(st.tuples(st.sampled_from(["grant", "revoke"]), st.integers(0, len(CAST) - 1)), max_size=12)


@settings(max_examples=20)
@given(steps=STEPS)
def test_the_first_word_about_a_holder_stands_and_an_end_is_for_ever(steps):
    bench = Bench()
    token = bench.deploy("AccessToken")
    domain = tokens.domain(token.address, bench.web3.eth.chain_id)
    consents = [Consent(domain, patient=Person(patient), reader=Person(reader)) for patient, reader in CAST]
    holders: dict[str, tuple[int, bool]] = {}
    for step, number in steps:
        consent = consents[number]
        item = consent.item() if step == "grant" else consent.end()
        bench.send(token.functions[step]([item]), by=bench.stranger)
        first, _ = holders.setdefault(consent.reader.address, (consent.id, step == "grant"))
        if step == "revoke" and first == consent.id:
            holders[consent.reader.address] = (consent.id, False)
    for consent in consents:
        known, alive = holders.get(consent.reader.address, (0, False))
        expected = NONE if known != consent.id else ACTIVE if alive else ENDED
        assert token.functions.statusOf(consent.id).call() == expected
