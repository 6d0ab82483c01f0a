import signal
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from ehr.crypto import signing
from research.sums.aggregator import Aggregator, State
from research.sums.files import Unreadable, read_key, read_plan
from research.sums.messages import Refused
from research.sums.server import Server


class Command(BaseCommand):
    help = "Be one aggregator of one plan of a sum across sites: hear shares, agree with the others, tell the total."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("plan", type=Path, help="the plan, as JSON")
        parser.add_argument("name", help="which aggregator of the plan this is")
        parser.add_argument("key", type=Path, help="the file that make_sum_key wrote")
        parser.add_argument("--host", default="127.0.0.1", help="where to listen; TLS ends in front of it")
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--keep", type=float, default=600, help="seconds for which the result can be fetched")

    def handle(self, *_args, plan: Path, name: str, key: Path, host: str, port: int, keep: float, **_options):
        try:
            private, read = read_key(key), read_plan(plan)
            aggregator = Aggregator(read, name, private)
            if read.aggregator(name).key != signing.public_of(private):
                raise CommandError(f"The plan names another key for {name}.")
            server = Server(aggregator, host, port)
        except (Unreadable, Refused) as problem:
            raise CommandError(str(problem)) from problem
        except OSError as problem:
            raise CommandError(f"Nothing can listen on {host}:{port} ({problem.strerror}).") from problem
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        if server.run(keep=keep, told=self.stderr.write) is not State.DONE:
            raise CommandError(f"There is no sum: {aggregator.because or 'It was stopped.'}")
        self.stdout.write(f"Added up {len(aggregator.sites)} of {len(read.sites)} sites.")
