"""Search: taking a resource's values when it is written, and asking the indexes of a record."""

import orjson

from ehr.demo import generator
from ehr.r4 import search, text
from ehr.r4.matching import parse
from tests.bench.measuring import Row, cpu_ms

ENTRIES = 300
QUESTIONS = (("code", ["http://loinc.org|2339-0"]), ("date", ["ge2020"]), ("patient", ["1"]), ("status:not", ["final"]))


def measure() -> list[Row]:
    """Take the values of generated resources, then read and ask 300 indexes as a search does once they are opened."""
    bundles = generator.patients(12, seed=7)
    resources = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    taking = cpu_ms(lambda: [search.values(resource) for resource in resources]) / len(resources)
    observations = [resource for resource in resources if resource["resourceType"] == "Observation"]
    sealed = [text.dumps(search.values(resource)) for resource in (observations * ENTRIES)[:ENTRIES]]
    criteria = [parse("Observation", name, raws) for name, raws in QUESTIONS]

    def ask() -> int:
        indexes = [orjson.loads(one) for one in sealed]
        return sum(criterion.matches(index) for index in indexes for criterion in criteria)

    size = sum(map(len, sealed)) / ENTRIES
    return [
        Row("Search values of a resource, CPU", f"{taking:.3f} ms", "≤ 0.15 ms", taking <= 0.15),
        Row(
            f"Reading {ENTRIES} opened indexes of Observations and asking each four things, CPU",
            f"{cpu_ms(ask):.1f} ms",
            note=f"An index is {size:,.0f} bytes of JSON; deciding, the log's line and opening come before.",
        ),
    ]
