"""Follows the chain: finds our transactions in blocks, checks those blocks again, goes back when the chain does."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction as database

from ehr.chain import client, signing
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
    latest, final = client.post([("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "finalized")])
    if latest.refused or not latest.result:
        raise client.Unavailable(latest.message or "no latest block")
    number = int(latest.result["number"], 16)
    known = not final.refused and final.result
    return Heights(number, int(final.result["number"], 16) if known else max(0, number - DEEP))


def rewind(chain_id: int) -> int:
    """Forget blocks that the chain replaced and send what they held again; return how many were replaced."""
    blocks = list(Block.objects.filter(chain_id=chain_id, confirmed=False).order_by("number"))
    answers = client.post([("eth_getBlockByNumber", [hex(block.number), False]) for block in blocks])
    replaced = [
        block
        for block, answer in zip(blocks, answers, strict=True)
        if not answer.refused and not _same(block, answer.result)
    ]
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


def _same(block: Block, answer: dict[str, Any] | None) -> bool:
    return answer is not None and answer["hash"] == f"0x{bytes(block.hash).hex()}"


def _settle(payer: Account) -> None:
    """Find outstanding transactions in blocks."""
    forms = list(
        SignedForm.objects.filter(transaction__in=Transaction.objects.outstanding()).order_by(
            "transaction__nonce", "-pk"
        )[:BATCH]
    )
    answers = client.post([("eth_getTransactionReceipt", [f"0x{bytes(form.hash).hex()}"]) for form in forms])
    mined = [(form, answer.result) for form, answer in zip(forms, answers, strict=True) if answer.result]
    numbers = sorted({receipt["blockNumber"] for _, receipt in mined})
    headers = client.post([("eth_getBlockByNumber", [number, False]) for number in numbers])
    blocks = {answer.result["hash"]: answer.result for answer in headers if answer.result}
    for form, receipt in mined:
        # A receipt whose block is gone again waits for the next look.
        if receipt["blockHash"] in blocks:
            _confirm(form, receipt, blocks[receipt["blockHash"]], payer.chain_id)


def _confirm(form: SignedForm, receipt: dict[str, Any], header: dict[str, Any], chain_id: int) -> None:
    number, block_hash = int(header["number"], 16), bytes.fromhex(header["hash"][2:])
    with database.atomic():
        block, _ = Block.objects.get_or_create(
            chain_id=chain_id,
            number=number,
            defaults={"hash": block_hash, "time": datetime.fromtimestamp(int(header["timestamp"], 16), UTC)},
        )
        if bytes(block.hash) != block_hash:
            return
        done = int(receipt["status"], 16) == 1
        Transaction.objects.outstanding().filter(pk=form.transaction_id).update(
            status=Status.CONFIRMED if done else Status.FAILED,
            problem="" if done else "reverted",
            block_number=number,
            block_hash=block_hash,
            mined_hash=bytes(form.hash),
            gas_used=int(receipt["gasUsed"], 16),
            created_address=receipt.get("contractAddress") or "",
            logs=receipt["logs"],
        )


def _release_lost(payer: Account) -> None:
    """Queue again what can never be mined: somebody else used the relayer's key, and its nonce, for good."""
    mine = Transaction.objects.outstanding().filter(payer=payer.address)
    lowest = mine.order_by("nonce").values_list("nonce", flat=True).first()
    if lowest is None:
        return
    answer = client.post([("eth_getTransactionCount", [payer.address, "finalized"])])[0]
    if answer.refused or lowest >= (used := int(answer.result, 16)):
        return
    for transaction in mine.filter(nonce__lt=used):
        receipts = client.post(
            [("eth_getTransactionReceipt", [f"0x{bytes(form.hash).hex()}"]) for form in transaction.forms.all()]
        )
        if any(receipt.refused or receipt.result for receipt in receipts):
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
