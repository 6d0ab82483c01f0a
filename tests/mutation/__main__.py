"""Change `consent/rules.py` in one small way after another, ask its tests each time, and write down what they missed.

`make mutation` runs this and writes docs/mutation-consent-rules.md. Each mutant lives in a process of its own, and in
memory only: no file is changed. Ends with 1 where a mutant survives without a reason, or a reason has no survivor.
"""

import multiprocessing
import os
import sys
import types
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tqdm import tqdm

import consent
from tests.mutation.equivalent import CHANGES_NOTHING
from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "consent" / "rules.py"
REPORT = ROOT / "docs" / "mutation-consent-rules.md"
# Without chance and without a database, so that the report is the same each time.
TESTS = ("tests/consent/test_rules.py", "tests/consent/test_decision_table.py")
SLOWEST = 300  # seconds for one mutant; one that hangs is found


class Fate:
    """A pytest plugin that remembers which test failed first."""

    first = ""

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid.split("::")[-1].split("[")[0]

    def pytest_collectreport(self, report) -> None:
        if report.failed and not self.first:
            self.first = "nothing could be imported"


def found_by(source: str) -> str:
    """Return the name of the first test that fails with other rules, or nothing. Call it in a process of its own."""
    module = types.ModuleType("consent.rules")
    sys.modules["consent.rules"] = consent.rules = module
    try:
        with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
            exec(compile(source, str(RULES), "exec"), module.__dict__)
    except Exception:  # noqa: BLE001 -- whatever it is, these rules cannot even be read
        return "nothing could be imported"
    fate = Fate()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plain = ["-x", "-q", "--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        code = pytest.main([*plain, "-c", os.devnull, *(str(ROOT / one) for one in TESTS)], plugins=[fate])
    return fate.first or ("" if code == pytest.ExitCode.OK else f"pytest ended with {int(code)}")


def _each_apart(sources: Iterable[str]) -> Iterator[str]:
    """Yield which test finds each, in their order. A process asks about one and ends."""
    with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as processes:
        fates = processes.imap(found_by, sources)
        for _ in sources:
            try:
                yield fates.next(SLOWEST)
            except multiprocessing.TimeoutError:
                yield "it did not come to an end"


def main() -> int:
    source = RULES.read_text(encoding="utf-8")
    every = list(mutants(source))
    early, *told = tqdm(_each_apart([source, *(one.source for one in every)]), total=1 + len(every), disable=None)
    if early:
        print(f"The tests fail without any change: {early}.", file=sys.stderr)  # noqa: T201
        return 1
    fates = list(zip(every, told, strict=True))
    survivors = {str(one): one for one, fate in fates if not fate}
    REPORT.write_text(report(source, fates), encoding="utf-8")
    for words in sorted(survivors.keys() - CHANGES_NOTHING.keys()):
        print(f"survives, line {survivors[words].line}: {words}", file=sys.stderr)  # noqa: T201
    for words in sorted(CHANGES_NOTHING.keys() - survivors.keys()):
        print(f"a reason for what does not survive: {words}", file=sys.stderr)  # noqa: T201
    print(f"{len(every)} mutants, {len(every) - len(survivors)} found by the tests.")  # noqa: T201
    return 0 if survivors.keys() == CHANGES_NOTHING.keys() else 1


def report(source: str, fates: Iterable[tuple[Mutant, str]]) -> str:
    """Return the report as Markdown: the same for the same rules and tests."""
    fates = list(fates)
    survivors = [one for one, fate in fates if not fate]
    by_place: dict[str, list[str]] = {}
    for one, fate in fates:
        by_place.setdefault(one.place, []).append(fate)
    places = [
        f"| `{place}` | {len(told)} | {sum(map(bool, told))} | {sum(not fate for fate in told)} |"
        for place, told in by_place.items()
    ]
    finders = Counter(fate for _one, fate in fates if fate)
    tests = [f"| {count} | {name.replace('test_', '', 1).replace('_', ' ')} |" for name, count in finders.most_common()]
    lines = [
        "# What the tests of the decision would miss",
        "",
        "`make mutation` changes `consent/rules.py` in one small way after another and asks its tests each time.",
        "Each condition is made to hold always and never; each operand of an `and` or `or` is taken away; each",
        "comparison is exchanged for the others; each end of a chain of them, each filter, each argument by name and",
        "each member of a tuple or set is left out; each `not` is dropped; each word, truth and `None` is exchanged;",
        "each answer is turned round. Left alone is what states form: docstrings, annotations, decorators. A change",
        "that every test passes is listed below, with the reason why it changes nothing that anybody could notice.",
        "",
        f"    sha256 of consent/rules.py: {sha256(source.encode()).hexdigest()}",
        f"    mutants: {len(fates)}",
        f"    found: {len(fates) - len(survivors)}",
        f"    equivalent: {sum(str(one) in CHANGES_NOTHING for one in survivors)}",
        f"    missed: {sum(str(one) not in CHANGES_NOTHING for one in survivors)}",
        "",
        f"Tests that are asked: {', '.join(f'`{one}`' for one in TESTS)}.",
        "",
        "| where | mutants | found | equivalent or missed |",
        "|---|---|---|---|",
        *places,
        "",
        "| found first | by the test that |",
        "|---|---|",
        *tests,
        "",
        "## Survivors",
        "",
        *(_explained(one) for one in survivors),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _explained(survivor: Mutant) -> str:
    why = CHANGES_NOTHING.get(str(survivor), "**missed**: no reason is known why this would change nothing.")
    return f"- `{survivor.place}`: `{survivor.before}` → `{survivor.after}`. {why}"


if __name__ == "__main__":
    sys.exit(main())
