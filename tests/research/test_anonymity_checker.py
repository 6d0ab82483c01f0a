"""The checker refuses what breaks a promise, whoever made the file, and shares nothing with the search."""

import ast
import sys
from pathlib import Path

import polars as pl
import pytest

from research.anonymity import checker, files, outcomes, tables
from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import ANY, Hierarchy

GOOD = {
    "age": ["20s"] * 4 + ["30s"] * 4 + [None] * 4,
    "sex": ["f"] * 12,
    "illness": ["flu", "flu", "cold", "gout"] * 3,
    "who": [f"p{number}" for number in range(12)],
}


@pytest.fixture
def asked(tmp_path):
    def ask(columns=GOOD, **promises):
        path = tmp_path / "released.parquet"
        pl.DataFrame(columns).write_parquet(path)
        told = {"quasi": ["age", "sex"], "k": 4, "distinct": {"illness": 3}, "others": ["who"]}
        return checker.check(path, **(told | promises))

    return ask


def test_a_file_that_keeps_its_promises_is_agreed_to(asked):
    verdict = asked(entropy={"illness": 2.8}, closeness={"illness": 0}, person="who")
    assert (verdict.agreed, verdict.lines, verdict.classes, verdict.smallest) == (True, 12, 3, 4)


def planted(**changes):
    return {name: list(values) for name, values in (GOOD | changes).items()}


@pytest.mark.parametrize(
    ("columns", "promises", "words"),
    [
        (planted(age=["20s"] * 3 + ["30s"] * 5 + [None] * 4), {}, "1 of 3 classes have fewer than 4 rows"),
        (planted(age=["20s"] * 4 + ["30s"] * 7 + [None]), {}, "1 of 3 classes have fewer than 4 rows"),
        (planted(illness=["flu"] * 4 + ["flu", "cold", "gout", "flu"] * 2), {}, "fewer than 3 values of illness"),
        (planted(illness=["flu", "flu", "cold", None] * 3), {}, "3 of 3 classes have fewer than 3 values of illness"),
        (planted(), {"entropy": {"illness": 2.9}}, "3 of 3 classes have too little variety of illness"),
        (planted(illness=["flu", "flu", "cold", "gout"] * 2 + ["flu", "cold", "cold", "gout"]),
         {"closeness": {"illness": 0.1}}, "1 of 3 classes are further than 0.1"),
        (planted(who=["p1"] * 2 + [f"p{number}" for number in range(10)]), {"person": "who"}, "fewer than 4 people"),
        (planted(born=["1990-01-01"] * 12), {}, "Nobody said what the column born is."),
        (planted(illness=["flu", "cold", "gout", "rash"] + ["flu", "cold", "gout", "flu"] * 2), {"shared": ["illness"]},
         "3 values of illness are shared by fewer than 4."),
        (planted(illness=["flu", "cold", "gout", None] * 2 + ["flu", "cold", "gout", "gout"]),
         {"distinct": {}, "shared": ["illness"]}, "3 values of illness are shared by fewer than 4."),
        (planted(), {"quasi": []}, "No quasi-identifier was named."),
        (planted(), {"quasi": ["age", "sex", "zip"]}, "The column zip is missing."),
    ],
)  # fmt: skip
def test_a_planted_violation_is_refused(asked, columns, promises, words):
    if words.startswith("No quasi"):
        promises = promises | {"others": ["who", "age", "sex"]}
    verdict = asked(columns, **promises)
    assert not verdict.agreed
    assert words in " ".join(verdict.broken)


def test_ordered_values_are_further_apart_than_named_ones(asked):
    pay = [3, 4, 5, 6, 8, 11, 7, 9, 10]
    columns = {"age": ["20s"] * 3 + ["30s"] * 3 + ["40s"] * 3, "pay": pay}
    # The first class holds 3, 4 and 5: the distance that the paper on t-closeness works out (4.2) is 0.375.
    told = {"quasi": ["age"], "k": 3, "distinct": {}, "others": [], "ordered": ["pay"]}
    assert asked(columns, closeness={"pay": 0.375}, **told).agreed
    assert not asked(columns, closeness={"pay": 0.374}, **told).agreed


def test_names_of_columns_are_no_sql(asked):
    columns = {'a"; drop table x; --': ["x"] * 5, "illness": ["flu", "cold", "gout"] + ["flu"] * 2}
    assert asked(columns, quasi=['a"; drop table x; --'], others=[]).agreed


def test_the_checker_opens_no_other_file(asked, tmp_path):
    asked()
    with checker.opened(tmp_path / "released.parquet") as database:
        assert database.execute("select count(*) from released").fetchall() == [(12,)]
        (tmp_path / "other.parquet").write_bytes((tmp_path / "released.parquet").read_bytes())
        for sql in (f"select * from '{tmp_path}/other.parquet'", f"copy released to '{tmp_path}/copy.csv'"):
            with pytest.raises(checker.duckdb.PermissionException):
                database.execute(sql)


def test_the_checker_uses_sql_and_the_standard_library_alone():
    used = set()
    for node in ast.walk(ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            used |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            used.add(node.module.split(".")[0])
    assert used - set(sys.stdlib_module_names) == {"duckdb"}


def test_nothing_is_left_behind_when_the_checker_disagrees(tmp_path, monkeypatch):
    # A search that is mistaken: it takes the table as it is for the best.
    monkeypatch.setitem(files.WAYS, "full-domain", lambda table, _demands, **_watch: outcomes.untouched(table))
    source, target = tmp_path / "source.parquet", tmp_path / "target.parquet"
    pl.DataFrame({"age": [20, 21, 21]}).write_parquet(source)
    hierarchy = Hierarchy("age", (("20", ANY), ("21", ANY)))
    with pytest.raises(checker.Refused, match="1 of 2 classes have fewer than 2 rows"):
        files.anonymise(source, target, hierarchies=[hierarchy], demands=Demands(2))
    assert list(tmp_path.iterdir()) == [source]


def test_a_column_nobody_named_stops_a_release(tmp_path):
    source = tmp_path / "source.parquet"
    pl.DataFrame({"age": [20, 20], "born": ["2001-02-03", "2002-03-04"]}).write_parquet(source)
    with pytest.raises(checker.Refused, match="Nobody said what the column born is"):
        files.anonymise(source, tmp_path / "target", hierarchies=[Hierarchy("age", (("20", ANY),))], demands=Demands(2))


def test_one_person_s_rows_are_no_crowd(tmp_path):
    source = tmp_path / "source.parquet"
    pl.DataFrame({"age": [20, 20], "who": ["a", "a"]}).write_parquet(source)
    with pytest.raises(ValueError, match="more than one row"):
        files.anonymise(
            source, tmp_path / "target", person="who", hierarchies=[Hierarchy("age", (("20", ANY),))],
            demands=Demands(2),
        )  # fmt: skip


def test_what_stays_exact_keeps_its_type_and_lines_keep_their_order(tmp_path):
    frame = pl.DataFrame({"age": [31, 20, 30, 20], "sex": ["f", "m", "f", "m"], "illness": ["a", "b", "c", "d"]})
    hierarchies = [
        Hierarchy("age", (("20", "20s", ANY), ("30", "30s", ANY), ("31", "30s", ANY))),
        Hierarchy("sex", (("f", ANY), ("m", ANY))),
    ]
    frame.write_parquet(tmp_path / "source")
    demands = Demands(2, (Sensitive("illness", 2),), limit=0)
    report = files.anonymise(tmp_path / "source", tmp_path / "target", hierarchies=hierarchies, demands=demands)
    released = pl.read_parquet(tmp_path / "target")
    assert released["age"].to_list() == ["30s", "20s", "30s", "20s"]
    assert released["illness"].to_list() == ["a", "b", "c", "d"]
    assert report.levels == {"age": 1, "sex": 0}
    exact = outcomes.untouched(tables.code(frame, hierarchies=hierarchies, demands=demands))
    assert files.generalised(frame, exact).equals(frame)
