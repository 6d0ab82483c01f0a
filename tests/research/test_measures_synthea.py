"""The measures on forty public synthetic records, with numbers that were counted by hand, resource by resource."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from research.measures import made, records
from research.measures.measured import Period

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"


@pytest.fixture(scope="module")
def population():
    found = sorted(SYNTHEA.glob("*.json.gz"))
    if not found:
        pytest.skip("../shared/data is not here")
    entries = ((path.name.split("_")[0], json.loads(gzip.decompress(path.read_bytes()))["entry"]) for path in found)
    return records.read((owner, one["resource"]) for owner, entry in entries for one in entry)


def year(number: int) -> Period:
    return Period(date(number, 1, 1), date(number, 12, 31))


@pytest.mark.parametrize(
    ("name", "when", "people", "met"),
    [
        # HbA1c of 5.3 % on 5 October 2020, 6.0 % on 20 August 2012; none in 2010.
        ("diabetes", 2020, {"Margery"}, {"Margery"}),
        ("diabetes", 2012, {"Margery"}, {"Margery"}),
        ("diabetes", 2010, {"Margery"}, set()),
        # All are above 140 or 90 on their last day, or were not measured. Cherrie, ill since 18 January, was pregnant
        # until June; Benito, Maida and Stephen had no visit in 2020, Frances died before.
        ("blood-pressure", 2020, {"Christopher", "Courtney", "George", "Jacqueline", "Margery", "Thanh"}, set()),
        ("blood-pressure", 2019, {"Benito", "Christopher", "Courtney", "George", "Jacqueline", "Maida", "Margery",
                                  "Stephen", "Thanh"}, set()),
        # Born on 31 October 2016 and 25 February 2017: the only two whose second birthday has all vaccines by then.
        ("immunisation", 2018, {"James"}, {"James"}),
        ("immunisation", 2019, {"Violet"}, {"Violet"}),
        ("immunisation", 2020, set(), set()),
        # Sherman was in hospital every three or four weeks until 2012, Florencia once. Laticia left in June 2013
        # and died on the next day; Frances stayed once in that year.
        ("readmission", 2010, {"Sherman"}, {"Sherman"}),
        ("readmission", 2012, {"Florencia", "Sherman"}, {"Sherman"}),
        ("readmission", 2013, {"Frances", "Laticia"}, set()),
    ],
)  # fmt: skip
def test_measures_are_what_was_counted_by_hand(population, name, when, people, met):
    found = made.measure(name, year(when), population)
    assert (found.people, found.met) == (people, met)


def test_each_table_holds_what_the_records_do(population):
    assert population.people.height == 40
    assert population.stays.height == 59
    assert population.visits.height == 909
    hba1c = population.results.filter(population.results["code"] == "4548-4")
    assert (hba1c.height, hba1c["unit"].unique().to_list()) == (95, ["%"])


def test_everybody_has_a_group_by_age_and_sex(population):
    groups = made.groups(year(2020), population)
    assert len(groups) == 40
    assert (groups["Margery"], groups["Violet"], groups["Asa"]) == ("65+ female", "0-17 female", "45-64 male")
