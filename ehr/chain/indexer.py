"""Follows the chain: finds our transactions in blocks, checks those blocks again, goes back when the chain does."""

import logging
from dataclasses import dataclass

from django.db import transaction as database

from ehr.chain import client, signing
from ehr.chain.answers import Header, Receipt
from ehr.chain.models import Account, Block, SignedForm, Status, Transaction

logger = logging.getLogger(__name__)
# For nodes that know no `finalized` block: so many blocks down nothing is replaced.
DEEP = 64
BATCH = 200


@dataclass(frozen=True)
class Heights:
    """The latest block's number and that of the last block that can no longer be replaced."""

    latest: int
    final: int


def index() -> Heights:
    """Bring what we know in line with the chain; may run any number of times. Raises Unavailable."""
    payer = signing.account()
    found = heights()
    rewind(payer.chain_id)
    _settle(payer)
    _release_lost(payer)
    _finalise(payer.chain_id, found.final)
    return found


def heights() -> Heights:
    """Ask the chain how far it is and how much of it is final. Raises Unavailable."""
    asked = client.post([("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "finalized")])
    latest = asked[0].header()
    if latest is None:
        raise client.Unavailable("no latest block")
    final = None if asked[1].refused else asked[1].header()
    return Heights(latest.number, final.number if final else max(0, latest.number - DEEP))


def rewind(chain_id: int) -> int:
    """Forget blocks that the chain replaced and send what they held again; return how many were replaced.

    Raises Unavailable, also where the node tells of some of the blocks only.
    """
    blocks = list(Block.objects.filter(chain_id=chain_id, confirmed=False).order_by("number"))
    answers = client.post([("eth_getBlockByNumber", [hex(block.number), False]) for block in blocks])
    # A refusal is Unavailable: what nobody compared must not become final in the same round.
    replaced = [block for block, answer in zip(blocks, answers, strict=True) if not _same(block, answer.header())]
    if not replaced:
        return 0
    with database.atomic():
        for block in replaced:
            Transaction.objects.filter(
                block_hash=bytes(block.hash), status__in=[Status.CONFIRMED, Status.FAILED]
            ).update(
                status=Status.SENT,
                block_number=None,
                block_hash=None,
                mined_hash=None,
                gas_used=None,
                created_address="",
                logs=[],
                problem="",
            )
            SignedForm.objects.filter(transaction__status=Status.SENT).update(sent_at=None)
        Block.objects.filter(pk__in=[block.pk for block in replaced]).delete()
    logger.warning("The chain replaced %d blocks from %d on", len(replaced), replaced[0].number)
    return len(replaced)


def _same(block: Block, found: Header | None) -> bool:
    return found is not None and found.hash == bytes(block.hash)


def _settle(payer: Account) -> None:
    """Find outstanding transactions in blocks."""
    forms = list(
        SignedForm.objects.filter(transaction__in=Transaction.objects.outstanding()).order_by(
            "transaction__nonce", "-pk"
        )[:BATCH]
    )
    receipts = client.post([("eth_getTransactionReceipt", [f"0x{bytes(form.hash).hex()}"]) for form in forms])
    mined = [
        (form, receipt)
        for form, answer in zip(forms, receipts, strict=True)
        if not answer.refused and (receipt := answer.receipt())
    ]
    numbers = sorted({receipt.block_number for _, receipt in mined})
    headers = client.post([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
    blocks = {header.hash: header for answer in headers if not answer.refused and (header := answer.header())}
    for form, receipt in mined:
        # A receipt whose block is gone again waits for the next look.
        if receipt.block_hash in blocks:
            _confirm(form, receipt, blocks[receipt.block_hash], payer.chain_id)


def _confirm(form: SignedForm, receipt: Receipt, header: Header, chain_id: int) -> None:
    with database.atomic():
        block, _ = Block.objects.get_or_create(
            chain_id=chain_id, number=header.number, defaults={"hash": header.hash, "time": header.time}
        )
        if bytes(block.hash) != header.hash:
            return
        Transaction.objects.outstanding().filter(pk=form.transaction_id).update(
            status=Status.CONFIRMED if receipt.done else Status.FAILED,
            problem="" if receipt.done else "reverted",
            block_number=header.number,
            block_hash=header.hash,
            mined_hash=bytes(form.hash),
            gas_used=receipt.gas_used,
            created_address=receipt.created,
            logs=receipt.logs,
        )


def _release_lost(payer: Account) -> None:
    """Queue again what can never be mined: somebody else used the relayer's key, and its nonce, for good."""
    mine = Transaction.objects.outstanding().filter(payer=payer.address)
    lowest = mine.order_by("nonce").values_list("nonce", flat=True).first()
    if lowest is None:
        return
    answer = client.post([("eth_getTransactionCount", [payer.address, "finalized"])])[0]
    if answer.refused or lowest >= (used := answer.quantity()):
        return
    for transaction in mine.filter(nonce__lt=used):
        receipts = client.post(
            [("eth_getTransactionReceipt", [f"0x{bytes(form.hash).hex()}"]) for form in transaction.forms.all()]
        )
        if any(answer.refused or answer.receipt() for answer in receipts):
            continue
        with database.atomic():
            row = Account.objects.select_for_update().get(pk=payer.pk)
            Account.objects.filter(pk=row.pk).update(next_nonce=max(row.next_nonce, used))
            if Transaction.objects.outstanding().filter(pk=transaction.pk).update(status=Status.QUEUED, nonce=None):
                SignedForm.objects.filter(transaction=transaction).delete()
        logger.warning("Transaction %d lost its nonce to another and is queued again", transaction.pk)


def _finalise(chain_id: int, final: int) -> None:
    with database.atomic():
        settled = Block.objects.filter(chain_id=chain_id, confirmed=False, number__lte=final)
        for block_hash in list(settled.values_list("hash", flat=True)):
            Transaction.objects.filter(block_hash=bytes(block_hash), status=Status.CONFIRMED).update(
                status=Status.FINAL
            )
        settled.update(confirmed=True)
