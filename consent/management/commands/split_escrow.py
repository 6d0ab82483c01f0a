import sys

from django.core.management.base import BaseCommand, CommandError

from consent.keyholder import readers, shares
from consent.keyholder.token import TokenAway
from ehr.accounts.keyrings import CannotOpen


class Command(BaseCommand):
    help = "Print three officers' shares, of which two rebuild the escrow, once. Run it at the keyholder's console."

    def handle(self, *_args, **_options):
        try:
            made = shares.split()
        except CannotOpen as problem:
            raise CommandError("The key held here does not open the escrow. Rebuild it first.") from problem
        except (readers.NotHeld, TokenAway, shares.NotRebuilt) as problem:
            raise CommandError(str(problem)) from problem
        for number, share in enumerate(made, 1):
            self._hand_over(number, share)
        self.stderr.write("Nothing of this is kept here. Shares made before rebuild nothing any more.")

    def _hand_over(self, number, share):
        """Show one officer's share; at a terminal, alone, until that officer has written it down."""
        self.stdout.write(f"Share {number} of {shares.OFFICERS}. Write it down; keep it to yourself.\n\n{share}\n\n")
        if sys.stdin.isatty():
            input("Press Enter when it is written down. The screen is cleared for the next officer. ")
            self.stdout.write("\033[2J\033[3J\033[H", ending="")
