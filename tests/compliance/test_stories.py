"""Each of the sixteen points of consent has a story in a browser, with what either side does in it."""

import pytest

from tests.compliance import written

pytestmark = pytest.mark.compliance

STORIES = range(1, 17)


def test_each_point_of_consent_has_a_row_with_both_sides():
    rows = written.rows(written.page("docs/journeys.md"), "Story")
    assert [int(cells[0]) for cells in rows] == list(STORIES)
    assert [cells[0] for cells in rows if not all(cells)] == []


def test_each_is_walked_by_a_test_in_a_browser():
    known = written.tests()
    for number, _what, _patient, _other, shown in written.rows(written.page("docs/journeys.md"), "Story"):
        named = written.tests_named_in(shown)
        assert named, number
        assert all(name in known and name.startswith("tests/browser/") for name in named), number
