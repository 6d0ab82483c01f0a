from django.core.management.base import BaseCommand, CommandError

from consent import escrow


class Command(BaseCommand):
    help = "Hold every use of the escrow's key against the log: claims, emergencies and successions, and nothing else."

    def handle(self, *_args, **_options):
        account = escrow.balance()
        for why in escrow.OPENED_BY:
            self.stdout.write(f"{why}: {account.uses[why]:,} uses, {account.events[why]:,} events")
        if account.waiting:
            self.stdout.write(f"{account.waiting:,} events of the last two minutes may still be used.")
        if account.uses_alone:
            raise CommandError(
                f"The escrow was used for event {account.uses_alone[0]}, and the log does not say so "
                f"({len(account.uses_alone):,} in all). Tell the privacy officer."
            )
        if account.events_alone:
            raise CommandError(
                f"Event {account.events_alone[0]} says that the escrow opens, and no use of it is counted "
                f"({len(account.events_alone):,} in all). Tell the privacy officer."
            )
        self.stdout.write("Every use has its event, and every event its use.")
