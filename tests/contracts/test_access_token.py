"""AccessToken: what a signature can do, and what nobody can do without one."""

from dataclasses import dataclass, field

import pytest
from eth_utils.crypto import keccak

from ehr.chain import tokens, typed_data

from .conftest import DAY, NOON, Person, events

pytestmark = pytest.mark.contracts

NONE, NOT_YET, ACTIVE, EXPIRED, ENDED = range(5)
SIGNATURE, PERIOD, HOLDER_USED, OTHER_TOKEN = range(4)
MINTED_FROM = "0x" + "0" * 40


@dataclass
class Consent:
    """A grant by a patient's one-time key to a reader's one-time address."""

    domain: typed_data.Domain
    patient: Person = field(default_factory=lambda: Person("patient"))
    reader: Person = field(default_factory=lambda: Person("reader"))
    starts: int = NOON - DAY
    until: int = NOON + 30 * DAY
    scope: bytes = keccak(text="labs, to Dr Costa, salted")

    @property
    def grant(self):
        return tokens.TokenGrant(self.reader.address, self.starts, self.until, self.scope)

    @property
    def id(self):
        return tokens.token_id(self.patient.address, self.grant.struct_hash(), self.reader.address)

    def item(self):
        return tokens.grant_item(self.grant, tokens.sign_grant(self.patient.key, self.grant, self.domain))

    def end(self, by=None):
        signature = tokens.sign_revoke((by or self.patient).key, self.id, self.domain)
        return tokens.revoke_item(self.patient.address, self.grant, signature)


@pytest.fixture
def token(bench):
    return bench.deploy("AccessToken")


@pytest.fixture
def domain(bench, token):
    return tokens.domain(token.address, bench.web3.eth.chain_id)


@pytest.fixture
def consent(domain):
    return Consent(domain)


def status(token, consent):
    return token.functions.statusOf(consent.id).call()


def skipped(token, receipt):
    return [(event["index"], event["reason"]) for event in events(token, receipt, "Skipped")]


def test_a_signed_grant_becomes_the_readers_token(bench, token, consent):
    receipt = bench.send(token.functions.grant([consent.item()]))
    assert events(token, receipt, "Transfer") == [
        {"from": MINTED_FROM, "to": consent.reader.address, "tokenId": consent.id}
    ]
    assert token.functions.ownerOf(consent.id).call() == consent.reader.address
    assert token.functions.balanceOf(consent.reader.address).call() == 1
    assert token.functions.periodOf(consent.id).call() == [consent.starts, consent.until]
    assert status(token, consent) == ACTIVE


def test_python_and_the_contract_agree_on_the_id(token, consent):
    asked = token.functions.idOf(consent.patient.address, consent.grant.struct_hash(), consent.reader.address)
    assert asked.call() == consent.id


def test_anyone_may_relay(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]), by=bench.stranger)
    assert status(token, consent) == ACTIVE


def test_a_grant_counts_from_its_first_day_to_its_last(bench, token, domain):
    consent = Consent(domain, starts=NOON + DAY, until=NOON + 2 * DAY)
    bench.send(token.functions.grant([consent.item()]))
    told = []
    for seconds in (0, DAY - 60, DAY, 2 * DAY - 60, 2 * DAY):
        bench.time = NOON + seconds
        told.append(status(token, consent))
    assert told == [NOT_YET, NOT_YET, ACTIVE, ACTIVE, EXPIRED]


def test_an_ended_grant_has_no_holder(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    receipt = bench.send(token.functions.revoke([consent.end()]))
    assert events(token, receipt, "Transfer") == [
        {"from": consent.reader.address, "to": MINTED_FROM, "tokenId": consent.id}
    ]
    assert status(token, consent) == ENDED
    assert token.functions.balanceOf(consent.reader.address).call() == 0
    assert bench.refusal(token.functions.ownerOf(consent.id)) == ("ERC721NonexistentToken", (consent.id,))


def test_ending_twice_changes_nothing(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    bench.send(token.functions.revoke([consent.end()]))
    assert bench.send(token.functions.revoke([consent.end()])).logs == []
    assert status(token, consent) == ENDED


@pytest.mark.security
def test_a_replayed_grant_is_refused(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    receipt = bench.send(token.functions.grant([consent.item()]), by=bench.stranger)
    assert skipped(token, receipt) == [(0, HOLDER_USED)]


@pytest.mark.security
def test_a_grant_does_not_mint_again_after_its_end(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    bench.send(token.functions.revoke([consent.end()]))
    receipt = bench.send(token.functions.grant([consent.item()]), by=bench.stranger)
    assert skipped(token, receipt) == [(0, HOLDER_USED)]
    assert status(token, consent) == ENDED


@pytest.mark.security
def test_a_grant_ended_before_it_was_minted_never_is(bench, token, consent):
    receipt = bench.send(token.functions.revoke([consent.end()]))
    assert events(token, receipt, "EndedUnminted") == [{"id": consent.id}]
    assert skipped(token, bench.send(token.functions.grant([consent.item()]))) == [(0, HOLDER_USED)]
    assert status(token, consent) == ENDED


@pytest.mark.security
def test_a_grant_and_its_end_in_one_block_leave_no_token(bench, token, consent):
    bench.send(token.functions.grant([consent.item(), consent.item()]))
    bench.send(token.functions.revoke([consent.end(), consent.end()]))
    assert status(token, consent) == ENDED


@pytest.mark.security
@pytest.mark.parametrize("field_changed", range(6))
def test_a_grant_with_one_word_changed_is_not_the_patients(bench, token, consent, field_changed):
    item = list(consent.item())
    replacements = [bench.stranger.address, NOON - 2 * DAY, NOON + 99 * DAY, b"\x01" * 32, b"\x01" * 32, b"\x01" * 32]
    item[field_changed] = replacements[field_changed]
    bench.send(token.functions.grant([tuple(item)]))
    assert status(token, consent) == NONE


@pytest.mark.security
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"chain_id": 1},
        {"verifying_contract": "0x" + "11" * 20},
        {"name": "Chartseal IdentityRegistry"},
        {"version": "2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_grant_signed_for_elsewhere_gives_its_signer_no_token_here(bench, token, domain, elsewhere):
    fields = {"name": domain.name, "verifying_contract": domain.verifying_contract, "chain_id": domain.chain_id}
    foreign = Consent(typed_data.Domain(**(fields | elsewhere)))
    bench.send(token.functions.grant([foreign.item()]))
    assert status(token, foreign) == NONE


@pytest.mark.security
def test_nobody_else_ends_a_grant(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    for thief in (bench.stranger, bench.operator, consent.reader):
        assert skipped(token, bench.send(token.functions.revoke([consent.end(by=thief)]))) == [(0, SIGNATURE)]
    assert status(token, consent) == ACTIVE


@pytest.mark.security
def test_an_own_grant_to_the_same_holder_ends_nobody_elses(bench, token, domain, consent):
    bench.send(token.functions.grant([consent.item()]))
    thief = Consent(domain, patient=bench.stranger)
    assert skipped(token, bench.send(token.functions.revoke([thief.end()]))) == [(0, OTHER_TOKEN)]
    signature = tokens.sign_revoke(bench.stranger.key, consent.id, domain)
    forged = (bench.stranger.address, consent.id, thief.grant.struct_hash(), *signature)
    assert skipped(token, bench.send(token.functions.revoke([forged]))) == [(0, OTHER_TOKEN)]
    assert status(token, consent) == ACTIVE


@pytest.mark.security
def test_the_zero_address_signs_nothing(bench, token, consent):
    bad = (consent.reader.address, consent.starts, consent.until, consent.scope, b"\0" * 32, b"\0" * 32)
    assert skipped(token, bench.send(token.functions.grant([bad]))) == [(0, SIGNATURE)]
    nobody = (MINTED_FROM, consent.id, consent.grant.struct_hash(), b"\0" * 32, b"\0" * 32)
    assert skipped(token, bench.send(token.functions.revoke([nobody]))) == [(0, SIGNATURE)]


@pytest.mark.security
def test_the_malleable_form_of_a_signature_is_refused(bench, token, consent):
    *words, r, vs = consent.item()
    number = int.from_bytes(vs, "big")
    parity, s = number >> 255, number & (1 << 255) - 1
    # n - s has more than 255 bits, so EIP-2098 can only hold its remainder; the largest s it can hold is refused too.
    for high in ((typed_data.CURVE_ORDER - s) & (1 << 255) - 1, typed_data.CURVE_ORDER // 2 + 1):
        item = (*words, r, ((parity ^ 1) << 255 | high).to_bytes(32, "big"))
        bench.send(token.functions.grant([item]))
        assert status(token, consent) == NONE
    assert skipped(token, bench.send(token.functions.grant([item]))) == [(0, SIGNATURE)]


def test_a_bad_item_is_skipped_and_not_its_batch(bench, token, domain):
    good = [Consent(domain, reader=Person(f"reader {number}")) for number in range(3)]
    bad = list(good[1].item())
    bad[5] = b"\xff" * 32
    expired = Consent(domain, reader=Person("late"), starts=NOON - 2 * DAY, until=NOON)
    backwards = Consent(domain, reader=Person("odd"), starts=NOON + 2 * DAY, until=NOON + DAY)
    items = [good[0].item(), tuple(bad), expired.item(), backwards.item(), good[2].item()]
    receipt = bench.send(token.functions.grant(items))
    assert skipped(token, receipt) == [(1, SIGNATURE), (2, PERIOD), (3, PERIOD)]
    assert [status(token, consent) for consent in good] == [ACTIVE, NONE, ACTIVE]
    receipt = bench.send(token.functions.revoke([good[0].end(), good[2].end(by=bench.stranger), good[2].end()]))
    assert skipped(token, receipt) == [(1, SIGNATURE)]
    assert [status(token, good[0]), status(token, good[2])] == [ENDED, ENDED]


@pytest.mark.security
def test_a_relayer_that_starves_a_batch_of_gas_drops_no_item_silently(bench, token, domain):
    consents = [Consent(domain, reader=Person(f"reader {number}")) for number in range(3)]
    call = token.functions.grant([consent.item() for consent in consents])
    enough = call.estimate_gas({"from": bench.operator.address})
    for gas in range(enough - 9_000, enough, 450):
        receipt = bench.send(call, gas=gas)
        assert receipt.status == 0
        assert receipt.logs == []
    assert bench.send(call, gas=enough).status == 1
    assert [status(token, consent) for consent in consents] == [ACTIVE] * 3


@pytest.mark.security
def test_a_token_cannot_be_given_on(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    reader, other = consent.reader, bench.stranger.address
    assert token.functions.locked(consent.id).call() is True
    assert token.functions.getApproved(consent.id).call() == MINTED_FROM
    assert token.functions.isApprovedForAll(reader.address, other).call() is False
    for call in (
        token.functions.transferFrom(reader.address, other, consent.id),
        token.get_function_by_signature("safeTransferFrom(address,address,uint256)")(reader.address, other, consent.id),
        token.get_function_by_signature("safeTransferFrom(address,address,uint256,bytes)")(
            reader.address, other, consent.id, b""
        ),
        token.functions.approve(other, consent.id),
    ):
        assert bench.refusal(call, by=bench.stranger) == ("NotTransferable", (consent.id,))
    assert bench.refusal(token.functions.setApprovalForAll(other, True))[0] == "ERC721InvalidOperator"


@pytest.mark.parametrize("method", ["ownerOf", "periodOf", "locked", "getApproved"])
def test_a_token_that_never_was_has_no_facts(bench, token, consent, method):
    assert bench.refusal(token.functions[method](consent.id)) == ("ERC721NonexistentToken", (consent.id,))
    assert status(token, consent) == NONE


def test_an_id_that_only_shares_the_holder_is_another_token(bench, token, consent):
    bench.send(token.functions.grant([consent.item()]))
    other = consent.id ^ (1 << 200)
    assert token.functions.statusOf(other).call() == NONE
    assert bench.refusal(token.functions.ownerOf(other)) == ("ERC721NonexistentToken", (other,))


def test_nobody_holds_for_the_zero_address(bench, token):
    assert bench.refusal(token.functions.balanceOf(MINTED_FROM))[0] == "ERC721InvalidOwner"


@pytest.mark.parametrize(
    ("interface", "supported"),
    [("01ffc9a7", True), ("80ac58cd", True), ("b45a3c0e", True), ("ffffffff", False), ("5b5e139f", False)],
    ids=["ERC-165", "ERC-721", "ERC-5192", "none", "metadata"],
)
def test_the_interfaces_it_claims(token, interface, supported):
    assert token.functions.supportsInterface(bytes.fromhex(interface)).call() is supported


def test_wallets_can_read_the_domain(token, domain):
    _, name, version, chain_id, contract, _, _ = token.functions.eip712Domain().call()
    assert (name, version, chain_id, contract) == (domain.name, domain.version, domain.chain_id, token.address)
