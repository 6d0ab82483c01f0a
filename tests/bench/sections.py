"""The sections of the benchmark. Each returns rows."""

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from tests import people  # noqa: E402
from tests.bench import (  # noqa: E402
    appending,
    appointments,
    booking,
    chains,
    charts,
    deciding,
    flattening,
    intake,
    interface,
    proving,
    searching,
    teams,
)
from tests.bench.measuring import Row  # noqa: E402

SECTIONS = {
    "charts": charts.measure,
    "grants": charts.measure_grants,
    "decisions": deciding.measure,
    "teams": teams.measure,
    "import": intake.measure,
    "indexes": searching.measure,
    "proofs": proving.measure,
    "gas": chains.measure,
    "log": appending.measure,
    "interface": interface.measure,
    "appointments": appointments.measure,
    "booking": booking.measure,
    "views": flattening.measure,
}


def measure(only: str | None = None) -> list[Row]:
    """Run the sections whose name contains `only`, on a fresh database, and return all rows."""
    call_command("migrate", verbosity=0)
    people.prepare_ground()
    rows: list[Row] = []
    for name, section in SECTIONS.items():
        if only is None or only in name:
            rows += section()
    return rows
