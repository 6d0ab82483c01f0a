import base64
import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from consent import deployed, queries
from consent.proofs import NO_GRANT, verify_grant
from ehr import clock
from ehr.chain import client


class Command(BaseCommand):
    help = "Check a downloaded grant, from the patient's key to the token on chain."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="the grant as its patient or reader downloaded it")
        parser.add_argument("--offline", action="store_true", help="do not ask the chain")
        parser.add_argument("--patient-key", default="", help="the patient's key in base64, known from elsewhere")
        parser.add_argument("--signer-key", default="", help="likewise the key of who signed for the patient")
        parser.add_argument("--contract", default="", help="the AccessToken's address; this server's own when left out")

    def handle(self, *_args, file, offline, patient_key, signer_key, contract, **_options):
        try:
            paper = self._paper(file)
            known, signer = (base64.b64decode(key, validate=True) if key else None for key in (patient_key, signer_key))
            owner_of = None if offline else self._asker(paper, contract or deployed.token_contract()[1])
            findings = verify_grant(paper, patient_key=known, signer_key=signer, owner_of=owner_of, at=clock.now())
        except (OSError, ValueError) as problem:
            raise CommandError(f"{file.name}: {problem}") from problem
        except (client.Unavailable, queries.NotSetUp) as problem:
            raise CommandError(f"{problem} Or check without the chain: --offline.") from problem
        for one in findings:
            self.stdout.write(f"{'holds' if one.holds else 'FAILS'}  {one.says}")
        if failed := [one.step for one in findings if not one.holds]:
            raise CommandError(f"This grant does not hold: {', '.join(failed)}.")

    @staticmethod
    def _paper(file):
        try:
            paper = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as problem:
            raise ValueError(NO_GRANT) from problem
        if not isinstance(paper, dict):
            raise ValueError(NO_GRANT)
        return paper

    @staticmethod
    def _asker(paper, contract):
        if paper.get("contract") != contract:
            raise ValueError(f"The file names contract {paper.get('contract')}, but the one to ask is {contract}.")

        def ask(token):
            return deployed.token_owner(paper["chain_id"], paper["contract"], token)

        return ask
