"""Name the recipient of a release of which a copy turned up, whole or in part."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from ehr.accounts import stored
from research.release import tracing


class Command(BaseCommand):
    help = "Name whose copy of a release a table is, by the mark that it bears: shuffled, cut, or without pseudonyms."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="the table that turned up: CSV, Parquet, or a release's ZIP")

    def handle(self, *_args, file, **_options):
        try:
            rows = tracing.read(file.read_bytes())
            found = tracing.trace(rows)
        except (OSError, ValueError) as problem:
            raise CommandError(f"{file.name}: {problem}") from problem
        except stored.NotOurs as problem:
            raise CommandError(f"A release's mark was altered, or is of another deployment. {problem}") from problem
        for one in found:
            release, seen = one.release, one.likeness
            self.stdout.write(f"{release.asked_by.name}: release {release.pk} of “{release.study.title}”")
            self.stdout.write(f"  {seen.bearing:,} of {seen.pseudonyms:,} pseudonyms are of this release.")
            self.stdout.write(
                f"  Of {seen.numbers:,} numbers {seen.shown:,} stand there that it left empty; "
                f"about {seen.expected:,.0f} would in any other table."
            )
            self.stdout.write(f"  By chance: 1 in 10^{-one.chance:,.0f}.")
        if not found:
            raise CommandError(
                f"None of {len(rows):,} rows bears the mark of a release. Of few rows without pseudonyms none can tell."
            )
