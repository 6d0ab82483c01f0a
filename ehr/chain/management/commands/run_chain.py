"""Run the embedded development chain until told to stop."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ehr.chain import typed_data
from ehr.chain.embedded import server


class Command(BaseCommand):
    help = "Run the embedded chain on 127.0.0.1. Everything it acknowledged survives its being killed."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=settings.CHAIN_PORT)
        parser.add_argument("--data", type=Path, default=settings.CHAIN_DATA, help="the file that keeps the chain")

    def handle(self, *_args: Any, port: int, data: Path, **_options: Any) -> None:
        data.parent.mkdir(parents=True, exist_ok=True)
        relayer = typed_data.address_of(settings.CHAIN_RELAYER_KEY)
        try:
            chain = server.start(data, funded=[relayer], port=port)
        except OSError as problem:
            raise CommandError(
                f"Port {port} is taken ({problem.strerror}). Stop what uses it, or set CHAIN_PORT."
            ) from problem

        def stop(_number: int, _frame: FrameType | None) -> None:
            chain.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self.stderr.write(f"The chain answers at {chain.url}, block {chain.node.head().block_number}.")
        chain.wait()
        chain.close()
