"""One client of the product, as a program: does what people do, and tells a thing done only after it was told so.

Every line on its output is one JSON object: `tries` before something is tried, `did` once it is acknowledged.
It goes on until its input closes, and may be killed anywhere.
"""

import contextlib
import json
import os
import random
import select
import sys
import time
import uuid
from collections.abc import Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ehr.settings")

import django

django.setup()

from django.db import Error, IntegrityError, connection, transaction  # noqa: E402 - Django is set up first

from audit import log  # noqa: E402
from consent import access  # noqa: E402
from consent.access import own_party  # noqa: E402
from consent.sharing import grants  # noqa: E402
from ehr import clock  # noqa: E402
from ehr.frame.drafting import draft  # noqa: E402
from ehr.notices import operations as notices  # noqa: E402
from ehr.words import Category, Purpose  # noqa: E402
from tests import people  # noqa: E402

MOST_OPEN = 6
TRIES, WAIT_SECONDS = 200, 0.2


def tell(**facts: object) -> None:
    """Write one line, whole or not at all: a pipe takes up to 4 KiB in one piece."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def until_told(act: Callable[[], object]) -> object:
    """Do something that may be done twice until somebody says that it is done. Raises what is no outage."""
    for _ in range(TRIES):
        try:
            return act()
        except IntegrityError:
            raise
        except (Error, clock.ClockUnsure):
            connection.close()
            time.sleep(WAIT_SECONDS)
    raise TimeoutError("The database stayed away.")


class Client:
    """A patient and their clinician, and what they have done so far."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self.name, self.dice, self.count = name, dice, 0
        self.ana = people.patient(f"Patient {name}")
        self.lee = people.clinician(f"Clinician {name}")
        self.open: list = []
        self.written: list[uuid.UUID] = []
        tell(
            did="begin",
            client=name,
            patient=str(self.ana.patient.pk),
            reader=str(self.lee.user.pk),
            user=str(self.ana.user.pk),
        )

    def step(self) -> None:
        self.count += 1
        weights = {self.mark: 4, self.look: 3, self.give: 3, self.end: 3, self.write: 3, self.notify: 2}
        self.dice.choices(list(weights), list(weights.values()))[0]()

    def once(self, act: str, run: Callable[[], object], **facts: object) -> bool:
        """Try something that must not be repeated; tell before and after. False when nobody knows whether it was."""
        tell(tries=act, **facts)
        try:
            run()
        except (Error, clock.ClockUnsure):
            connection.close()
            return False
        tell(did=act, **facts)
        return True

    def mark(self) -> None:
        number = f"{self.name}:{self.count}"
        party = log.Party("person", self.lee.user.pk, "Clinician", "", "")
        facts = {"actor": party, "subject": self.ana.patient.pk, "details": {"number": number}}
        self.once("mark", lambda: log.record("chart.listed", **facts), number=number)

    def look(self) -> None:
        if self.open:
            chart = {"reader": self.lee.user, "keyring": self.lee.keyring, "purpose": Purpose.TREAT}
            self.once("look", lambda: access.open_chart(self.ana.patient, **chart), patient=str(self.ana.patient.pk))

    def give(self) -> None:
        if len(self.open) >= MOST_OPEN:
            return self.end()
        once = uuid.uuid4()
        tell(tries="give", grant=str(once))
        # One part each, so that a look uses one grant and makes one event.
        self.open.append(until_told(lambda: people.give(self.ana, self.lee, Category.LABS, once=once)))
        return tell(did="give", grant=str(once))

    def end(self) -> None:
        if not self.open:
            return
        grant = self.open.pop(self.dice.randrange(len(self.open)))
        by = own_party(self.ana.patient)
        tell(tries="end", grant=str(grant.pk))
        until_told(lambda: grants.end(grant, keyring=self.ana.keyring, by=by))
        tell(did="end", grant=str(grant.pk))

    def write(self) -> None:
        words = {"resourceType": "Observation", "status": "final", "code": {"text": f"Number {self.count}"}}
        new = draft(self.ana.patient, words | {"category": [{"coding": [{"code": "laboratory"}]}]})
        self.written.append(new.logical_id)
        tell(tries="write", entry=str(new.logical_id))
        # Where the version is there already, the try before was committed and its answer was lost.
        with contextlib.suppress(IntegrityError):
            until_told(lambda: access.add_own(self.ana.patient, [new], keyring=self.ana.keyring))
        tell(did="write", entry=str(new.logical_id), patient=str(self.ana.patient.pk))

    def notify(self) -> None:
        key = f"chaos:{self.name}:{self.count}"

        def act():
            with transaction.atomic():
                notices.notify(self.ana.user, "access-ends-soon", key=key)

        tell(tries="notify", key=key)
        until_told(act)
        tell(did="notify", key=key)

    def read_back(self) -> None:
        """Open the own record, and tell which entries open and bear their author's signature."""
        chart = until_told(lambda: access.open_own(self.ana.patient, keyring=self.ana.keyring))
        sound = {entry.logical_id for entry in chart.entries if entry.raw and entry.author_valid}
        tell(
            did="read-back",
            client=self.name,
            sound=len(sound),
            missing=[str(i) for i in self.written if i not in sound],
        )


def main() -> None:
    name, seed = sys.argv[1:]
    dice = random.Random(seed)
    client = until_told(lambda: Client(name, dice))
    while not select.select([sys.stdin], [], [], dice.uniform(0.05, 0.3))[0]:
        client.step()
    client.read_back()


if __name__ == "__main__":
    main()
