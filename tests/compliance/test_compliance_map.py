"""The documents name tests that exist, and leave no row out."""

import pytest

from tests.compliance import written

pytestmark = pytest.mark.compliance

ROWS = 55
# A reason is a sentence, not "TODO".
LEAST_WORDS = 5
PAGES = ["docs/compliance.md", "docs/data-protection.md", "docs/journeys.md", "docs/threat-model.md"]


@pytest.mark.parametrize("name", PAGES)
def test_every_test_a_document_names_exists(name):
    named = written.tests_named_in(written.page(name))
    assert named, f"{name} names no test at all"
    known = written.tests()
    assert [one for one in named if one not in known] == []


def test_every_demand_has_its_row():
    numbers = [int(cells[0]) for cells in written.rows(written.page("docs/compliance.md"))]
    assert numbers == list(range(1, ROWS + 1))


def test_a_row_has_a_test_or_says_why_not():
    for number, source, _demand, shown, why in written.rows(written.page("docs/compliance.md")):
        assert written.tests_named_in(shown) or why, f"row {number} ({source}) has neither test nor reason"
        assert not why or len(why.split()) >= LEAST_WORDS, f"row {number} ({source}) gives no reason, only “{why}”"


def test_a_cell_of_tests_holds_nothing_but_tests():
    for number, _source, _demand, shown, _why in written.rows(written.page("docs/compliance.md")):
        left = shown.replace("<br>", "")
        for name in written.tests_named_in(shown):
            left = left.replace(f"`{name}`", "", 1)
        assert not left.strip(), f"row {number} names something that is no test: {left}"


def test_every_criterion_of_the_journeys_has_its_row():
    criteria = [cells[0] for cells in written.rows(written.page("docs/journeys.md"), "Criterion")]
    expected = {"J1": 7, "J3": 6, "J12": 6, "J2": 8, "J4": 9, "J5": 6, "J6": 5, "J7": 8, "J8": 9, "J9": 6, "J11": 5}
    assert criteria == [f"{journey}.{number}" for journey, most in expected.items() for number in range(1, most + 1)]


def test_a_criterion_has_a_test_or_says_why_not():
    for criterion, _asks, shown, note in written.rows(written.page("docs/journeys.md"), "Criterion"):
        assert written.tests_named_in(shown) or len(note.split()) >= LEAST_WORDS, f"{criterion} has neither"
