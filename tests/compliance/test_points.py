"""Each of the eleven points that the foundation consists of has a test that bears its number."""

import pytest

from tests.compliance import written

pytestmark = pytest.mark.compliance

POINTS = range(1, 12)


def test_each_point_has_a_test_of_its_own():
    marked = set().union(*written.tests().values())
    assert [point for point in POINTS if point not in marked] == []


def test_no_test_bears_a_number_that_is_no_point():
    assert {name: points for name, points in written.tests().items() if points - set(POINTS)} == {}


@pytest.mark.parametrize("point", POINTS)
def test_the_tests_listed_for_a_point_bear_its_number(point):
    [listed] = [cells for cells in written.rows(written.page("docs/journeys.md"), "Point") if cells[0] == str(point)]
    marked = written.tests()
    names = written.tests_named_in(listed[2])
    assert names, f"point {point} lists no test"
    assert [name for name in names if point not in marked.get(name, set())] == []
