import json
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from research.sums.files import Unreadable, read_key, read_numbers, read_plan
from research.sums.messages import Refused
from research.sums.posting import NoAnswer
from research.sums.server import PATIENCE
from research.sums.site import NotDelivered, contribute, result_of, states_of

ASK_AGAIN = 0.5  # seconds


class Command(BaseCommand):
    help = "Be one site of a plan of a sum across sites: deliver its numbers in shares, wait, and print the total."
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("plan", type=Path, help="the plan, as JSON")
        parser.add_argument("name", help="which site of the plan this is")
        parser.add_argument("key", type=Path, help="the file that make_sum_key wrote")
        parser.add_argument("numbers", type=Path, help="the numbers by label, as JSON")

    def handle(self, *_args, plan: Path, name: str, key: Path, numbers: Path, **_options):
        try:
            read = read_plan(plan)
            contribute(read, name, read_key(key), read_numbers(numbers, read))
            self.stderr.write(f"{name}: delivered")
            total, sites = self._result(read)
        except (Unreadable, NotDelivered, Refused, NoAnswer, ValueError) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(json.dumps({"total": total, "sites": sites, "within": read.within}))

    @staticmethod
    def _result(plan):
        """Return the total once there is one."""
        ends = time.monotonic() + plan.seconds_open + PATIENCE
        while time.monotonic() < ends:
            if found := result_of(plan):
                return found
            if "given up" in states_of(plan).values():
                raise CommandError("There is no sum: too few sites delivered, or the aggregators do not agree.")
            time.sleep(ASK_AGAIN)
        raise CommandError("There is no sum: an aggregator did not finish. Ask for a new plan.")
