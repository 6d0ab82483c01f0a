"""Signed messages of one plan. What is not signed by who it says, for whom it reaches, about this plan, is not read."""

import json
from collections.abc import Mapping
from typing import Any

from ehr.crypto import signing
from ehr.crypto.digests import joined
from research.sums.plan import Party, Plan, canonical

LONGEST = 1 << 20  # bytes
_LABEL = b"chartseal/sums/v1"
_FIELDS = {"plan", "from", "to", "kind", "body", "signature"}

# What is said, and by whom. Each is said once: a second time it is refused, whatever it says.
SITES_SAY = frozenset({"commitment", "shares"})
AGGREGATORS_SAY = frozenset({"roster", "agreed", "partial"})


class Refused(Exception):
    """A message that is not acted on; `again` where the same was said before."""

    def __init__(self, told: str, *, again: bool = False) -> None:
        super().__init__(told)
        self.again = again


def written(plan: Plan, private: bytes, *, sender: str, to: str, kind: str, body: Mapping[str, Any]) -> bytes:
    """Return a message as it is sent, signed with an Ed25519 key."""
    message = {"plan": plan.digest, "from": sender, "to": to, "kind": kind, "body": body}
    signature = signing.sign(private, _signed(message))
    return canonical(message | {"signature": signature.hex()})


def read(plan: Plan, raw: bytes, *, to: str) -> tuple[str, str, dict[str, Any]]:
    """Return who says what, and its body. Raises Refused."""
    message = _parsed(plan, raw)
    sender, kind = message["from"], message["kind"]
    party = plan.party(sender)
    may_say = SITES_SAY if plan.aggregator(sender) is None else AGGREGATORS_SAY
    if party is None or kind not in may_say:
        raise Refused("The plan does not let this sender say that.")
    if message["to"] != to:
        raise Refused("This is meant for somebody else.")
    _check(message, party)
    return sender, kind, message["body"]


def signed_by(plan: Plan, party: Party, raw: bytes, *, kind: str) -> dict[str, Any]:
    """Return the body of what a party says to everybody. Raises Refused."""
    message = _parsed(plan, raw)
    if (message["from"], message["kind"]) != (party.name, kind):
        raise Refused("This is not what was asked for.")
    _check(message, party)
    return dict(message["body"])


def _check(message: dict[str, Any], party: Party) -> None:
    unsigned = {name: value for name, value in message.items() if name != "signature"}
    try:
        signature = bytes.fromhex(message["signature"])
    except ValueError:
        signature = b""
    # One signature has one spelling: capitals and spaces would make another message of the same one.
    if signature.hex() != message["signature"] or not signing.verify(party.key, _signed(unsigned), signature):
        raise Refused("The signature is not the sender's.")


def _signed(message: Mapping[str, object]) -> bytes:
    return joined(_LABEL, canonical(message))


def _parsed(plan: Plan, raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST:
        raise Refused("The message is too long.")
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused("The message is not JSON.") from None
    if not isinstance(message, dict) or set(message) != _FIELDS:
        raise Refused("The message does not have the fields of one.")
    texts = all(isinstance(message[name], str) for name in _FIELDS - {"body"})
    if not texts or not isinstance(message["body"], dict):
        raise Refused("The message's fields are not what they should be.")
    if message["plan"] != plan.digest:
        raise Refused("This is about another plan. Compare the plans' digests.")
    return message
