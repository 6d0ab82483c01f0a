"""What is left after the kills, counted: run with the product's environment and the ledger of what was acknowledged.

`python -m tests.chaos.reckoning LEDGER LAST_KILL SECONDS` waits until nothing is on its way any more, then prints one
JSON object: `wrong` (a sentence for each promise that was broken) and how much of what was counted.
"""

import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django is set up first
from django.db import Error, connection  # noqa: E402

from audit import queries as log  # noqa: E402
from audit.models import Event, Queued  # noqa: E402
from consent import proofs  # noqa: E402
from consent.models import Ending, Grant, GrantParcel  # noqa: E402
from ehr import clock  # noqa: E402
from ehr.accounts.models import Letter, User  # noqa: E402
from ehr.chain import client, deployments  # noqa: E402
from ehr.chain.models import Status, Transaction  # noqa: E402
from ehr.chain.tokens import CONTRACT  # noqa: E402
from ehr.notices.models import Mail  # noqa: E402
from ehr.outbox.delivery import CLAIM  # noqa: E402
from patients.models import Entry, Patient  # noqa: E402

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # ERC-721
NOBODY = "0x" + "0" * 64
UNDER_WAY = [Status.QUEUED, Status.SIGNED, Status.SENT]


# --- Waiting -------------------------------------------------------------------------------------
def under_way() -> dict[str, int]:
    """Return how much of what is still to come, by kind; what was given up is not on its way."""
    waiting = {
        "events without a place": Queued.objects.count(),
        "tokens not yet in a transaction": GrantParcel.objects.filter(delivered_at=None).count(),
        "transactions": Transaction.objects.filter(status__in=UNDER_WAY).count(),
        "e-mails": Mail.objects.filter(delivered_at=None, gave_up_at=None).count(),
        "letters": Letter.objects.filter(delivered_at=None, gave_up_at=None).count(),
    }
    return {name: count for name, count in waiting.items() if count}


def as_if_claims_were_over(last_kill: datetime) -> None:
    """Let what a killed worker had claimed be sent now, and not after the five minutes its claim lasts."""
    for parcels in (Mail, Letter):
        claimed = parcels.objects.filter(delivered_at=None, gave_up_at=None, attempts__gt=0, last_problem="")
        claimed.filter(due_at__lte=last_kill + CLAIM).update(due_at=clock.now())


def wait(last_kill: datetime, seconds: float) -> dict[str, int]:
    """Return what is still under way when nothing is, or time is up."""
    until = time.monotonic() + seconds
    left: dict[str, int] = {"the database": 1}
    while left and time.monotonic() < until:
        try:
            as_if_claims_were_over(last_kill)
            left = under_way()
        except Error:
            connection.close()
        time.sleep(0.5 if left else 0)
    return left


# --- Counting ------------------------------------------------------------------------------------
class Reckoning:
    """Compares the ledger with storage, mailbox and chain."""

    def __init__(self, ledger: list[dict]) -> None:
        self.did, self.tries = ([line for line in ledger if kind in line] for kind in ("did", "tries"))
        self.wrong: list[str] = []
        self.lines = [log.line(event) for event in Event.objects.select_related("body", "leaf", "erasure")]

    def of(self, act: str, key: str, *, tried: bool = False) -> list[str]:
        lines = self.tries if tried else self.did
        return [line[key] for line in lines if line["tries" if tried else "did"] == act]

    def exactly_once(self, what: str, wanted: list[str], found: Counter) -> None:
        for one in sorted(set(wanted)):
            if found[one] != 1:
                self.wrong.append(f"{what} {one} is there {found[one]} times.")

    def at_most_once(self, what: str, tried: list[str], found: Counter) -> None:
        self.wrong += [f"{what} {one} is there {found[one]} times." for one in sorted(set(tried)) if found[one] > 1]

    def between(self, what: str, acknowledged: int, tried: int, found: int) -> None:
        if not acknowledged <= found <= tried:
            self.wrong.append(f"{what}: {acknowledged} acknowledged, {tried} tried, {found} found.")

    def events(self) -> None:
        marks = Counter(str(line.details["number"]) for line in self.lines if "number" in line.details)
        self.exactly_once("Event", self.of("mark", "number"), marks)
        self.at_most_once("Event", self.of("mark", "number", tried=True), marks)
        if unnumbered := [line for line in self.lines if line.number is None]:
            self.wrong.append(f"{len(unnumbered)} events have no place in the tree.")
        opened = Counter(str(line.subject) for line in self.lines if line.action == "chart.opened")
        looks, tried = Counter(self.of("look", "patient")), Counter(self.of("look", "patient", tried=True))
        for patient in tried:
            self.between(f"Looks at {patient}", looks[patient], tried[patient], opened[patient])
        self.pages()

    def pages(self) -> None:
        own = Counter(str(line.actor.id) for line in self.lines if line.action == "record.opened" and line.actor)
        pages, tried = Counter(self.of("page", "person")), Counter(self.of("page", "person", tried=True))
        for email in tried:
            user = User.objects.get(email=email)
            self.between("Pages of one's own record", pages[email], tried[email], own[str(user.pk)])

    def entries(self) -> None:
        found = Counter(map(str, Entry.objects.values_list("logical_id", flat=True)))
        written, tried = self.of("write", "entry"), self.of("write", "entry", tried=True)
        self.exactly_once("Entry", written, found)
        self.at_most_once("Entry", tried, found)
        added = Counter(str(line.subject) for line in self.lines if line.action == "entry.added")
        for patient in set(self.of("write", "patient")):
            if (count := Patient.objects.get(pk=patient).entries.count()) != added[patient]:
                self.wrong.append(f"{count} entries of {patient} have {added[patient]} events.")
        for line in self.did:
            if line["did"] == "read-back" and line["missing"]:
                self.wrong.append(f"{len(line['missing'])} entries of client {line['client']} do not open.")

    def grants(self) -> None:
        given, tried = self.of("give", "grant"), self.of("give", "grant", tried=True)
        made = Counter(str(line.grant) for line in self.lines if line.action == "grant.made")
        over = Counter(str(line.grant) for line in self.lines if line.action == "grant.ended")
        rows = Counter(map(str, Grant.objects.values_list("pk", flat=True)))
        endings = Counter(map(str, Ending.objects.values_list("grant_id", flat=True)))
        for what, wanted, all_tried, found in (
            ("Grant", given, tried, rows),
            ("The event of grant", given, tried, made),
            ("Ending", self.of("end", "grant"), self.of("end", "grant", tried=True), endings),
            ("The event of ending", self.of("end", "grant"), self.of("end", "grant", tried=True), over),
        ):
            self.exactly_once(what, wanted, found)
            self.at_most_once(what, all_tried, found)

    def chain(self) -> int:
        """Count what the token contract announced, for each grant there is; return how many tokens it minted."""
        asked = {"fromBlock": "0x0", "toBlock": "latest", "address": deployments.address(CONTRACT)}
        minted, burned, never, skipped = Counter(), Counter(), Counter(), 0
        for entry in client.ask("eth_getLogs", asked):
            topics = entry["topics"]
            if topics[0] == TRANSFER:
                (minted if topics[1] == NOBODY else burned)[int(topics[3], 16)] += 1
            elif topics[0] == topic("EndedUnminted(uint256)"):
                never[int(topics[1], 16)] += 1
            else:
                skipped += 1
        # A token ended before it was minted: its mint comes later, once, and is skipped. Nothing else is.
        if skipped != len(never):
            self.wrong.append(
                f"{skipped} items of batches were skipped, and {len(never)} tokens ended before their mint."
            )
        for grant in Grant.objects.select_related("ending"):
            token, ended = proofs.token_id(grant), hasattr(grant, "ending")
            seen = (minted[token], burned[token], never[token])
            if seen not in {(1, 1, 0), (0, 0, 1)} if ended else seen != (1, 0, 0):
                self.wrong.append(f"Grant {grant.pk}, {'ended' if ended else 'open'}: minted, burned, ended = {seen}.")
        failed = Transaction.objects.filter(status=Status.FAILED).values_list("contract", "method", "problem")
        self.wrong += [f"A transaction failed: {' '.join(one)}" for one in failed]
        return sum(minted.values())

    def mail(self) -> tuple[int, int]:
        """Return how many parcels were sent, and how many letters of them arrived twice."""
        keys = Counter(Mail.objects.values_list("key", flat=True))
        self.exactly_once("The parcel of notice", self.of("notify", "key"), keys)
        arrived = Counter(letters(settings.EMAIL_FILE_PATH))
        # Who has no mailbox is told by the desk: their parcel is done with, and no letter leaves.
        mails = Mail.objects.exclude(notice__user__email=None)
        parcels = [*mails, *Letter.objects.filter(link=None).exclude(user__email=None)]
        self.wrong += [
            f"News {one.pk} of somebody without a mailbox was left undone."
            for one in Mail.objects.filter(notice__user__email=None, delivered_at=None)
        ]
        for parcel in parcels:
            count = arrived[str(parcel.pk)]
            if not count:
                self.wrong.append(f"E-mail {parcel.pk} ({parcel.kind}) was lost.")
            elif count > parcel.attempts:
                self.wrong.append(f"E-mail {parcel.pk} was sent {count} times in {parcel.attempts} attempts.")
        return len(parcels), sum(arrived[str(parcel.pk)] > 1 for parcel in parcels)


def topic(signature: str) -> str:
    """Return the first topic of an event of a contract."""
    return client.web3().keccak(text=signature).to_0x_hex()


def letters(folder: Path) -> list[str]:
    """Return the parcels' ids that the Message-IDs in a mailbox name."""
    found = []
    for file in folder.glob("*"):
        for part in file.read_bytes().split(b"-" * 79 + b"\n"):
            if message_id := message_from_bytes(part.strip())["Message-ID"]:
                found.append(message_id.strip("<>").partition("@")[0])
    return found


def main() -> None:
    path, last_kill, seconds = sys.argv[1:]
    ledger = json.loads(Path(path).read_text(encoding="utf-8"))
    left = wait(datetime.fromtimestamp(float(last_kill), UTC), float(seconds))
    reckoning = Reckoning(ledger)
    reckoning.wrong += [f"{count} {name} did not arrive." for name, count in left.items()]
    reckoning.events()
    reckoning.entries()
    reckoning.grants()
    tokens = reckoning.chain()
    parcels, doubled = reckoning.mail()
    told = {"wrong": reckoning.wrong, "events": len(reckoning.lines), "tokens": tokens}
    sys.stdout.write(json.dumps(told | {"mails": parcels, "doubled": doubled}))


if __name__ == "__main__":
    main()
