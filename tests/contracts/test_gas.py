"""What the chain's work costs, against the goals and against contracts/gas.json: a rise of 2 % fails."""

import json

import pytest
from django.conf import settings
from eth_utils.crypto import keccak

from ehr.chain import artifacts, studies, tokens

from .conftest import DAY, NOON, Person
from .test_audit_anchor import LEAVES, proof, root

pytestmark = pytest.mark.contracts

BATCH = 100
GOALS = {"grant with token, each of 100": 33_000, "revoke, each of 100": 15_000}
FIGURES = settings.BASE_DIR / "contracts" / "gas.json"
PROVIDERS = keccak(text="a credential")


def consents():
    """Return a hundred grants with their keys, the same every time: gas depends on the zero bytes of calldata."""
    for number in range(BATCH):
        reader, scope = Person(f"reader {number}").address, keccak(text=f"scope {number}")
        yield Person(f"patient {number}"), tokens.TokenGrant(reader, NOON, NOON + 30 * DAY, scope)


def grants_and_ends(bench):
    token = bench.deploy("AccessToken")
    domain = tokens.domain(token.address, bench.web3.eth.chain_id)
    grants, ends = [], []
    for patient, grant in consents():
        grants.append(tokens.grant_item(grant, tokens.sign_grant(patient.key, grant, domain)))
        token_id = tokens.token_id(patient.address, grant.struct_hash(), grant.reader)
        ends.append(tokens.revoke_item(patient.address, grant, tokens.sign_revoke(patient.key, token_id, domain)))
    granted, ended = bench.send(token.functions.grant(grants)), bench.send(token.functions.revoke(ends))
    assert len(granted.logs) == len(ended.logs) == BATCH
    return granted.gasUsed // BATCH, ended.gasUsed // BATCH


def anchoring(bench):
    log = bench.deploy("AuditAnchor", bench.operator.address, DAY)
    bench.send(log.functions.anchor(33, root(LEAVES[:33]), []))
    return bench.send(log.functions.anchor(70, root(LEAVES), proof(33, LEAVES))).gasUsed


def attesting(bench):
    registry = bench.deploy("ProviderRegistry", bench.admin.address, bench.operator.address)
    return bench.send(registry.functions.attest(PROVIDERS, NOON + DAY)).gasUsed


def binding(bench):
    registry = bench.deploy("IdentityRegistry", bench.admin.address, bench.operator.address, DAY)
    return bench.send(registry.functions.bind(PROVIDERS)).gasUsed


def escrowing(bench):
    """Return what a deposit costs, and its release; others than the first, whose accounts hold nothing yet."""
    escrow = bench.deploy("AppointmentEscrow", bench.operator.address, bench.admin.address, bench.admin.address, DAY)
    bench.time, gas = NOON, []
    for name in ("first", "second"):
        visit = keccak(text=name)
        terms = (int(bench.time) + 60, int(bench.time) + 60, int(bench.time) + 9 * DAY, 10**13, 10**13)
        deposited = bench.send(escrow.functions.deposit(visit, terms), value=10**14)
        bench.time += 120
        gas = [deposited.gasUsed, bench.send(escrow.functions.release(visit, 10**13)).gasUsed]
    return gas


def researching(bench):
    """Return what each of a hundred opt-ins costs, setting aside for as many, one's claim, and sending it."""
    registry = bench.deploy("ResearchRegistry", bench.operator.address, DAY).functions
    study, files = keccak(text="a study"), keccak(text="what left")
    bench.send(registry.register(study, files, bench.admin.address, int(bench.time) + 9 * DAY))
    bench.send(registry.deposit(study), value=10**15)
    bench.send(registry.release(study, files))
    joined = bench.send(registry.join([keccak(text=f"opt-in {number}") for number in range(BATCH)]))
    holders = [Person(f"share {number}") for number in range(BATCH)]
    due = [studies.Share(one.address, 10**12) for one in holders]
    levels = studies.tree([one.leaf for one in due])
    accrued = bench.send(registry.accrue(files, levels[-1][0], BATCH * 10**12))
    where, payee = studies.domain(registry.accrue.address, bench.web3.eth.chain_id), bench.stranger.address
    for one, share in list(zip(holders, due, strict=True))[:2]:  # another than the first: its payee has nothing yet
        signed = studies.sign_claim(one.key, files, payee, where)
        call = registry.claim(files, share.claimant, share.amount, payee, *signed, studies.proof(levels, share.leaf))
        claimed = bench.send(call)
    collected = bench.send(registry.collect(payee))
    return joined.gasUsed // BATCH, accrued.gasUsed // BATCH, claimed.gasUsed, collected.gasUsed


@pytest.fixture
def measured(bench):
    each_grant, each_end = grants_and_ends(bench)
    deposit, release = escrowing(bench)
    opt_in, set_aside, share, collected = researching(bench)
    return {
        "grant with token, each of 100": each_grant,
        "revoke, each of 100": each_end,
        "anchor 70 after 33": anchoring(bench),
        "attest a credential": attesting(bench),
        "bind a commitment": binding(bench),
        "deposit for a visit": deposit,
        "release a deposit": release,
        "join a study, each of 100": opt_in,
        "set pay aside, each of 100": set_aside,
        "claim one of 100 shares, signed": share,
        "send what was claimed": collected,
    }


def test_gas_stays_within_its_goals_and_does_not_rise(measured):
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert measured.keys() == figures.keys()
    risen = {name: (figures[name], gas) for name, gas in measured.items() if gas > figures[name] * 1.02}
    assert not risen, f"Gas rose by more than 2 %. If it must, write {measured} to {FIGURES.name} and say why."
    assert all(measured[name] <= goal for name, goal in GOALS.items())


def test_every_contract_fits_a_block_and_the_size_limit():
    for path in artifacts.FOLDER.glob("*.json"):
        # EIP-3860: creation code of at most 49,152 bytes.
        assert len(artifacts.load(path.stem).bytecode) <= 49_152
