"""The embedded node's methods by their JSON-RPC names."""

import logging
from collections.abc import Callable
from typing import Any

from eth.abc import BlockHeaderAPI
from eth.exceptions import HeaderNotFound
from eth_typing import Address, BlockNumber, Hash32
from eth_utils import ValidationError

from ehr.chain.embedded import wire
from ehr.chain.embedded.evm import CHAIN_ID, NOBODY, Transfer
from ehr.chain.embedded.node import Node, Refused

logger = logging.getLogger(__name__)
Json = dict[str, Any]
LATEST = {"latest", "safe", "finalized", "pending"}
_GWEI = 10**9


class Methods:
    """What the node answers. Arguments are JSON-RPC's, hexadecimal strings mostly."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.table: dict[str, Callable[..., Any]] = {
            "web3_clientVersion": lambda: "chartseal-embedded/1",
            "net_version": lambda: str(CHAIN_ID),
            "eth_chainId": lambda: wire.quantity(CHAIN_ID),
            "eth_syncing": lambda: False,
            "eth_accounts": list,
            "eth_blockNumber": lambda: wire.quantity(node.head().block_number),
            "eth_gasPrice": lambda: wire.quantity(self._base_fee() + _GWEI),
            "eth_maxPriorityFeePerGas": lambda: wire.quantity(_GWEI),
            "eth_feeHistory": self.fee_history,
            "eth_getBlockByNumber": self.block_by_number,
            "eth_getBlockByHash": self.block_by_hash,
            "eth_getTransactionByHash": self.transaction,
            "eth_getTransactionReceipt": self.receipt,
            "eth_getTransactionCount": self.transaction_count,
            "eth_getBalance": lambda address, at="latest": wire.quantity(
                self._state(at).get_balance(_address(address))
            ),
            "eth_getCode": lambda address, at="latest": wire.data(self._state(at).get_code(_address(address))),
            "eth_getStorageAt": self.storage,
            "eth_getLogs": self.logs,
            "eth_call": lambda call, at="latest": wire.data(node.call(_transfer(call), self._header(at))),
            "eth_estimateGas": lambda call, _at="latest": wire.quantity(node.estimate_gas(_transfer(call))),
            "eth_sendRawTransaction": lambda raw: wire.data(node.send(_bytes(raw))),
        }

    def answer(self, request: object) -> Json:
        """Return the JSON-RPC response to one request, an error where it cannot be met."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, -32600, "not a JSON-RPC request")
        name, number = request["method"], request.get("id")
        method = self.table.get(name)
        if method is None:
            return _error(number, -32601, f"the method {name} does not exist")
        try:
            with self.node.lock:
                return {"jsonrpc": "2.0", "id": number, "result": method(*request.get("params", []))}
        except Refused as refusal:
            return _error(number, refusal.code, str(refusal), refusal.data)
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, ValidationError) as problem:
            return _error(number, -32602, f"{type(problem).__name__}: {problem}")

    # --- Blocks ----------------------------------------------------------------------------------
    def _header(self, at: str) -> BlockHeaderAPI | None:
        """Return the header of a block, or None for the present. Raises Refused for one that is not there."""
        if at in LATEST:
            return None
        number = 0 if at == "earliest" else int(at, 16)
        try:
            return self.node.chain.get_canonical_block_header_by_number(BlockNumber(number))
        except HeaderNotFound as missing:
            raise Refused(f"block {number} not found") from missing

    def _state(self, at: str) -> Any:
        return self.node.state(self._header(at))

    def _base_fee(self) -> int:
        return self.node.next_header().base_fee_per_gas or 0

    def block_by_number(self, at: str, full: bool = False) -> Json | None:
        try:
            header = self._header(at) or self.node.head()
        except Refused:
            return None
        return wire.block(self.node.chain.get_block_by_header(header), full=full)

    def block_by_hash(self, block_hash: str, full: bool = False) -> Json | None:
        try:
            return wire.block(self.node.chain.get_block_by_hash(Hash32(_bytes(block_hash))), full=full)
        except HeaderNotFound:
            return None

    def fee_history(self, count: str | int, newest: str, percentiles: list[float] | None = None) -> Json:
        newest_number = (self._header(newest) or self.node.head()).block_number
        wanted = count if isinstance(count, int) else int(count, 16)
        oldest = max(0, newest_number - max(1, min(wanted, 1024)) + 1)
        numbers = range(oldest, newest_number + 1)
        headers = [self.node.chain.get_canonical_block_header_by_number(BlockNumber(number)) for number in numbers]
        fees = [header.base_fee_per_gas or 0 for header in headers] + [self._base_fee()]
        return {
            "oldestBlock": wire.quantity(oldest),
            "baseFeePerGas": [wire.quantity(fee) for fee in fees],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "reward": [[wire.quantity(_GWEI) for _ in percentiles or []] for _ in headers],
        }

    # --- Transactions ----------------------------------------------------------------------------
    def transaction(self, transaction_hash: str) -> Json | None:
        key = _bytes(transaction_hash)
        if found := self.node.find(key):
            block, place = found
            return wire.transaction(block.transactions[place], block, place)
        waiting = [item for item in self.node.waiting.values() if item.hash == key]
        return wire.transaction(waiting[0], None, 0) if waiting else None

    def receipt(self, transaction_hash: str) -> Json | None:
        found = self.node.find(_bytes(transaction_hash))
        return wire.receipt(self.node.chain, *found) if found else None

    def transaction_count(self, address: str, at: str = "latest") -> str:
        count = self.node.nonce(_address(address), with_waiting=at == "pending", header=self._header(at))
        return wire.quantity(count)

    def storage(self, address: str, slot: str, at: str = "latest") -> str:
        return wire.word(self._state(at).get_storage(_address(address), int(slot, 16)))

    def logs(self, asked: Json) -> list[Json]:
        """Return the logs of a range of blocks by address and topics."""
        if "blockHash" in asked:
            block = self.block_by_hash(asked["blockHash"])
            first = last = int(block["number"], 16) if block else -1
        else:
            head = self.node.head().block_number
            first, last = (self._number(asked.get(key, "latest"), head) for key in ("fromBlock", "toBlock"))
        return [
            log for number in range(max(first, 0), last + 1) for log in self._logs_of(number) if _wanted(log, asked)
        ]

    def _number(self, at: str, head: int) -> int:
        if at in LATEST:
            return head
        return 0 if at == "earliest" else min(int(at, 16), head)

    def _logs_of(self, number: int) -> list[Json]:
        header = self.node.chain.get_canonical_block_header_by_number(BlockNumber(number))
        if not header.bloom:
            return []
        block = self.node.chain.get_block_by_header(header)
        return [
            log
            for place in range(len(block.transactions))
            for log in wire.receipt(self.node.chain, block, place)["logs"]
        ]


def _error(number: object, code: int, message: str, data: bytes | None = None) -> Json:
    error: Json = {"code": code, "message": message}
    if data is not None:
        error["data"] = wire.data(data)
    return {"jsonrpc": "2.0", "id": number, "error": error}


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _address(text: str) -> Address:
    content = _bytes(text)
    if len(content) != 20:
        raise ValueError(f"{text} is not an address")
    return Address(content)


def _transfer(call: Json) -> Transfer:
    return Transfer(
        sender=_address(call["from"]) if call.get("from") else NOBODY,
        to=_address(call["to"]) if call.get("to") else b"",
        data=_bytes(call.get("data") or call.get("input") or ""),
        value=int(call.get("value", "0x0"), 16),
        gas=int(call["gas"], 16) if call.get("gas") else None,
    )


def _wanted(log: Json, asked: Json) -> bool:
    """Return whether a log matches the addresses and topics asked for, as eth_getLogs defines it."""
    addresses = asked.get("address") or []
    addresses = [addresses] if isinstance(addresses, str) else addresses
    if addresses and log["address"].lower() not in {address.lower() for address in addresses}:
        return False
    topics = asked.get("topics") or []
    if len(topics) > len(log["topics"]):
        return False
    pairs = zip(topics, log["topics"], strict=False)
    return all(want is None or has in ([want] if isinstance(want, str) else want) for want, has in pairs)
