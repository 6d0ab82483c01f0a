import os
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from ehr.crypto import signing


class Command(BaseCommand):
    help = "Make the key by which a site or an aggregator of a sum signs; print the public half, for the plan."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="where the private half is kept; it must not be there yet")

    def handle(self, *_args, file: Path, **_options):
        pair = signing.generate()
        try:
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
                kept.write(pair.private.hex() + "\n")
        except OSError as problem:
            raise CommandError(f"{file} could not be written ({problem.strerror}). Choose another file.") from problem
        self.stdout.write(pair.public.hex())
