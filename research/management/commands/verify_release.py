"""Check a release that was fetched: that it is whole, and that it is what stands on chain."""

from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from eth_utils.address import to_checksum_address
from web3.exceptions import BadFunctionCallOutput

from ehr.chain import artifacts, client
from ehr.chain.models import Deployment
from ehr.chain.studies import CONTRACT
from research.release import checking


class Command(BaseCommand):
    help = "Check a release: that each part is whole, and that its hash stands on chain."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="the ZIP as it was fetched")
        parser.add_argument("--study", type=UUID, default=None, help="the study's id, so that it is of no other one")
        parser.add_argument("--contract", default="", help="the ResearchRegistry's address; else this server's")
        parser.add_argument("--offline", action="store_true", help="do not ask the chain")

    def handle(self, *_args, file, study, contract, offline, **_options):
        try:
            content = file.read_bytes()
            findings = checking.inside(content)
            if not offline:
                registered_for = self._registered(checking.digest(content), contract)
                findings.append(checking.on_chain(content, registered_for=registered_for, study=study))
        except (OSError, ValueError) as problem:
            raise CommandError(f"{file.name}: {problem}") from problem
        except client.Unavailable as problem:
            raise CommandError(f"{problem} Or check without the chain: --offline.") from problem
        for one in findings:
            self.stdout.write(f"{'holds' if one.holds else 'FAILS'}  {one.says}")
        if failed := [one.step for one in findings if not one.holds]:
            raise CommandError(f"This is not what was released: {', '.join(failed)}.")

    @staticmethod
    def _registered(digest, contract):
        """Return the key of the study a digest was released for; zero for none."""
        address = contract or _own_registry()
        registry = client.web3().eth.contract(address=to_checksum_address(address), abi=artifacts.load(CONTRACT).abi)
        try:
            return bytes(registry.functions.releaseOf(digest).call()[0])
        except BadFunctionCallOutput as problem:
            raise client.Unavailable("No ResearchRegistry answers at that address.") from problem


def _own_registry() -> str:
    """Return where this server's contract stands. A recipient who has no server names one instead."""
    newest = Deployment.objects.filter(name=CONTRACT).order_by("-pk").first()
    if newest is None:
        raise ValueError("Nobody said which contract to ask. Give its address: --contract.")
    return newest.address
