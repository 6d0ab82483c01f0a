"""The file of a whole record: what lies in it under which name, with checksums and the list of who looked."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from django.utils import timezone
from django.utils.translation import gettext as _

from audit import notes, proofs, queries, verify
from consent.access import Copied, OpenEntry
from ehr.lines import contents, sentences
from ehr.r4 import text
from ehr.rights import copy, summary
from ehr.rights.paper import Look, Seal, paper

MOST_PROOFS = 100  # one file for each of the newest lines; the list file has the proof of every line
LOG, FHIR, FILES = "log", "fhir", "files"
_SUFFIXES = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "text/plain": ".txt",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/hl7-v3+xml": ".xml",
}
_UNSAFE = re.compile(r"[^\w\- ]+")


@dataclass(frozen=True)
class Told:
    """What a page knows and this room does not: the list in its patient's words, and the seal."""

    looks: Sequence[Look]
    seal: Seal


class _Folder:
    """A ZIP being written, which notes the SHA-256 of each file in it."""

    def __init__(self, out: BinaryIO, at: datetime) -> None:
        self.zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)
        self.at = timezone.localtime(at).timetuple()[:6]
        self.sums: dict[str, str] = {}

    def put(self, name: str, content: bytes) -> None:
        info = zipfile.ZipInfo(name, self.at)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self.zip.writestr(info, content)
        self.sums[name] = sha256(content).hexdigest()

    def close(self) -> None:
        """Put the checksums in, in the form that `sha256sum -c` reads, and end the file."""
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self.sums.items())]
        self.put("SHA256SUMS", "".join(lines).encode())
        self.zip.close()


def pack(copied: Copied, told: Told, out: BinaryIO) -> None:
    """Write the ZIP of a whole record into `out`, which needs no seeking. Raises paper.NotSet.

    It holds the record as FHIR (one bundle, and a file a type), a summary, a PDF, the files beside entries, the list
    of who looked with its proofs and the program that checks them, and the checksum of each.
    """
    chart = copied.chart
    folder = _Folder(out, chart.opened_at)
    names = dict(_file_names(copied))
    folder.put("README.txt", _readme(copied, names).encode())
    folder.put("record.pdf", paper(chart, looks=told.looks, seal=told.seal, files=names))
    folder.put(f"{FHIR}/record.json", copy.bundle(chart))
    folder.put(f"{FHIR}/summary.json", summary.summary(chart, chart.opened_at))
    for kind, lines in _by_type(chart.entries).items():
        folder.put(f"{FHIR}/ndjson/{kind}.ndjson", b"\n".join(lines) + b"\n")
    for entry in chart.entries:
        name, content = names.get(str(entry.logical_id)), copied.file(entry)
        if name and content is not None:
            folder.put(name, content)
    for name, content in _log(copied):
        folder.put(name, content)
    folder.close()


def _by_type(entries: Iterable[OpenEntry]) -> dict[str, list[bytes]]:
    """Return each resource on one line, by type. A resource that was stored over several lines is written anew."""
    found: dict[str, list[bytes]] = {}
    for entry in entries:
        if entry.raw is not None:
            line = entry.raw if b"\n" not in entry.raw else text.dumps(text.loads(entry.raw))
            found.setdefault(entry.resource["resourceType"], []).append(line)
    return dict(sorted(found.items()))


def _file_names(copied: Copied) -> Iterator[tuple[str, str]]:
    """Yield entry id and name of each file: its day, what it is called, and what kind it is."""
    taken: set[str] = set()
    for entry in copied.chart.entries:
        if not copied.has_file(entry) or entry.raw is None:
            continue
        line = sentences.line(entry.resource)
        kind = str(contents.attachment(entry.resource).get("contentType", ""))
        called = " ".join(_UNSAFE.sub(" ", f"{line.at[:10]} {line.title}").split())[:80] or "file"
        name, number = f"{FILES}/{called}{_SUFFIXES.get(kind, '')}", 2
        while name.casefold() in taken:
            name, number = f"{FILES}/{called} {number}{_SUFFIXES.get(kind, '')}", number + 1
        taken.add(name.casefold())
        yield str(entry.logical_id), name


def _log(copied: Copied) -> Iterator[tuple[str, bytes]]:
    """Yield the list with its proofs and the program that checks them. A list too young to be signed is left out."""
    patient = copied.chart.patient
    try:
        yield f"{LOG}/my-log.json", proofs.for_subject(patient.pk)
    except proofs.NothingYet:
        return
    yield f"{LOG}/verify.py", Path(verify.__file__).read_bytes()
    yield f"{LOG}/key.txt", notes.public_key().encode() + b"\n"
    for line in queries.story(patient.pk, limit=MOST_PROOFS):
        if line.number is not None and line.erased_at is None:
            try:
                yield f"{LOG}/events/{line.number:08d}.tlog-proof", proofs.tlog_proof(line.number).encode()
            except proofs.NothingYet:
                continue


def _readme(copied: Copied, names: dict[str, str]) -> str:
    chart = copied.chart
    made = timezone.localtime(chart.opened_at).strftime("%Y-%m-%d %H:%M %Z")
    shut = copy.unreadable(chart)
    lost = sum(copied.has_file(entry) for entry in chart.entries) - len(names)
    words = [
        _("Your health record, as it stood on %(moment)s.") % {"moment": made},
        "",
        _("This folder is not locked. Whoever has it can read everything, the sensitive parts too."),
        _("Keep it where only you can open it."),
        "",
        _("record.pdf          the whole record to read and print, and who looked at it"),
        _("fhir/record.json    the same in the form hospitals exchange (FHIR R4); another place can read it in"),
        _("fhir/summary.json   a summary for a doctor who does not know you (International Patient Summary)"),
        _("fhir/ndjson/        the same entries, a file for each kind, for programs"),
        _("files/              pictures, PDFs and other files, %(count)s of them") % {"count": len(names)},
        _("log/my-log.json     every look at your record, and the proof that none was taken out"),
        _("log/events/         the proof of each of the newest lines on its own"),
        _("log/key.txt         the log's public key; compare it with the one published elsewhere"),
        _("log/verify.py       the program that checks them; it needs Python 3 and no internet"),
        _("SHA256SUMS          a number for each file, by which you see whether it was changed"),
        "",
        _("To check who looked, open a window for commands in the folder log and type:"),
        "    python3 verify.py my-log.json",
        _("To check one line on its own, with the number that its file has:"),
        "    python3 verify.py --key KEY-OF-KEY.TXT events/00000001.tlog-proof",
        _("To check the files, type this in the folder above:"),
        "    sha256sum -c SHA256SUMS        (shasum -a 256 -c SHA256SUMS, on a Mac)",
        "",
        _("The newest version of each entry is here. %(count)s entries.") % {"count": len(chart.entries)},
        _("The line that this copy was made is signed seconds later: it is in the list you save next."),
    ]
    if shut or lost:
        words += ["", _("%(count)s entries or files did not open and are missing.") % {"count": shut + lost}]
    return "\n".join(words) + "\n"
