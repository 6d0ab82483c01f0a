"""Check that what private questions cost comes out even, and that the database still refuses to change it."""

from django.core.management.base import BaseCommand, CommandError

from research.private import checking


class Command(BaseCommand):
    help = "Check that budgets, debits and answers of private questions agree, and name the first difference."

    def handle(self, *_args, **_options):
        if first := checking.difference():
            raise CommandError(first)
        answers, people = checking.counted()
        self.stdout.write(f"Answers: {answers}, people: {people}. It comes out even.")
