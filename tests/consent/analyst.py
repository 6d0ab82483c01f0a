"""Somebody who has the whole public chain, the contracts' sources and time, and asks which tokens belong together.

What they see is read over JSON-RPC alone. What they try returns pairs of tokens that they claim to be one person's;
whether a claim is better than guessing is told by shuffling who is who.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from ehr.chain import artifacts, client, tokens, typed_data
from ehr.chain.tokens import TokenGrant

DAY = 86_400
SHUFFLES = 2_000
_GRANT, _REVOKE = "(address,uint32,uint32,bytes32,bytes32,bytes32)[]", "(address,uint256,bytes32,bytes32,bytes32)[]"
_CLAIM = ["bytes32", "address", "uint128", "address", "bytes32", "bytes32", "bytes32[]"]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Item:
    """One mint or burn as it stands on chain. `days` are those it names; `fields` its other values, by name."""

    kind: str  # "grant", "revoke" or "claim"
    token: int
    time: int  # the block's, Unix seconds
    block: int
    batch: str
    place: int  # in its batch, from 0
    days: tuple[int, int] | None
    fields: Mapping[str, bytes]


@dataclass(frozen=True)
class Batch:
    """One transaction: who sent it, how often they had sent before, what it used beyond its calldata's price."""

    hash: str
    sender: str
    nonce: int
    size: int
    kind: str
    work: int


@dataclass(frozen=True)
class Public:
    """All there is to see."""

    items: tuple[Item, ...]
    batches: tuple[Batch, ...]
    everything: bytes  # every transaction and every log, as bytes

    def of_kind(self, kind: str) -> list[Item]:
        return [item for item in self.items if item.kind == kind]


def look(contract: str) -> Public:
    """Read every block of the chain that answers, and take the contract's transactions apart."""
    methods = {bytes.fromhex(_selector(name)): name for name in ("grant", "revoke")}
    domain = tokens.domain(contract, client.chain_id())
    items, batches, everything = [], [], bytearray()
    for number in range(1 + int(client.ask("eth_blockNumber"), 16)):
        block = client.ask("eth_getBlockByNumber", hex(number), True)
        for sent in block["transactions"]:
            data = bytes.fromhex(sent["input"][2:])
            receipt = client.ask("eth_getTransactionReceipt", sent["hash"])
            for entry in receipt["logs"]:
                everything += bytes.fromhex("".join(one[2:] for one in [*entry["topics"], entry["data"]]))
            everything += data
            if (sent["to"] or "").lower() != contract.lower() or data[:4] not in methods:
                continue
            kind = methods[data[:4]]
            (rows,) = decode([_GRANT if kind == "grant" else _REVOKE], data[4:])
            where = {"time": int(block["timestamp"], 16), "block": number, "batch": sent["hash"]}
            taken = _grant if kind == "grant" else _revoke
            items += [Item(kind=kind, place=place, **where, **taken(row, domain)) for place, row in enumerate(rows)]
            work = int(receipt["gasUsed"], 16) - _calldata_price(data)
            batches.append(Batch(sent["hash"], sent["from"], int(sent["nonce"], 16), len(rows), kind, work))
    return Public(tuple(items), tuple(batches), bytes(everything))


def look_at_claims(contract: str) -> tuple[Item, ...]:
    """Read every block of the chain that answers, and return what each claim of a share in research shows."""
    selector = keccak(text=f"claim({','.join(_CLAIM)})")[:4]
    found: list[Item] = []
    for number in range(1 + int(client.ask("eth_blockNumber"), 16)):
        block = client.ask("eth_getBlockByNumber", hex(number), True)
        for sent in block["transactions"]:
            data = bytes.fromhex(sent["input"][2:])
            if (sent["to"] or "").lower() != contract.lower() or data[:4] != selector:
                continue
            _release, claimant, _amount, payee, r, vs, _proof = decode(_CLAIM, data[4:])
            fields = {"claimant": _raw(claimant), "payee": _raw(payee), "r": r, "vs": vs}
            where = {"time": int(block["timestamp"], 16), "block": number, "batch": sent["hash"], "place": 0}
            found.append(Item(kind="claim", token=int(claimant, 16), days=None, fields=fields, **where))
    return tuple(found)


def _selector(name: str) -> str:
    example = artifacts.load(tokens.CONTRACT).calldata(name, [[]])
    return example[:4].hex()


def _calldata_price(data: bytes) -> int:
    """Return what the bytes themselves cost: 4 gas for a zero, 16 for another. Source: EIP-2028."""
    zeros = data.count(0)
    return 4 * zeros + 16 * (len(data) - zeros)


def _grant(row: tuple, domain: typed_data.Domain) -> dict:
    reader, starts, until, scope, r, vs = row
    shape = TokenGrant(reader, starts, until, scope)
    signer = typed_data.recover(typed_data.signing_digest(domain, shape.struct_hash()), r, vs) or ""
    token = tokens.token_id(signer, shape.struct_hash(), reader)
    fields = {"holder": _raw(reader), "signer": _raw(signer), "scope": scope, "r": r, "vs": vs}
    return {"token": token, "days": (starts // DAY, until // DAY), "fields": fields | {"id": _binding(token)}}


def _revoke(row: tuple, _domain: typed_data.Domain) -> dict:
    signer, token, struct_hash, r, vs = row
    fields = {"signer": _raw(signer), "holder": (token & (1 << 160) - 1).to_bytes(20, "big"), "struct": struct_hash}
    return {"token": token, "days": None, "fields": fields | {"r": r, "vs": vs, "id": _binding(token)}}


def _raw(address: str) -> bytes:
    return bytes.fromhex(address[2:])


def _binding(token: int) -> bytes:
    return (token >> 160).to_bytes(12, "big")


# --- What can be tried ----------------------------------------------------------------------------
def shared_bytes(public: Public, *, length: int = 6) -> set[Pair]:
    """Claim tokens whose values have a run of bytes in common anywhere: an address again, a salt, a related number."""
    seen: dict[bytes, set[int]] = defaultdict(set)
    for item in public.items:
        for value in item.fields.values():
            for start in range(len(value) - length + 1):
                seen[value[start : start + length]].add(item.token)
    return {pair for found in seen.values() for pair in combinations(sorted(found), 2)}


def same_batch(public: Public) -> set[Pair]:
    """Claim tokens that were minted in one transaction."""
    return _together(public.of_kind("grant"), lambda item: item.batch)


def close_in_time(public: Public, *, seconds: int = 90) -> set[Pair]:
    """Claim tokens that were minted within a minute and a half."""
    mints = public.of_kind("grant")
    return {_pair(one, two) for one, two in combinations(mints, 2) if abs(one.time - two.time) <= seconds}


def next_to_each_other(public: Public) -> set[Pair]:
    """Claim tokens that follow each other, in a batch or from one batch to the next."""
    mints = sorted(public.of_kind("grant"), key=lambda item: (item.block, item.place))
    return {_pair(one, two) for one, two in pairwise(mints)}


def same_days(public: Public) -> set[Pair]:
    """Claim tokens that name the same first and last day."""
    return _together(public.of_kind("grant"), lambda item: item.days)


def changed_at_once(public: Public) -> set[Pair]:
    """Claim for each burnt token the mint nearest to its burn: what a change would look like."""
    mints = public.of_kind("grant")
    claimed = set()
    for burn in public.of_kind("revoke"):
        others = [mint for mint in mints if mint.token != burn.token]
        claimed.add(_pair(burn, min(others, key=lambda mint: (abs(mint.time - burn.time), mint.place))))
    return claimed


def changed_with_its_end_kept(public: Public) -> set[Pair]:
    """Claim for each burnt token those minted within two hours of its burn that end on the same day as it did."""
    mints = {item.token: item for item in public.of_kind("grant")}
    return {
        _pair(burn, mint)
        for burn in public.of_kind("revoke")
        for mint in mints.values()
        if mint.token != burn.token and abs(mint.time - burn.time) <= 7200 and mint.days[1] == mints[burn.token].days[1]
    }


def _pair(one: Item, two: Item) -> Pair:
    return min(one.token, two.token), max(one.token, two.token)


def _together(items: Iterable[Item], key: Callable[[Item], object]) -> set[Pair]:
    groups = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return {_pair(*pair) for group in groups.values() for pair in combinations(group, 2)}


# --- Whether it was worth anything ----------------------------------------------------------------
def hits(claimed: Iterable[Pair], owner: Mapping[int, object]) -> int:
    """Return how many claimed pairs are indeed one owner's."""
    return sum(owner[one] == owner[two] for one, two in claimed)


def luck(claimed: Iterable[Pair], owner: Mapping[int, object]) -> float:
    """Return how often guessing does as well: the share of ways to deal out the same owners that hit as much.

    Near 0 the claims tell something; an analyst without a claim has learnt nothing, which is 1.
    """
    claimed, chance = list(claimed), random.Random(1)
    reached, dealt, as_well = hits(claimed, owner), list(owner.values()), 0
    for _ in range(SHUFFLES):
        chance.shuffle(dealt)
        as_well += hits(claimed, dict(zip(owner, dealt, strict=True))) >= reached
    return as_well / SHUFFLES


def as_if(public: Public, token: int, **fields: bytes) -> Public:
    """Return the same chain as if one token had other values."""
    items = [replace(item, fields={**item.fields, **fields}) if item.token == token else item for item in public.items]
    return replace(public, items=tuple(items))


def gas_by_size(public: Public) -> dict[tuple[str, int], set[int]]:
    """Return what batches of one kind and size used beyond the price of their bytes."""
    told = defaultdict(set)
    for batch in public.batches:
        told[batch.kind, batch.size].add(batch.work)
    return told


def order_told(public: Public, made: Mapping[int, int]) -> tuple[int, int]:
    """Return for how many pairs of one batch the first in it was made first, and how many pairs there are."""
    in_order = total = 0
    for batch in {item.batch for item in public.items}:
        inside: Sequence[Item] = [item for item in public.of_kind("grant") if item.batch == batch]
        for one, two in combinations(sorted(inside, key=lambda item: item.place), 2):
            in_order += made[one.token] < made[two.token]
            total += 1
    return in_order, total
