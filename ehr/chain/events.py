"""What the chain itself says happened to tokens, whoever sent it there."""

from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from ehr.chain import answers, client

_TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
_ENDED_UNMINTED = "0x" + keccak(b"EndedUnminted(uint256)").hex()
# How many topics each has, its own name among them.
_TOPICS = {_TRANSFER: 4, _ENDED_UNMINTED: 2}
_NOBODY = "0x" + "0" * 40
_HOLDER = (1 << 160) - 1


@dataclass(frozen=True)
class TokenEvent:
    """A token that began, or ended, also before it began. Its holder is in its number."""

    token: int
    minted: bool
    transaction: str
    block: int

    @property
    def holder(self) -> str:
        """The checksum address that holds, or would have held, the token."""
        return str(to_checksum_address(f"0x{self.token & _HOLDER:040x}"))


def of_tokens(contract: str, first: int, last: int) -> list[TokenEvent]:
    """Return what happened to a contract's tokens in blocks first to last, both included. Raises Unavailable.

    A node that refuses to tell of so many blocks at once is asked for half as many.
    """
    asked = {
        "address": contract,
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "topics": [[_TRANSFER, _ENDED_UNMINTED]],
    }
    answer = client.post([("eth_getLogs", [asked])])[0]
    if not answer.refused:
        if not isinstance(answer.result, list):
            raise client.Unavailable("eth_getLogs: no list of logs")
        return [_event(entry) for entry in answer.result]
    if first >= last:
        raise client.Unavailable(f"eth_getLogs: {answer.message}")
    middle = (first + last) // 2
    return of_tokens(contract, first, middle) + of_tokens(contract, middle + 1, last)


def _event(entry: object) -> TokenEvent:
    found = answers.log(entry)
    topics = found["topics"]
    if len(topics) != _TOPICS.get(topics[0] if topics else ""):
        raise client.Unavailable("eth_getLogs: a log that was not asked for")
    minted = topics[0] == _TRANSFER and f"0x{topics[1][-40:]}" == _NOBODY
    block = answers.quantity(found.get("blockNumber"))
    return TokenEvent(int(topics[-1], 16), minted, str(found.get("transactionHash")), block)
