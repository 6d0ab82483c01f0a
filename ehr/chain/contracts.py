"""Puts the contracts on the chain. Running it twice changes nothing; dying halfway costs nothing."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction as database
from eth_utils.crypto import keccak

from ehr import clock
from ehr.chain import artifacts, client, deployments, indexer, relaying, signing, transactions
from ehr.chain.models import Account, Block, Deployment, SignedForm, Status, Transaction

DAY = 86_400
# Time in which a wrong successor of the anchor can still be stopped.
SUCCESSION_DELAY = 2 * DAY
# How long after a study what people are due may be set aside, and again as long in which they claim it.
CLAIM_WINDOW = 90 * DAY
EMBEDDED = "chartseal-embedded"
PATIENCE_SECONDS = 300.0


class NotDeployed(Exception):
    """A contract could not be put on the chain; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """A contract and what its constructor is told."""

    name: str
    args: list[object]

    def digest(self, payer: Account) -> bytes:
        """Return what makes this creation one and the same: chain, code and arguments."""
        creation = artifacts.load(self.name).deployment(self.args)
        return keccak(bytes(payer.genesis) + payer.address.encode() + self.name.encode() + keccak(creation))


def plans(*, admin: str, relayer: str) -> list[Plan]:
    """Return the contracts in the order of their creation. The relayer works; the admin gives and takes roles."""
    return [
        Plan("AccessToken", []),
        Plan("AuditAnchor", [relayer, SUCCESSION_DELAY]),
        Plan("ProviderRegistry", [admin, relayer]),
        # The wait for lost keys is the same here and there.
        Plan("IdentityRegistry", [admin, relayer, int(settings.RECOVERY_DELAY.total_seconds())]),
        # Who decides disputes and who is paid are others than who reports, where money is real: see ADR 0054.
        Plan(
            "AppointmentEscrow",
            [relayer, settings.PAYMENTS.escrow_arbiter or admin, settings.PAYMENTS.escrow_payee or relayer, DAY],
        ),
        Plan("ResearchRegistry", [relayer, CLAIM_WINDOW]),
    ]


def deploy(*, admin: str | None = None, poll_seconds: float = 0.2) -> list[Deployment]:
    """Put every contract that is missing on the chain; return where all of them stand.

    Raises NotDeployed, and client.Unavailable while the chain does not answer.
    """
    _meet_new_chain()
    payer = signing.account()
    wanted = plans(admin=admin or payer.address, relayer=payer.address)
    missing = [plan for plan in wanted if not _stands(payer.chain_id, plan.name)]
    for plan in missing:
        transactions.queue_creation(plan.digest(payer), contract=plan.name, args=plan.args)
    waiting = {plan.name: plan.digest(payer) for plan in missing}
    until = time.monotonic() + PATIENCE_SECONDS
    while waiting:
        relaying.relay()
        indexer.index()
        for name in [name for name, digest in waiting.items() if _recorded(payer.chain_id, name, digest)]:
            del waiting[name]
        if waiting and time.monotonic() > until:
            raise NotDeployed(
                f"{', '.join(waiting)} did not reach a block in {PATIENCE_SECONDS:.0f} s. Run this again."
            )
        if waiting:
            time.sleep(poll_seconds)
    return [row for plan in wanted if (row := deployments.find(plan.name))]


def _recorded(chain_id: int, name: str, digest: bytes) -> bool:
    """Write the contract's address down once its creation is in a block."""
    created = Transaction.objects.get(digest=digest)
    if created.status == Status.FAILED or (created.status == Status.QUEUED and created.problem):
        raise NotDeployed(f"{name} was refused by the chain ({created.problem}). Does the relayer have funds?")
    if created.block_number is None:
        return False
    deployments.record(chain_id, name, created.created_address, created.block_number)
    return True


def _stands(chain_id: int, name: str) -> bool:
    """Return whether the contract is where it was written down."""
    address = deployments.address_on(chain_id, name)
    return address is not None and client.ask_bytes("eth_getCode", address, "latest") != b""


def _meet_new_chain() -> None:
    """Start over on an embedded chain that was made anew; elsewhere another chain under the same id is a mistake."""
    try:
        signing.account()
    except signing.AnotherChain:
        version = client.ask("web3_clientVersion")
        if not str(version).startswith(EMBEDDED):
            raise
        _forget(client.chain_id())


@database.atomic
def _forget(chain_id: int) -> None:
    """Forget what stood on the chain that is gone, and queue all that was sent there again, in its order."""
    Deployment.objects.filter(chain_id=chain_id).delete()
    Block.objects.filter(chain_id=chain_id).delete()
    Account.objects.filter(chain_id=chain_id).delete()
    Transaction.objects.filter(method="").delete()
    SignedForm.objects.all().delete()
    Transaction.objects.exclude(status=Status.FAILED).update(
        status=Status.QUEUED,
        nonce=None,
        gas=None,
        block_number=None,
        block_hash=None,
        mined_hash=None,
        gas_used=None,
        logs=[],
        tries=0,
        due_at=clock.now(),
    )
