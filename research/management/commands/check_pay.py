"""Check that pay for research comes out even: what was due, what was paid, and what stands in the contract."""

from django.core.management.base import BaseCommand, CommandError

from ehr.chain import client
from research.compensation import sums


class Command(BaseCommand):
    help = "Check that pay for research comes out even, to the unit and the wei, and name the first difference."

    def add_arguments(self, parser):
        parser.add_argument("--offline", action="store_true", help="do not ask the chain")

    def handle(self, *_args, offline, **_options):
        for currency in sums.currencies():
            found = sums.sums(currency)
            self.stdout.write(
                f"{currency}: {found.accrued} due = {found.paid} paid + {found.waiting} waiting + {found.handed_on} "
                f"handed on + {found.in_contract} in the contract + {found.returned} returned"
            )
            if not found.even:
                raise CommandError(sums.difference() or f"{currency}: the parts are not the whole.")
        try:
            first = sums.difference() or ("" if offline else sums.difference_on_chain())
        except client.Unavailable as problem:
            raise CommandError(f"{problem} Or check without the chain: --offline.") from problem
        if first:
            raise CommandError(first)
        self.stdout.write("It comes out even.")
