import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from consent import queries
from consent.proofs import verify_grant
from ehr import clock
from ehr.chain import client


class Command(BaseCommand):
    help = "Check a downloaded grant, from the patient's key to the token on chain."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="the grant as its patient or reader downloaded it")
        parser.add_argument("--offline", action="store_true", help="do not ask the chain")

    def handle(self, *_args, file, offline, **_options):
        try:
            paper = json.loads(file.read_text(encoding="utf-8"))
            findings = verify_grant(paper, owner_of=None if offline else self._asker(paper), at=clock.now())
        except (OSError, ValueError) as problem:
            raise CommandError(f"{file.name}: {problem}") from problem
        except (client.Unavailable, queries.NotSetUp) as problem:
            raise CommandError(f"{problem} Or check without the chain: --offline.") from problem
        for one in findings:
            self.stdout.write(f"{'holds' if one.holds else 'FAILS'}  {one.says}")
        if failed := [one.step for one in findings if not one.holds]:
            raise CommandError(f"This grant does not hold: {', '.join(failed)}.")

    @staticmethod
    def _asker(paper):
        def ask(token):
            return queries.token_owner(paper["chain_id"], paper["contract"], token)

        return ask
