"""The one connection to the chain: any Ethereum JSON-RPC at settings.CHAIN_URL."""

import itertools
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import requests
from django.conf import settings
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint, RPCResponse

from ehr.chain import answers
from ehr.chain.answers import Answer, Unavailable

# To connect, and to answer: a trial run of a large batch takes a moment.
TIMEOUT_SECONDS = (3, 20)
# What web3 is asked for here; it takes any answer.
_SHAPES: dict[str, Callable[[object], object]] = {"eth_call": answers.octets, "eth_chainId": answers.quantity}
_threads = threading.local()
_numbers = itertools.count(1)


class _Provider(HTTPProvider):
    """web3's provider, whose network failures are Unavailable, and so is what a node would not answer."""

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        try:
            response = super().make_request(method, params)
        except (requests.RequestException, OSError, ValueError, RecursionError) as problem:
            raise Unavailable(f"{method}: {type(problem).__name__}") from problem
        answer = answers.read(response)
        if not answer.reverted:
            said = answer.value()
            if method in _SHAPES:
                _SHAPES[method](said)
        return response


@lru_cache(maxsize=4)
def _web3(url: str) -> Web3:
    provider = _Provider(
        url,
        request_kwargs={"timeout": TIMEOUT_SECONDS},
        cache_allowed_requests=False,  # it would remember a chain's number that a busy node made up
        exception_retry_configuration=None,
    )
    return Web3(provider)


def web3() -> Web3:
    """Return web3 for reading contracts. Its calls raise Unavailable when the chain cannot be reached."""
    return _web3(settings.CHAIN_URL)


def post(requests_: Sequence[tuple[str, list[Any]]]) -> list[Answer]:
    """Send one JSON batch and return the answers in its order. Raises Unavailable.

    web3's own batches refuse eth_sendRawTransaction, and one POST is several times faster than one for each.
    """
    if not requests_:
        return []
    batch: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": next(_numbers), "method": name, "params": args} for name, args in requests_
    ]
    try:
        response = _session().post(settings.CHAIN_URL, json=batch, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        answered = {item["id"]: item for item in response.json()}
        return [answers.read(answered[item["id"]]) for item in batch]
    except (requests.RequestException, OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise Unavailable(f"{requests_[0][0]}: {type(problem).__name__}") from problem


def ask(method: str, *params: Any) -> Any:
    """Return the result of one read. Raises Unavailable, also when the node answers with an error."""
    answer = post([(method, list(params))])[0]
    if answer.refused:
        raise Unavailable(f"{method}: {answer.message}")
    return answer.result


def ask_bytes(method: str, *params: Any) -> bytes:
    """Return the result of one read that is bytes: code, or what a call returns. Raises Unavailable."""
    return answers.octets(ask(method, *params))


def chain_id() -> int:
    """Return the id of the chain that answers now. Raises Unavailable.

    What was deployed where is known without the chain: see `deployments.find`.
    """
    return answers.quantity(ask("eth_chainId"))


def _session() -> requests.Session:
    """Return this thread's connection, kept open between calls."""
    session: requests.Session | None = getattr(_threads, "session", None)
    if session is None:
        session = _threads.session = requests.Session()
        # The address is configuration; proxies and credentials from the environment are not.
        session.trust_env = False
    return session
