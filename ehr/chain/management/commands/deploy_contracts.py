"""Put the contracts on the chain at CHAIN_URL, once."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from eth_utils.address import is_checksum_address

from ehr.chain import client, contracts


class Command(BaseCommand):
    help = "Put the contracts that are missing on the chain, write down where they stand, and print it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--admin",
            default=settings.CHAIN_ADMIN or None,
            help="address that gives and takes roles; CHAIN_ADMIN when left out, and else the relayer's",
        )
        parser.add_argument("--wait", type=float, default=30.0, help="seconds to wait for the chain to answer")

    def handle(self, *_args: Any, admin: str | None, wait: float, **_options: Any) -> None:
        if admin is not None and not is_checksum_address(admin):
            raise CommandError(f"{admin} is not an address with its checksum. Copy it again from where it is shown.")
        self._await_chain(wait)
        try:
            rows = contracts.deploy(admin=admin)
        except (contracts.NotDeployed, client.Unavailable) as problem:
            raise CommandError(str(problem)) from problem
        for row in rows:
            self.stdout.write(f"{row.name:<18} {row.address}  block {row.block}, chain {row.chain_id}")

    def _await_chain(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                client.chain_id()
            except client.Unavailable as problem:
                if time.monotonic() > until:
                    raise CommandError(
                        f"No chain answers at {settings.CHAIN_URL} ({problem}). Start it with `manage.py run_chain`, "
                        "or set CHAIN_URL."
                    ) from problem
                time.sleep(0.2)
            else:
                return
