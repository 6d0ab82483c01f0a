"""`manage.py import_fhir PATH…`: FHIR R4 from other systems becomes entries of records."""

import gc
from collections.abc import Iterator
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ehr.intake import loose, operations
from ehr.intake.operations import Outcome
from ehr.intake.refusals import Refused
from ehr.r4 import bundles
from ehr.r4.bundles import Batch, Unreadable
from patients.models import Source

LONGEST_SOURCE = Source._meta.get_field("name").max_length


class Command(BaseCommand):
    help = (
        "Imports FHIR R4 bundles and resources (.json, .ndjson, .gz, folders), sealed, each bundle whole or "
        "not at all. Importing again adds nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
        parser.add_argument(
            "--source", default="File import", help="the name under which the sender's entries are signed"
        )

    def handle(self, *_args, **options):
        paths, source = options["paths"], options["source"]
        if not 0 < len(source.strip()) <= LONGEST_SOURCE or not source.isprintable():
            raise CommandError(f"--source is a name of 1 to {LONGEST_SOURCE} characters on one line. Shorten it.")
        try:
            files, skipped = bundles.files(paths), bundles.skipped(paths)
        except Unreadable as problem:
            raise CommandError(str(problem)) from None
        except OSError as problem:
            raise CommandError(f"{problem.filename}: this folder cannot be opened ({problem.strerror}).") from None
        self.outcome, self.refused = Outcome(), []
        gc.disable()  # resources hold no cycles, and looking for some takes a tenth of the time
        try:
            self._receive_all(files, source)
        finally:
            gc.enable()
        for path in skipped:
            self.stderr.write(f"{path.name}: not read, for its name ends in none of {', '.join(bundles.SUFFIXES)}.")
        self._summarise(len(files))

    def _receive_all(self, files: list[Path], source: str) -> None:
        waiting = [batch for batch in self._batches(files) if not self._imported_at_once(batch, source)]
        self._receive_loose([batch for batch in waiting if not batch.whole], source)
        # Bundles without their Patient come last: the patient may have come with the rest.
        for batch in waiting:
            if batch.whole:
                self._receive(batch, source)

    def _batches(self, files: list[Path]) -> Iterator[Batch]:
        """Yield the batches of all files; a file that cannot be read is refused and the rest go on."""
        for path in tqdm(files, unit="file", file=self.stderr, disable=None):
            try:
                for batch in bundles.read(path):
                    self.refused += batch.unreadable
                    yield batch
            except Unreadable as problem:
                self.refused.append(str(problem))

    def _imported_at_once(self, batch: Batch, source: str) -> bool:
        if not (batch.whole and operations.has_patient(batch)):
            return False
        self._receive(batch, source)
        return True

    def _receive(self, batch: Batch, source: str) -> None:
        try:
            self.outcome.include(operations.receive_bundle(batch, source=source))
        except Refused as refusal:
            self.refused.extend(refusal.reasons)

    def _receive_loose(self, batches: list[Batch], source: str) -> None:
        outcome, refused = loose.receive(batches, source=source)
        self.outcome.include(outcome)
        self.refused.extend(refused)

    def _summarise(self, files: int) -> None:
        """Say what was added by type; end with status 1 where something was refused."""
        for kind, count in sorted(self.outcome.added.items()):
            self.stdout.write(f"{kind:<24}{count:>9,}")
        added, known = self.outcome.added.total(), self.outcome.known.total()
        self.stdout.write(f"{'Added':<24}{added:>9,}")
        self.stdout.write(f"{'Known already':<24}{known:>9,}")
        if self.refused:
            for line in self.refused:
                self.stderr.write(line)
            raise CommandError(f"{len(self.refused):,} things were wrong in {files:,} files; they are named above.")
