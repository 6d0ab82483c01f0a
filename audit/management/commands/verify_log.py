from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import recount, witness


class Command(BaseCommand):
    help = "Recompute the log from storage: events, tree, signed heads, map, kept head and chain."

    def handle(self, **_options):
        try:
            known, silent = witness.memories()
            with recount.snapshot():
                found = self._recount(known)
        except (recount.Wrong, witness.Behind) as wrong:
            raise CommandError(str(wrong)) from wrong
        self.stdout.write(
            f"All {found['events']:,} events of {found['patients']:,} patients match what was recorded: "
            f"{found['heads']:,} signed heads, {found['anchors']:,} on the chain, "
            f"{found['waiting']:,} events waiting for their place, {found['erased']:,} erased."
        )
        for sentence in silent:
            self.stdout.write(sentence)

    def _recount(self, known):
        whole = recount.Recount(known)
        with tqdm(total=whole.size, unit="event", file=self.stderr, disable=None) as progress:
            for count in whole.run():
                progress.update(count)
        return whole.totals()
