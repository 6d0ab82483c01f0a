import getpass
import sys

from django.core.management.base import BaseCommand, CommandError

from consent.keyholder import readers, shares
from consent.keyholder.token import TokenAway


class Command(BaseCommand):
    help = "Wrap the escrow's keyrings under the key held here, from two officers' shares, one a line."

    def handle(self, *_args, **_options):
        try:
            count = shares.rebuild([self._asked(number) for number in range(1, shares.NEEDED + 1)])
        except (shares.NotRebuilt, readers.NotHeld, TokenAway) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{count} keyrings open with the key held here. Split it anew: the shares have been shown.")

    @staticmethod
    def _asked(number):
        if sys.stdin.isatty():
            return getpass.getpass(f"Share {number} of the {shares.NEEDED} needed (it is not shown): ")
        return sys.stdin.readline()
