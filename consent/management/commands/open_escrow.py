from django.core.management.base import BaseCommand, CommandError

from consent import escrow


class Command(BaseCommand):
    help = "Have the keyholder make its keyrings, once. Running it again changes nothing."

    def handle(self, *_args, **_options):
        try:
            made = escrow.open_escrow()
        except escrow.KeyholderAway as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write("The escrow was opened." if made else "The escrow is open already.")
