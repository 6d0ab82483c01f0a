"""The compiled contracts: ABI and bytecode as committed in contracts/artifacts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

FOLDER = Path(__file__).resolve().parents[2] / "contracts" / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes

    def function(self, method: str) -> dict[str, Any]:
        """Return the ABI of a function that has one form only. Raises KeyError when there is none."""
        found = [item for item in self.abi if item["type"] == "function" and item["name"] == method]
        if len(found) != 1:
            raise KeyError(f"{self.name} has {len(found)} functions named {method}.")
        return found[0]

    def calldata(self, method: str, args: Sequence[object]) -> bytes:
        """Return the bytes that call `method` with `args`."""
        types = _types(self.function(method))
        return keccak(text=f"{method}({','.join(types)})")[:4] + encode(types, args)

    def deployment(self, args: Sequence[object]) -> bytes:
        """Return the bytes that create the contract with these constructor arguments."""
        types = [kind for item in self.abi if item["type"] == "constructor" for kind in _types(item)]
        return self.bytecode + encode(types, args)


def _types(item: dict[str, Any]) -> list[str]:
    return [collapse_if_tuple(entry) for entry in item["inputs"]]


@lru_cache
def load(name: str) -> Artifact:
    """Return a contract by its name, `AccessToken` for example. Raises FileNotFoundError for an unknown one."""
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(name, content["abi"], bytes.fromhex(content["bytecode"].removeprefix("0x")))
