"""A chain in this process, one contract at a time, and accounts to call it from."""

import itertools
from dataclasses import dataclass, field

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.exceptions import ContractCustomError
from web3.providers import BaseProvider

from ehr.chain import artifacts, typed_data
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.embedded.node import Node
from ehr.chain.embedded.rpc import Methods
from ehr.chain.embedded.store import Store

NOON = 1_800_000_000
DAY = 86_400


class Direct(BaseProvider):
    """web3 without a network: asks the node's methods in this process."""

    def __init__(self, node):
        super().__init__()
        self.methods = Methods(node)
        self.numbers = itertools.count(1)

    def make_request(self, method, params):
        return self.methods.answer({"id": next(self.numbers), "method": method, "params": list(params)})


@dataclass
class Person:
    """A key and its address."""

    name: str
    key: bytes = b""
    address: str = ""

    def __post_init__(self):
        self.key = keccak(text=self.name)
        self.address = typed_data.address_of(self.key)


@dataclass
class Bench:
    """A chain whose clock stands still until it is moved."""

    time: float = NOON
    people: list[Person] = field(default_factory=lambda: [Person(name) for name in ("operator", "admin", "stranger")])

    def __post_init__(self):
        self.operator, self.admin, self.stranger = self.people
        funded = [person.address for person in self.people]
        self.node = Node(Store(":memory:"), funded, block_seconds=0, clock=lambda: self.time)
        self.web3 = Web3(Direct(self.node))

    def deploy(self, name, *args):
        """Return web3's contract, freshly created."""
        receipt = self._send(self.operator, "", artifacts.load(name).deployment(args), 5_000_000)
        return self.web3.eth.contract(address=receipt.contractAddress, abi=artifacts.load(name).abi)

    def create(self, code):
        """Return the address of a contract whose creation code is given in bytes."""
        return self._send(self.operator, "", code, 5_000_000).contractAddress

    def send(self, call, *, by=None, gas=None, value=0):
        """Send a call such as `contract.functions.anchor(…)` and return its receipt. Raises what it reverts with."""
        sender = by or self.operator
        limit = gas or call.estimate_gas({"from": sender.address, "value": value})
        data = call._encode_transaction_data()
        return self._send(sender, call.address, bytes.fromhex(data[2:]), limit, value)

    def poke(self, address, data, *, by=None):
        """Call an address with plain bytes and return the receipt."""
        return self._send(by or self.operator, address, data, 1_000_000)

    def _send(self, sender, to, data, gas, value=0):
        fields = {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": self.web3.eth.get_transaction_count(sender.address),
            "to": to,
            "data": data,
            "value": value,
            "gas": gas,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 1,
        }
        signed = Account.sign_transaction(fields, sender.key)
        return self.web3.eth.get_transaction_receipt(self.web3.eth.send_raw_transaction(signed.raw_transaction))

    def refusal(self, call, *, by=None, value=0):
        """Return (error name, its values) of a call that must be refused."""
        with pytest.raises(ContractCustomError) as caught:
            call.call({"from": (by or self.operator).address, "value": value})
        return decode_error(call.contract_abi, caught.value.data)


def decode_error(abi, data):
    """Return a custom error's name and values from its ABI."""
    raw = bytes.fromhex(data[2:])
    for item in abi:
        if item["type"] == "error":
            kinds = [part["type"] for part in item["inputs"]]
            if keccak(text=f"{item['name']}({','.join(kinds)})")[:4] == raw[:4]:
                pairs = zip(kinds, Web3().codec.decode(kinds, raw[4:]), strict=True)
                return item["name"], tuple(
                    to_checksum_address(one) if kind == "address" else one for kind, one in pairs
                )
    raise AssertionError(f"no error of this contract begins with {data[:10]}")


def events(contract, receipt, name):
    """Return the arguments of the events of that name in a receipt."""
    found = []
    for log in receipt.logs:
        event = contract.events[name]()
        if bytes(log.topics[0]) == bytes.fromhex(event.topic.removeprefix("0x")):
            found.append(dict(event.process_log(log)["args"]))
    return found


@pytest.fixture
def bench():
    return Bench()
