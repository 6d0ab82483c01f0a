"""The rules of the embedded chain: Prague's virtual machine, one miner, a constant gas limit."""

import os
from dataclasses import dataclass
from typing import cast

from eth.abc import BlockAPI, BlockHeaderAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE, ZERO_ADDRESS
from eth.typing import HeaderParams
from eth.vm.forks import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, BlockNumber
from eth_utils.address import to_canonical_address

from ehr.chain.embedded.store import Store

CHAIN_ID = 545_045
GAS_LIMIT = 30_000_000
NOBODY = Address(b"\0" * 20)
_FUNDS = 1_000_000 * 10**18
_HEAD_KEY = b"v1:canonical_head_hash"


@dataclass(frozen=True)
class Transfer:
    """A call as JSON-RPC describes it, to be simulated only."""

    sender: Address = NOBODY
    to: Address | bytes = b""
    data: bytes = b""
    value: int = 0
    gas: int | None = None


class Chain(MiningChain):
    """A chain that grows by exactly the blocks its node mines."""

    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), PragueVM),)

    def create_header_from_parent(self, parent_header: BlockHeaderAPI, **params: HeaderParams) -> BlockHeaderAPI:
        return super().create_header_from_parent(parent_header, **{**params, "gas_limit": parent_header.gas_limit})

    def mine(self, timestamp: int) -> BlockAPI:
        """Close the block of what was applied since the last one. `prevrandao` is fresh randomness."""
        return self.mine_block(coinbase=ZERO_ADDRESS, mix_hash=os.urandom(32), blob_gas_used=0, timestamp=timestamp)


def open_chain(store: Store, *, funded: list[str], timestamp: int) -> Chain:
    """Return the chain kept in the store, or a new one whose first block funds these addresses."""
    if store.exists(_HEAD_KEY):
        return Chain(store)
    accounts: dict[Address, dict[str, object]] = {
        to_canonical_address(address): {"balance": _FUNDS, "nonce": 0, "code": b"", "storage": {}} for address in funded
    }
    genesis: dict[str, HeaderParams] = {
        "coinbase": ZERO_ADDRESS,
        "difficulty": POST_MERGE_DIFFICULTY,
        "extra_data": os.urandom(32),  # two chains started in the same second must not look alike
        "gas_limit": GAS_LIMIT,
        "mix_hash": POST_MERGE_MIX_HASH,
        "nonce": POST_MERGE_NONCE,
        "timestamp": timestamp,
    }
    with store.block():
        Chain.from_genesis(store, genesis, accounts)  # type: ignore[arg-type]  # dict is invariant
    return Chain(store)


def decode(chain: Chain, raw: bytes) -> SignedTransactionAPI:
    """Return the transaction in these bytes. Raises rlp's or eth's errors for what is none."""
    return chain.get_vm().get_transaction_builder().decode(raw)


def spoof(chain: Chain, call: Transfer, *, nonce: int, gas: int) -> SignedTransactionAPI:
    """Return a transaction of the caller that nobody signed."""
    unsigned = chain.create_unsigned_transaction(
        nonce=nonce,
        gas_price=0,
        gas=gas,
        to=call.to,  # type: ignore[arg-type]  # eth names its addresses by a type of its own
        value=call.value,
        data=call.data,
    )
    return cast(SignedTransactionAPI, SpoofTransaction(unsigned, from_=call.sender))
