"""What is changed, and that the report is about the rules as they are."""

import ast
import re
from hashlib import sha256

import pytest

from tests.mutation.__main__ import REPORT, RULES, report
from tests.mutation.equivalent import CHANGES_NOTHING
from tests.mutation.mutants import mutants

SMALL = '''
def may(reader: "Reader", at: int = 0) -> bool:
    """Not touched."""
    if reader.active and not reader.blocked:
        return any(one.starts <= at < one.ends for one in reader.grants if one.mine)
    raise ValueError("not touched")
'''


@pytest.fixture(scope="module")
def every() -> list:
    """All mutants of the rules as they are."""
    return list(mutants(RULES.read_text(encoding="utf-8")))


def changed(source: str) -> set[str]:
    return {f"{one.before} → {one.after}" for one in mutants(source)}


@pytest.mark.parametrize(
    "one",
    [
        "reader.active and (not reader.blocked) → reader.active",
        "reader.active and (not reader.blocked) → not reader.blocked",
        "reader.active and (not reader.blocked) → reader.active or not reader.blocked",
        "not reader.blocked → reader.blocked",
        "if reader.active and (not reader.blocked): → if True:",
        "if reader.active and (not reader.blocked): → if False:",
        "one.starts <= at < one.ends → one.starts < at < one.ends",
        "one.starts <= at < one.ends → one.starts <= at <= one.ends",
        "one.starts <= at < one.ends → one.starts <= at",
        "one.starts <= at < one.ends → at < one.ends",
        "for one in reader.grants if one.mine → for one in reader.grants",
        "0 → 1",
    ],
)
def test_a_condition_is_taken_away_and_a_boundary_moved(one):
    assert one in changed(SMALL)


def test_words_of_form_are_left_alone():
    assert not [one for one in changed(SMALL) if "ouched" in one or "Reader" in one]


def test_each_mutant_is_another_module_and_has_a_name_of_its_own(every):
    assert len({str(one) for one in every}) == len(every) > 300
    assert len({one.source for one in every}) > 300
    for one in every:
        ast.parse(one.source)


def test_the_report_names_what_was_missed_as_missed():
    one = next(mutants(SMALL))
    assert "**missed**" in report(SMALL, [(one, "")])
    assert "missed: 1" in report(SMALL, [(one, "")])
    assert "**missed**" not in report(SMALL, [(one, "test_a_fact")])


def test_the_report_is_about_the_rules_as_they_are_and_nothing_was_missed(every):
    """After a change of the rules: make mutation."""
    told = REPORT.read_text(encoding="utf-8")
    assert f"sha256 of consent/rules.py: {sha256(RULES.read_bytes()).hexdigest()}" in told
    assert re.search(r"missed: 0$", told, re.MULTILINE)
    assert CHANGES_NOTHING.keys() <= {str(one) for one in every}
