"""What a node answers, read strictly: whatever is not of the shape that JSON-RPC gives it counts as no answer.

A provider in front of a node may say anything when it is busy. Nothing of that may stop what works without the chain.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
# What a database keeps; no block, fee or amount of gas comes near.
LARGEST = 2**63 - 1
# EIP-1474's code of a call that ran and was undone.
_REVERTED = 3


class Unavailable(Exception):
    """The chain cannot be reached or does not answer as a node does. Nothing is lost: try again later."""


@dataclass(frozen=True)
class Header:
    """A block as its header gives it; the fee in wei for each unit of gas."""

    number: int
    hash: bytes
    time: datetime
    base_fee: int


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction in its block. `created` is the address of a new contract, or empty."""

    block_number: int
    block_hash: bytes
    done: bool
    gas_used: int
    created: str
    logs: list[dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """One answer of a batch: a result, or why there is none."""

    result: Any = None
    message: str = ""
    data: str = ""
    code: int | None = None

    @property
    def refused(self) -> bool:
        return bool(self.message)

    @property
    def reverted(self) -> bool:
        """Tell whether the contract said no. Any other refusal is the node's own, and may be over soon."""
        said_why = len(self.data) > len("0x")
        return self.refused and (self.code == _REVERTED or said_why or "revert" in self.message.lower())

    def value(self) -> Any:
        """Return the result. Raises Unavailable for a refusal."""
        if self.refused:
            raise Unavailable(self.message)
        return self.result

    def quantity(self) -> int:
        """Return the result as a number. Raises Unavailable."""
        return quantity(self.value())

    def octets(self) -> bytes:
        """Return the result as bytes. Raises Unavailable."""
        return octets(self.value())

    def header(self) -> Header | None:
        """Return the result as a block's header, None where the node knows no such block. Raises Unavailable."""
        return None if self.value() is None else _header(self.result)

    def receipt(self) -> Receipt | None:
        """Return the result as a receipt, None where the transaction is in no block. Raises Unavailable."""
        return None if self.value() is None else _receipt(self.result)


def read(item: object) -> Answer:
    """Return one answer as JSON-RPC words it. Raises Unavailable for anything else."""
    if not isinstance(item, dict):
        raise Unavailable("an answer that is no object")
    error = item.get("error")
    if error is None:
        if "result" not in item:
            raise Unavailable("an answer without a result")
        return Answer(result=item["result"])
    if not isinstance(error, dict):
        raise Unavailable("an error that is no object")
    code, data = error.get("code"), error.get("data")
    return Answer(
        message=str(error.get("message") or code or "refused without a word"),
        data=data if isinstance(data, str) else "",
        code=code if isinstance(code, int) else None,
    )


def quantity(value: object) -> int:
    """Return a number as JSON-RPC writes it: 0x1f is 31. Raises Unavailable."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value) or (number := int(value, 16)) > LARGEST:
        raise Unavailable("no number where one belongs")
    return number


def octets(value: object, *, length: int | None = None) -> bytes:
    """Return bytes as JSON-RPC writes them: 0x1f2e. Raises Unavailable, also for another length."""
    if not isinstance(value, str) or not _BYTES.fullmatch(value):
        raise Unavailable("no bytes where some belong")
    raw = bytes.fromhex(value[2:])
    if length is not None and len(raw) != length:
        raise Unavailable(f"{len(raw)} bytes where {length} belong")
    return raw


def moment(seconds: int) -> datetime:
    """Return a moment in Unix seconds. Raises Unavailable for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as problem:
        raise Unavailable("a moment that no calendar has") from problem


def decoded(types: Sequence[str], raw: bytes) -> tuple[Any, ...]:
    """Return what a contract returned, by its types. Raises Unavailable where the bytes are not of these types."""
    try:
        return decode(types, raw)
    except (DecodingError, ValueError, OverflowError) as problem:
        raise Unavailable("the contract does not answer as it should") from problem


def log(entry: object) -> dict[str, Any]:
    """Return one log of a contract as it came, known to have an address, topics and data. Raises Unavailable."""
    found = _named(entry, "address", "topics", "data")
    octets(found["address"], length=20)
    octets(found["data"])
    if not isinstance(found["topics"], list):
        raise Unavailable("a log without topics")
    for topic in found["topics"]:
        octets(topic, length=32)
    return found


def _header(value: object) -> Header:
    found = _named(value, "number", "hash", "timestamp")
    return Header(
        number=quantity(found["number"]),
        hash=octets(found["hash"], length=32),
        time=moment(quantity(found["timestamp"])),
        base_fee=quantity(found.get("baseFeePerGas") or "0x0"),
    )


def _receipt(value: object) -> Receipt:
    found = _named(value, "blockNumber", "blockHash", "status", "gasUsed", "logs")
    if not isinstance(found["logs"], list):
        raise Unavailable("a receipt without logs")
    created = found.get("contractAddress") or ""
    if created:
        octets(created, length=20)
    return Receipt(
        block_number=quantity(found["blockNumber"]),
        block_hash=octets(found["blockHash"], length=32),
        done=quantity(found["status"]) == 1,
        gas_used=quantity(found["gasUsed"]),
        created=created,
        logs=[log(entry) for entry in found["logs"]],
    )


def _named(value: object, *names: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(name in value for name in names):
        raise Unavailable(f"an answer without {', '.join(names)}")
    return value
