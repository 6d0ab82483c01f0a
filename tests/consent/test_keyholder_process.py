"""The keyholder as it runs: a process of its own, with the key in its environment and in nobody else's."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from django.conf import settings as project
from django.core.management import call_command
from django.db import connection, transaction

from audit import log
from consent import access, escrow, keys, queries
from consent.access import open_own
from consent.escrow import KeyholderAway, NotReleased
from consent.keyholder import readers, wire
from consent.models import EscrowUse
from consent.sharing import arrivals
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.models import Reader
from ehr.words import Category
from patients.operations import source_signer
from providers.roles import Role
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = [pytest.mark.security, pytest.mark.django_db(transaction=True)]
ROOT = Path(project.BASE_DIR)
WITHIN = 30.0


@pytest.fixture
def shared_database(transactional_db, tmp_path, monkeypatch):
    """A database that another process can open, and its URL. SQLite's in memory is copied into a file for that."""
    facts = connection.settings_dict
    if connection.vendor == "postgresql":
        yield f"postgres://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"
        return
    path = tmp_path / "shared.sqlite3"
    connection.ensure_connection()
    in_memory = connection.connection
    connection.connection = None
    monkeypatch.setitem(facts, "NAME", str(path))
    connection.ensure_connection()
    in_memory.backup(connection.connection)
    yield f"sqlite:///{path}"
    connection.close()
    connection.connection = in_memory


class Keyholder:
    """The program itself, started as an operator does."""

    def __init__(self, folder, database):
        self.socket = str(folder / "keyholder.sock")
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "HOME"}}
        self.environment = inherited | {
            "DATABASE_URL": database,
            "DATA_DIR": str(folder),
            "KEYHOLDER_SOCKET": self.socket,
            "KEYHOLDER_FILE_KEY": "05" * 32,
        }
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", "run_keyholder"],
            cwd=ROOT, env=self.environment, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "The keyholder listens" in line:
                return
        raise AssertionError("".join(said))

    def end(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        status = self.process.wait(timeout=WITHIN)
        self.process.stderr.close()
        return status


@pytest.fixture
def keyholder(shared_database, settings):
    """A running keyholder, and this process as one that has no key and asks it."""
    # A folder of its own, for a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="keyholder-") as folder:
        running = Keyholder(Path(folder), shared_database)
        settings.KEYHOLDER_SOCKET, settings.KEYHOLDER_FILE_KEY = running.socket, b""
        running.start()
        yield running
        if running.process.poll() is None:
            running.end()


@pytest.fixture
def ana(keyholder):
    people.prepare_ground()
    person = people.patient("Ana Costa")
    access.add_own(person.patient, [draft(Category.LABS, "marker")], keyring=person.keyring)
    return person


def opened_in_emergency(patient, doctor, to):
    actor = log.Party("person", doctor.user.pk, doctor.user.name, "emergency", "")
    return log.record(
        "emergency.opened", actor=actor, subject=patient.pk, categories=[Category.LABS], details={"to": to}
    )


def ask(keyholder, event, patient, key):
    asked = {"ask": "release", "event": str(event.pk), "patient": str(patient.pk), "why": "emergency"}
    return wire.pack(asked | {"to": wire.text(key.public)})


def test_it_makes_its_keyrings_by_itself_and_this_process_cannot_open_them(keyholder):
    assert set(Reader.objects.values_list("name", flat=True)) == {
        queries.ESCROW_NAME,
        queries.CUSTODIAN_NAME,
        readers.REPAIR_NAME,
    }
    escrow.require_keyholder()
    with pytest.raises(readers.NotHeld):
        readers.escrow_keyring()


def test_a_record_that_arrived_first_is_claimed_through_it(keyholder):
    people.prepare_ground()
    with transaction.atomic():
        waiting = arrivals.expect(
            name="Ana Costa", birth_date=date(1984, 5, 3), sex="female", identifiers=[("urn:mrn", "A 1")], source="City"
        )
        access.receive(waiting, [draft(Category.LABS, "arrived first")], source=source_signer("City"))
    staff, ana = [people.checker("One"), people.checker("Other")], people.account("Ana Costa")
    claim = arrivals.take_up(arrivals.invite(waiting, by=staff[0])[1], user=ana.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    patient = arrivals.finish_claim(claim, keyring=ana.keyring)
    assert texts(open_own(patient, keyring=ana.keyring)) == {"arrived first"}
    assert EscrowUse.objects.get().why == "claim"


def test_an_emergency_opens_through_it(ana):
    doctor = people.clinician("Emil Ward", role=Role.EMERGENCY)
    secrets = escrow.released(
        ana.patient, why="emergency", record=lambda to: opened_in_emergency(ana.patient, doctor, to)
    )
    assert set(keys.boxes_of(ana.patient, secrets, [Category.LABS])) == {"labs"}


def test_an_event_that_was_rolled_back_opens_nothing(ana):
    doctor, key = people.clinician("Emil Ward", role=Role.EMERGENCY), OneUseKey()
    with transaction.atomic():
        actor = log.Party("person", doctor.user.pk, doctor.user.name, "emergency", "")
        details = {"to": sha256(key.public).hexdigest()}
        event = log.append("emergency.opened", actor=actor, subject=ana.patient.pk, details=details)
        transaction.set_rollback(True)
    answer = wire.unpack(wire.ask(project.KEYHOLDER_SOCKET, ask(None, event, ana.patient, key), within=WITHIN))
    assert answer == {"refused": "no-event"}


@pytest.mark.postgres
def test_an_event_that_is_not_committed_yet_opens_nothing(ana):
    doctor, key = people.clinician("Emil Ward", role=Role.EMERGENCY), OneUseKey()
    with transaction.atomic():
        actor = log.Party("person", doctor.user.pk, doctor.user.name, "emergency", "")
        details = {"to": sha256(key.public).hexdigest()}
        event = log.append("emergency.opened", actor=actor, subject=ana.patient.pk, details=details)
        answer = wire.unpack(wire.ask(project.KEYHOLDER_SOCKET, ask(None, event, ana.patient, key), within=WITHIN))
    assert answer == {"refused": "no-event"}


def test_killed_before_it_has_counted_it_has_opened_nothing_and_the_event_still_opens(ana, keyholder):
    doctor, key = people.clinician("Emil Ward", role=Role.EMERGENCY), OneUseKey()
    event = opened_in_emergency(ana.patient, doctor, sha256(key.public).hexdigest())
    with transaction.atomic(), socket.socket(socket.AF_UNIX) as caller:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("lock table consent_escrowuse in access exclusive mode")
        # Whoever writes holds SQLite whole: the keyholder gets as far as here and waits.
        caller.connect(project.KEYHOLDER_SOCKET)
        wire.send(caller, ask(keyholder, event, ana.patient, key))
        keyholder.end()
        with pytest.raises((wire.Garbled, OSError)):
            wire.receive(caller, within=WITHIN)
    assert not EscrowUse.objects.exists()
    with pytest.raises(KeyholderAway):
        escrow.require_keyholder()
    keyholder.start()
    answer = wire.unpack(wire.ask(project.KEYHOLDER_SOCKET, ask(keyholder, event, ana.patient, key), within=WITHIN))
    assert [part for part, _epoch, _blob in answer["seals"]] == ["labs"]
    assert EscrowUse.objects.count() == 1


def test_the_rest_goes_on_without_it(ana, keyholder):
    keyholder.end()
    assert texts(open_own(ana.patient, keyring=ana.keyring)) == {"marker"}
    people.patient("Somebody Else")
    lee = people.clinician("Mei Lee")
    people.give(ana, lee, Category.LABS)
    with pytest.raises(NotReleased, match="keyholder does not answer"):
        escrow.released(ana.patient, why="emergency", record=lambda _to: None)


def test_asked_to_stop_it_leaves_no_socket_behind(keyholder):
    assert Path(keyholder.socket).is_socket()
    assert keyholder.end(signal.SIGTERM) == 0
    assert not Path(keyholder.socket).exists()


def test_without_a_key_it_does_not_start(keyholder):
    without = {name: value for name, value in keyholder.environment.items() if name != "KEYHOLDER_FILE_KEY"}
    command = [sys.executable, "-W", "ignore", "manage.py", "run_keyholder"]
    refused = subprocess.run(command, cwd=ROOT, env=without, capture_output=True, text=True, timeout=180)
    assert refused.returncode == 1
    assert "holds no key" in refused.stderr


def test_asking_it_to_make_its_keyrings_again_changes_nothing(keyholder, capsys):
    call_command("open_escrow")
    assert "open already" in capsys.readouterr().out
