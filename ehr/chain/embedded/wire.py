"""How the embedded node's blocks, transactions and receipts read in JSON-RPC."""

from typing import Any

from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.vm.forks.berlin.transactions import TypedTransaction
from eth_typing import Address
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from rlp import encode

Json = dict[str, Any]


def quantity(number: int) -> str:
    return hex(number)


def data(content: bytes) -> str:
    return "0x" + content.hex()


def word(number: int) -> str:
    """Return a number as 32 bytes."""
    return f"0x{number:064x}"


def address(content: bytes) -> str | None:
    return to_checksum_address(content) if content else None


def header(head: BlockHeaderAPI) -> Json:
    return {
        "number": quantity(head.block_number),
        "hash": data(head.hash),
        "parentHash": data(head.parent_hash),
        "nonce": data(head.nonce),
        "sha3Uncles": data(head.uncles_hash),
        "logsBloom": f"0x{head.bloom:0512x}",
        "transactionsRoot": data(head.transaction_root),
        "receiptsRoot": data(head.receipt_root),
        "stateRoot": data(head.state_root),
        "miner": address(head.coinbase),
        "difficulty": "0x0",
        "mixHash": data(head.mix_hash),
        "extraData": data(head.extra_data),
        "gasLimit": quantity(head.gas_limit),
        "gasUsed": quantity(head.gas_used),
        "baseFeePerGas": quantity(head.base_fee_per_gas or 0),
        "timestamp": quantity(head.timestamp),
        "uncles": [],
        "withdrawals": [],
    }


def block(found: BlockAPI, *, full: bool) -> Json:
    items: list[Any] = [data(item.hash) for item in found.transactions]
    if full:
        items = [transaction(item, found, place) for place, item in enumerate(found.transactions)]
    return header(found.header) | {"size": quantity(len(encode(found))), "transactions": items}


def transaction(item: SignedTransactionAPI, found: BlockAPI | None, place: int) -> Json:
    """Return a transaction; `found` is None while it waits."""
    typed = isinstance(item, TypedTransaction)
    result: Json = {
        "hash": data(item.hash),
        "type": quantity(_type(item)),
        "nonce": quantity(item.nonce),
        "from": address(item.sender),
        "to": address(item.to),
        "value": quantity(item.value),
        "gas": quantity(item.gas),
        "input": data(item.data),
        "gasPrice": quantity(item.max_fee_per_gas if found is None else effective_price(item, found.header)),
        "maxFeePerGas": quantity(item.max_fee_per_gas),
        "maxPriorityFeePerGas": quantity(item.max_priority_fee_per_gas),
        "r": quantity(item.r),
        "s": quantity(item.s),
        "v": quantity(item.y_parity if typed else item.v),  # type: ignore[attr-defined]  # only untyped ones have `v`
        "blockHash": data(found.hash) if found else None,
        "blockNumber": quantity(found.number) if found else None,
        "transactionIndex": quantity(place) if found else None,
    }
    return result | ({"chainId": quantity(item.chain_id or 0), "accessList": []} if typed else {})


def _type(item: SignedTransactionAPI) -> int:
    """Return EIP-2718's type of a transaction, 0 for those before it."""
    return int(item.type_id or 0) if isinstance(item, TypedTransaction) else 0


def receipt(chain: MiningChain, found: BlockAPI, place: int) -> Json:
    receipts = found.get_receipts(chain.chaindb)
    item, mine = found.transactions[place], receipts[place]
    before = receipts[place - 1].gas_used if place else 0
    first_log = sum(len(earlier.logs) for earlier in receipts[:place])
    return {
        "transactionHash": data(item.hash),
        "transactionIndex": quantity(place),
        "type": quantity(_type(item)),
        "blockHash": data(found.hash),
        "blockNumber": quantity(found.number),
        "from": address(item.sender),
        "to": address(item.to),
        "contractAddress": None if item.to else address(created(item.sender, item.nonce)),
        "cumulativeGasUsed": quantity(mine.gas_used),
        "gasUsed": quantity(mine.gas_used - before),
        "effectiveGasPrice": quantity(effective_price(item, found.header)),
        "status": "0x1" if mine.state_root == b"\x01" else "0x0",
        "logs": _logs(mine, found, place, first_log),
        "logsBloom": f"0x{mine.bloom:0512x}",
    }


def _logs(mine: ReceiptAPI, found: BlockAPI, place: int, first: int) -> list[Json]:
    return [
        {
            "address": address(log.address),
            "topics": [word(topic) for topic in log.topics],
            "data": data(log.data),
            "blockNumber": quantity(found.number),
            "blockHash": data(found.hash),
            "transactionHash": data(found.transactions[place].hash),
            "transactionIndex": quantity(place),
            "logIndex": quantity(first + offset),
            "removed": False,
        }
        for offset, log in enumerate(mine.logs)
    ]


def effective_price(item: SignedTransactionAPI, head: BlockHeaderAPI) -> int:
    """Return what a unit of gas cost, in wei: EIP-1559's rule."""
    base = head.base_fee_per_gas or 0
    return min(item.max_fee_per_gas, base + item.max_priority_fee_per_gas)


def created(sender: Address, nonce: int) -> bytes:
    """Return the address of the contract that this transaction creates."""
    return keccak(encode([sender, nonce]))[-20:]
