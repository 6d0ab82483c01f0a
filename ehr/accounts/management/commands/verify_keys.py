from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ehr.accounts import comparing
from ehr.accounts.models import KeyVersion
from ehr.chain import client


class Command(BaseCommand):
    help = "Hold people's stored keys against the log and the chain: those bound, and those that were recovered."

    def handle(self, **_options):
        known = KeyVersion.objects.filter(commitment__isnull=False).count()
        try:
            all_of_them = list(tqdm(comparing.keys(), total=known, unit="key", file=self.stderr, disable=None))
        except client.Unavailable as problem:
            raise CommandError(f"The chain does not answer: {problem}. Try again once it does.") from problem
        wrong = [one for one in all_of_them if one.problem]
        for one in wrong:
            self.stderr.write(f"Key {one.version.number} of reader {one.version.reader_id}: {one.problem}")
        if wrong:
            raise CommandError(f"{len(wrong):,} of {len(all_of_them):,} keys do not agree. Tell the privacy officer.")
        waiting = sum(one.waits for one in all_of_them)
        self.stdout.write(
            f"All {len(all_of_them):,} keys agree with the log and the chain; {waiting:,} have yet to reach it."
        )
