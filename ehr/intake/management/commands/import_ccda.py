from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ehr.intake.ccda import receiving
from ehr.intake.models import Feed


class Command(BaseCommand):
    help = "Import C-CDA R2.1 documents (.xml, folders) of a registered feed, sealed. Importing again adds nothing."

    def add_arguments(self, parser):
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
        parser.add_argument("--feed", required=True, help="the name under which the sender was registered at the desk")

    def handle(self, *_args, **options):
        feed = Feed.objects.filter(source__name=options["feed"], stopped_at=None).select_related("source").first()
        if feed is None:
            raise CommandError(f"No feed named “{options['feed']}” is in use. Register it at the desk.")
        added = known = 0
        refused = []
        for path in tqdm(list(self._files(options["paths"])), unit="file", file=self.stderr, disable=None):
            with path.open("rb") as file:
                answer = receiving.receive(file.read(receiving.LARGEST_BYTES + 1), feed)
            added, known = added + answer.entries, known + answer.known
            refused += [f"{path.name}: {words}" for words in answer.refused]
        self.stdout.write(f"{'Added':<24}{added:>9,}")
        self.stdout.write(f"{'Documents known already':<24}{known:>9,}")
        if refused:
            for line in refused:
                self.stderr.write(line)
            raise CommandError(f"{len(refused):,} things were wrong; they are named above.")

    @staticmethod
    def _files(paths):
        for path in paths:
            if path.is_dir():
                yield from sorted(item for item in path.rglob("*.xml") if item.is_file())
            elif path.is_file():
                yield path
            else:
                raise CommandError(f"{path} does not exist.")
