from django.core.management.base import BaseCommand

from consent.escrow import open_escrow


class Command(BaseCommand):
    help = "Make the escrow's keys, once. Running it again changes nothing."

    def handle(self, *_args, **_options):
        _reader, made = open_escrow()
        self.stdout.write("The escrow was opened." if made else "The escrow is open already.")
