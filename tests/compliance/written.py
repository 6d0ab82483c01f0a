"""What the documents claim and what the tests hold, read as text: no test is imported."""

import ast
import re
from functools import cache
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
_TEST_ID = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")


def page(name: str) -> str:
    """Return a document's text by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def tests_named_in(text: str) -> list[str]:
    """Return the test ids (`tests/…::test_…`) that a text names, in order."""
    return _TEST_ID.findall(text)


def rows(text: str, start: str = "#") -> list[list[str]]:
    """Return the cells of each table row under a header whose first cell is `start`."""
    found, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif inside and not set(cells[0]) <= set("-: "):
            found.append(cells)
        elif cells[0] == start:
            inside = True
    return found


def _is_point(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.point"


def _points(nodes: list[ast.expr]) -> set[int]:
    marks = [call for node in nodes for call in ast.walk(node) if isinstance(call, ast.expr) and _is_point(call)]
    return {mark.args[0].value for mark in marks}


def _module_points(tree: ast.Module) -> set[int]:
    marks = [
        one.value for one in tree.body if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "pytestmark"
    ]
    return _points(marks)


@cache
def tests() -> dict[str, set[int]]:
    """Return every test function's id with the points it is marked with, by itself or with its file."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        shared = _module_points(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found[name] = shared | _points(node.decorator_list)
    return found
