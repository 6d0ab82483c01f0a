"""SQL on FHIR v2: the public tests, on both engines."""

import json
from pathlib import Path

import pytest

from research.flatten import running
from research.flatten.plans import OWNER
from research.flatten.problems import ViewProblem

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "sql-on-fhir"
# Walks of unknown depth and boundaries are interpreted; all else is compiled.
INTERPRETED = {"repeat", "fn_boundary"}


def _public() -> list:
    found = []
    for path in sorted(SHARED.glob("*.json")):
        if path.name == "tests.schema.json":
            continue
        suite = json.loads(path.read_text())
        for test in suite["tests"]:
            found.append(pytest.param(test, suite["resources"], id=f"{path.stem}-{test['title']}"))
    return found


def _records(resources):
    return running.documents((f"owner-{place}", json.dumps(one)) for place, one in enumerate(resources))


def _sorted(rows):
    return sorted(json.dumps({name: _plain(value) for name, value in row.items()}, sort_keys=True) for row in rows)


def _plain(value):
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _rows(view, resources, by):
    table = running.table(view, _records(resources), by=by)
    return table.drop_columns([OWNER])


def test_the_public_tests_are_there():
    if not SHARED.is_dir():
        pytest.skip("../shared/data/sql-on-fhir is not there, so the public tests cannot be run.")
    assert sum("shareable" in one.values[0].get("tags", []) for one in _public()) == 123


@pytest.mark.parametrize("by", ["compiled", "interpreted"])
@pytest.mark.parametrize(("test", "resources"), _public())
def test_the_public_tests_pass(test, resources, by):
    view = test["view"]
    if test.get("expectError"):
        with pytest.raises(ViewProblem):
            _rows(view, resources, by)
        return
    if by == "compiled" and running.engine(view) == "interpreted":
        assert "repeat" in json.dumps(view) or "Boundary" in json.dumps(view)
        by = None
    found = _rows(view, resources, by)
    if "expect" in test:
        assert _sorted(found.to_pylist()) == _sorted(test["expect"])
    if "expectColumns" in test:
        assert found.column_names == test["expectColumns"]
