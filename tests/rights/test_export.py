"""The whole record in one file (J11.1, J11.2): made in its patient's session, saved once, closed while it waits."""

import io
import json
import subprocess
import sys
import time
import uuid
import zipfile
from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine
from django.db import connection
from pypdf import PdfReader

from audit import checkpoints, sequencer
from audit.queries import story
from consent import access
from ehr import clock
from ehr.frame.drafting import draft
from ehr.r4 import text, validate
from ehr.rights import export, paper
from ehr.rights.models import Package, PackagePiece
from ehr.rights.packing import Told
from tests.clinician.conftest import lab, problem
from tests.rights.conftest import PIXEL, letter

pytestmark = pytest.mark.django_db
TOLD = Told(
    looks=[paper.Look("Dr Mei Lee", "Read your test results.", "19 November 2026, 14:06")],
    seal=paper.Seal("<svg viewBox='0 0 1 1'></svg>", ["Nobody can remove a line without it showing."]),
)


def sign() -> None:
    """Let the log be signed, as it is every ten seconds."""
    while sequencer.sequence():
        pass
    checkpoints.sign()


def add(ana, resource: dict, attachment: bytes = b"") -> None:
    access.add_own(ana.patient, [draft(ana.patient, resource, attachment=attachment)], keyring=ana.keyring)


def made(ana, **more) -> Package:
    sign()
    return export.make(ana.patient, keyring=ana.keyring, told=TOLD, **more)


def saved(ana, package) -> dict[str, bytes]:
    """Return the files of a package by name, as they are on a computer."""
    content = b"".join(export.take(ana.patient, package.pk, keyring=ana.keyring))
    with zipfile.ZipFile(io.BytesIO(content)) as whole:
        assert whole.testzip() is None
        return {name: whole.read(name) for name in whole.namelist()}


@pytest.fixture
def files(record):
    add(record, letter("Scan of my knee", b"%PDF-1.7 a scan"), b"%PDF-1.7 a scan")
    add(record, letter("Photo: skin/2026", PIXEL, "image/png"), PIXEL)
    return saved(record, made(record))


def test_j11_1_it_holds_fhir_a_paper_the_log_its_proofs_and_checksums(files):
    assert set(files) >= {
        "README.txt", "record.pdf", "fhir/record.json", "fhir/summary.json", "fhir/ndjson/Observation.ndjson",
        "log/my-log.json", "log/verify.py", "SHA256SUMS", "files/Scan of my knee.pdf", "files/Photo skin 2026.png",
    }  # fmt: skip
    assert any(name.endswith(".tlog-proof") for name in files)


def test_every_file_has_its_checksum(files):
    listed = dict(line.split("  ", 1)[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert listed == {name: sha256(content).hexdigest() for name, content in files.items() if name != "SHA256SUMS"}


def test_j11_2_every_resource_is_valid_fhir_and_the_kinds_hold_the_same(files):
    bundle = text.loads(files["fhir/record.json"])
    resources = [one["resource"] for one in bundle["entry"]]
    assert [problem for one in resources for problem in validate.check(one)] == []
    assert validate.check(text.loads(files["fhir/summary.json"])) == []
    lines = [
        text.loads(line) for name, content in files.items() if name.endswith(".ndjson") for line in content.splitlines()
    ]
    kept = [one for one in resources if one["resourceType"] != "Patient"]
    assert sorted(lines, key=str) == sorted(kept, key=str)


def test_files_beside_entries_are_in_it_byte_for_byte_and_the_paper_names_them(files):
    assert files["files/Scan of my knee.pdf"] == b"%PDF-1.7 a scan"
    assert files["files/Photo skin 2026.png"] == PIXEL
    words = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(files["record.pdf"])).pages)
    assert "files/Scan of my knee.pdf" in words.replace("\n", " ")
    assert "Depressive episode" in words


def test_the_readme_speaks_to_its_person(files):
    words = files["README.txt"].decode()
    assert "This folder is not locked." in words
    assert "python3 verify.py my-log.json" in words
    assert "8 entries" in words


# --- Checked offline -------------------------------------------------------------------------------
def verify(folder, *names) -> subprocess.CompletedProcess:
    """Run the checker that came along, on files that came along, as a person does."""
    words = [sys.executable, "-I", "verify.py", *names]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=180)


@pytest.fixture
def folder(files, tmp_path):
    for name, content in files.items():
        if name.startswith("log/"):
            path = tmp_path / name.removeprefix("log/")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    return tmp_path


def test_j11_2_the_checker_that_came_along_finds_everything_in_order(folder):
    done = verify(folder, "my-log.json")
    assert done.returncode == 0, done.stdout + done.stderr
    proofs = sorted(str(path.relative_to(folder)) for path in folder.glob("events/*.tlog-proof"))
    assert proofs
    for name in proofs:
        assert verify(folder, *key(folder), name).returncode == 0


def key(folder) -> list[str]:
    return ["--key", (folder / "key.txt").read_text().strip()]


@pytest.mark.parametrize("where", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_j11_2_one_flipped_byte_is_found(folder, where):
    for path in (folder / "my-log.json", next(iter(sorted(folder.glob("events/*.tlog-proof"))))):
        named = [*key(folder), str(path.relative_to(folder))]
        assert verify(folder, *named).returncode == 0
        content = bytearray(path.read_bytes())
        content[int(len(content) * where)] ^= 1
        path.write_bytes(content)
        assert verify(folder, *named).returncode == 1


def test_a_flipped_byte_anywhere_in_a_file_differs_from_its_checksum(files, tmp_path):
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    check = ["sha256sum", "-c", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    record = tmp_path / "fhir" / "record.json"
    content = bytearray(record.read_bytes())
    content[200] ^= 1
    record.write_bytes(content)
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


# --- Once, for a day, by one person ----------------------------------------------------------------
def test_j11_1_it_is_saved_once(record):
    package = made(record)
    assert saved(record, package)
    with pytest.raises(export.Gone):
        export.take(record.patient, package.pk, keyring=record.keyring)
    assert not PackagePiece.objects.exists()
    assert [line.action for line in story(record.patient.pk)[:2]] == ["record.collected", "record.copied"]


def test_j11_1_it_waits_a_day_and_no_longer(record):
    with time_machine.travel(clock.now(), tick=False) as traveller:
        package = made(record)
        traveller.shift(timedelta(hours=24, seconds=-1))
        assert export.waiting(record.patient, package.pk)
        traveller.shift(1)
        assert export.waiting(record.patient, package.pk) is None
        with pytest.raises(export.Gone):
            export.take(record.patient, package.pk, keyring=record.keyring)
        assert export.forget_what_is_over() == 1
    assert not PackagePiece.objects.exists()


def test_what_waits_is_closed_and_opens_for_nobody_else(record, ben):
    package = made(record)
    stored = b"".join(bytes(piece.body) for piece in package.pieces.all())
    for word in (b"Glucose", b"Penicillin", b"README", b"PK\x03\x04", b"%PDF", b"Ana"):
        assert word not in stored
    with pytest.raises(export.Gone):
        export.take(ben.patient, package.pk, keyring=ben.keyring)
    assert export.waiting(ben.patient, package.pk) is None
    with pytest.raises(export.Gone):
        list(export.take(record.patient, package.pk, keyring=ben.keyring))


def test_a_piece_in_another_s_place_does_not_open(record, monkeypatch):
    monkeypatch.setattr(export, "PIECE_BYTES", 4096)
    package = made(record)
    assert package.pieces_count > 2
    first, second = package.pieces.order_by("number")[:2]
    PackagePiece.objects.filter(pk=first.pk).update(body=second.body)
    with pytest.raises(export.Gone):
        list(export.take(record.patient, package.pk, keyring=record.keyring))
    assert not PackagePiece.objects.exists()


def test_a_way_that_breaks_off_leaves_nothing_behind(record, monkeypatch):
    monkeypatch.setattr(export, "PIECE_BYTES", 4096)
    package = made(record)
    pieces = export.take(record.patient, package.pk, keyring=record.keyring)
    next(pieces)
    pieces.close()
    assert not PackagePiece.objects.exists()


def test_one_form_sent_twice_makes_one(record):
    once = uuid.uuid4()
    assert made(record, once=once) == made(record, once=once)
    assert Package.objects.count() == 1


def test_locked_keys_make_nothing(record):
    with pytest.raises(access.KeysLocked):
        export.make(record.patient, keyring=None, told=TOLD)
    assert not Package.objects.exists()


def test_where_the_paper_cannot_be_set_nothing_is_left(record, monkeypatch):
    def fail(*_sheets):
        raise paper.NotSet

    monkeypatch.setattr(paper, "pressed", fail)
    with pytest.raises(paper.NotSet):
        made(record)
    assert not Package.objects.exists()
    assert not PackagePiece.objects.exists()


def test_a_list_too_young_to_be_signed_is_left_out_and_the_record_still_comes(record):
    package = export.make(record.patient, keyring=record.keyring, told=TOLD)
    names = set(saved(record, package))
    assert "log/my-log.json" not in names
    assert "record.pdf" in names


def test_j11_1_a_thousand_entries_are_ready_within_a_minute(ana):
    drafts = [
        draft(ana.patient, lab(f"Test {number % 40}", str(number), f"20{number % 25:02}-05-03"))
        if number % 2
        else draft(ana.patient, problem(f"Condition {number}"))
        for number in range(1000)
    ]
    access.add_own(ana.patient, drafts, keyring=ana.keyring)
    sign()
    begun = time.perf_counter()
    package = export.make(ana.patient, keyring=ana.keyring, told=TOLD)
    took = time.perf_counter() - begun
    assert took < 60
    found = json.loads(saved(ana, package)["fhir/record.json"])
    assert len(found["entry"]) == 1001


def test_making_it_is_done_in_few_questions_to_the_database(record, django_assert_max_num_queries):
    sign()
    with django_assert_max_num_queries(400, connection=connection):
        export.make(record.patient, keyring=record.keyring, told=TOLD)
