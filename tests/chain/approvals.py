"""The calls these tests queue: attestations of credentials, as approvals queue them."""

from eth_utils.crypto import keccak

from ehr.chain import transactions

FAR = 2**40


def credential(number=1):
    return keccak(text=f"credential {number}")


def attest(number=1):
    """Queue the attestation of a credential and return its digest."""
    digest = keccak(text=f"approval {number}")
    transactions.queue(digest, contract="ProviderRegistry", method="attest", args=[credential(number), FAR])
    return digest


def status(digest):
    return transactions.outcome(digest).status


def attestations(chain):
    """Return how often anything was attested on the chain."""
    return len(chain.contract("ProviderRegistry").events.Attested().get_logs(from_block=0))
