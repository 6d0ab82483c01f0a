"""The embedded node: takes transactions, mines blocks, answers calls. One lock, one miner, no forks."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import rlp
from eth.abc import BlockAPI, BlockHeaderAPI, ComputationAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import PyEVMError, Revert, TransactionNotFound
from eth_typing import Address, Hash32
from eth_utils import ValidationError
from eth_utils.address import to_checksum_address

from ehr.chain.embedded.evm import CHAIN_ID, Chain, Transfer, decode, open_chain, spoof
from ehr.chain.embedded.store import Store

logger = logging.getLogger(__name__)
# A transaction that takes the place of a waiting one must pay this much of its fee, as on other nodes.
REPLACEMENT_PERCENT = 110


class Refused(Exception):
    """The node does not take this; the message is what an Ethereum node says."""

    def __init__(self, message: str, *, code: int = -32000, data: bytes | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass
class Node:
    """A chain with its waiting transactions.

    `block_seconds` is the least time between two blocks; 0 mines every transaction at once, which is for tests.
    """

    store: Store
    funded: list[str]
    block_seconds: float = 1.0
    clock: Callable[[], float] = time.time
    lock: threading.RLock = field(default_factory=threading.RLock)
    work: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.chain: Chain = open_chain(self.store, funded=self.funded, timestamp=int(self.clock()))
        self.waiting: dict[tuple[Address, int], SignedTransactionAPI] = {}
        for raw in self.store.waiting():
            transaction = decode(self.chain, raw)
            self.waiting[transaction.sender, transaction.nonce] = transaction
        if self.waiting:
            self.work.set()

    # --- Reading ---------------------------------------------------------------------------------
    def head(self) -> BlockHeaderAPI:
        return self.chain.get_canonical_head()

    def next_header(self) -> BlockHeaderAPI:
        """Return the header of a block mined now: what calls see, so that time does not stand still when idle."""
        parent = self.head()
        return self.chain.create_header_from_parent(parent, timestamp=max(int(self.clock()), parent.timestamp + 1))

    def state(self, header: BlockHeaderAPI | None = None) -> StateAPI:
        """Return the state after the latest block, or after the block of that header."""
        return self.chain.get_vm(header or self.next_header()).state

    def nonce(self, address: Address, *, with_waiting: bool, header: BlockHeaderAPI | None = None) -> int:
        nonce = self.state(header).get_nonce(address)
        while with_waiting and (address, nonce) in self.waiting:
            nonce += 1
        return nonce

    def find(self, transaction_hash: bytes) -> tuple[BlockAPI, int] | None:
        """Return the block that holds a transaction and its place there, or None."""
        try:
            number, index = self.chain.chaindb.get_transaction_index(Hash32(transaction_hash))
        except TransactionNotFound:
            return None
        return self.chain.get_canonical_block_by_number(number), index

    # --- Simulating ------------------------------------------------------------------------------
    def call(self, call: Transfer, header: BlockHeaderAPI | None = None) -> bytes:
        """Return what the call returns. Raises Refused when it reverts."""
        return self._simulate(call, header, call.gas)[0].output

    def estimate_gas(self, call: Transfer) -> int:
        """Return a gas limit with which the call succeeds: tried, not only computed. Raises Refused on a revert."""
        computation, intrinsic = self._simulate(call, None, None)
        limit = self.head().gas_limit
        guess = intrinsic + computation.get_gas_used() + computation.get_gas_refund()
        while guess < limit:
            try:
                self._simulate(call, None, guess)
            except Refused:
                guess = guess * 65 // 64 + 1000
            else:
                return guess
        return limit

    def _simulate(self, call: Transfer, header: BlockHeaderAPI | None, gas: int | None) -> tuple[ComputationAPI, int]:
        with self.lock:
            state = self.state((header or self.next_header()).copy(base_fee_per_gas=0))
            limit = self.head().gas_limit
            transaction = spoof(self.chain, call, nonce=state.get_nonce(call.sender), gas=min(gas or limit, limit))
            try:
                computation = state.apply_transaction(transaction)
            except (ValidationError, PyEVMError) as problem:
                raise Refused(str(problem)) from problem
        if not computation.is_error:
            return computation, transaction.intrinsic_gas
        if isinstance(computation.error, Revert):
            raise Refused("execution reverted", code=3, data=computation.output)
        raise Refused(f"{type(computation.error).__name__}: {computation.error}")

    # --- Writing ---------------------------------------------------------------------------------
    def send(self, raw: bytes) -> bytes:
        """Accept a signed transaction and return its hash; it is on disk when this returns. Raises Refused."""
        try:
            transaction = decode(self.chain, raw)
            transaction.validate()
            sender = transaction.sender
        except (ValidationError, PyEVMError, rlp.DecodingError, ValueError, IndexError, TypeError) as problem:
            raise Refused(f"invalid transaction: {problem}") from problem
        if transaction.chain_id != CHAIN_ID:
            raise Refused("invalid chain id for signer")
        with self.lock:
            replaced = self._admit(transaction)
            self.store.keep_waiting(transaction.hash, raw, instead_of=replaced.hash if replaced else None)
            self.waiting[sender, transaction.nonce] = transaction
            if self.block_seconds == 0:
                self.mine()
        self.work.set()
        return transaction.hash

    def _admit(self, transaction: SignedTransactionAPI) -> SignedTransactionAPI | None:
        """Return the waiting transaction that this one replaces, or None. Raises Refused."""
        state = self.state()
        if transaction.nonce < state.get_nonce(transaction.sender):
            known = self.find(transaction.hash) is not None
            raise Refused("already known" if known else "nonce too low")
        if transaction.gas > self.head().gas_limit:
            raise Refused("exceeds block gas limit")
        if state.get_balance(transaction.sender) < transaction.value + transaction.gas * transaction.max_fee_per_gas:
            raise Refused("insufficient funds for gas * price + value")
        replaced = self.waiting.get((transaction.sender, transaction.nonce))
        if replaced is None:
            return None
        if replaced.hash == transaction.hash:
            raise Refused("already known")
        if transaction.max_fee_per_gas * 100 < replaced.max_fee_per_gas * REPLACEMENT_PERCENT:
            raise Refused("replacement transaction underpriced")
        return replaced

    def mine(self, *, timestamp: int | None = None) -> BlockAPI | None:
        """Mine one block of what waits and can run; None when nothing can and no time was asked for."""
        with self.lock:
            settled: list[SignedTransactionAPI] = []
            try:
                with self.store.block() as written:
                    header = self.next_header()
                    self.chain.header = header if timestamp is None else header.copy(timestamp=timestamp)
                    mined = self._apply(settled)
                    block = self.chain.mine(self.chain.header.timestamp) if mined or timestamp is not None else None
                    written.extend(transaction.hash for transaction in settled)
            finally:
                # Whatever happened, go on from what is on disk.
                self.chain = Chain(self.store)
            for transaction in settled:
                self.waiting.pop((transaction.sender, transaction.nonce), None)
            if not self.waiting:
                self.work.clear()
            return block

    def _apply(self, settled: list[SignedTransactionAPI]) -> int:
        """Run waiting transactions in the order of their nonces; return how many. Those that can never run are
        settled too, those whose turn has not come or that do not fit stay."""
        mined = 0
        for key in sorted(self.waiting, key=lambda place: place[1]):
            transaction = self.waiting[key]
            room = self.chain.header.gas_limit - self.chain.header.gas_used
            if transaction.nonce > self.chain.get_vm().state.get_nonce(transaction.sender) or transaction.gas > room:
                continue
            if transaction.max_fee_per_gas < (self.chain.header.base_fee_per_gas or 0):
                continue
            settled.append(transaction)
            try:
                self.chain.apply_transaction(transaction)
            except (ValidationError, PyEVMError) as problem:
                sender = to_checksum_address(transaction.sender)
                logger.warning("Dropped transaction %d of %s: %s", transaction.nonce, sender, type(problem).__name__)
            else:
                mined += 1
        return mined

    def mine_until(self, stop: threading.Event) -> None:
        """Mine whenever something waits, at most one block every `block_seconds`, until told to stop."""
        while not stop.is_set():
            if self.work.wait(timeout=0.2):
                self.mine()
                stop.wait(self.block_seconds)
