"""Measures of care on a handful of people, each there for one rule; and what may be told of them."""

from datetime import date, timedelta

import polars as pl
import pytest

from research.disclosure import Rules
from research.measures.chronic import blood_pressure, diabetes
from research.measures.codes import ICD, SNOMED, codes, value_sets
from research.measures.definitions import DEFINITIONS
from research.measures.immunisations import COMBINATION_10, immunisation
from research.measures.measured import Measured, Period
from research.measures.readmissions import readmission
from research.measures.told import told

YEAR = Period(date(2025, 1, 1), date(2025, 12, 31))
DAY = pl.Date


def table(rows, **columns):
    return pl.DataFrame(rows, schema=columns, orient="row")


def people(**born):
    return table(list(born.items()), person=str, born=DAY)


def conditions(*rows):
    return table([(*row, None)[:4] for row in rows], person=str, code=str, onset=DAY, ended=DAY)


def visits(*names, day=date(2025, 3, 3)):
    return table([(name, day) for name in names], person=str, day=DAY)


def results(*rows):
    return table(rows, person=str, code=str, day=DAY, value=pl.Float64, unit=str)


LONG_AGO, GROWN = date(2001, 1, 1), date(1960, 5, 5)
EVERYBODY = people(ana=GROWN, bo=GROWN, cy=GROWN, di=GROWN)
DIABETICS = conditions(*((name, "44054006", LONG_AGO) for name in ("ana", "bo", "cy", "di")))
SEEN = visits("ana", "bo", "cy", "di")


def test_the_last_result_decides_on_diabetes_and_none_is_not_under_control():
    found = diabetes(
        YEAR, people=EVERYBODY, conditions=DIABETICS, visits=SEEN,
        results=results(
            ("ana", "4548-4", date(2025, 2, 1), 11.0, "%"), ("ana", "4548-4", date(2025, 9, 1), 9.0, "%"),
            ("bo", "4548-4", date(2025, 2, 1), 7.0, "%"), ("bo", "4548-4", date(2025, 9, 1), 9.1, "%"),
            ("cy", "4548-4", date(2024, 12, 31), 6.0, "%"),
            ("di", "4548-4", date(2025, 2, 1), 9.5, "%"), ("di", "4548-4", date(2025, 2, 1), 8.5, "%"),
        ),
    )  # fmt: skip
    assert found.people == {"ana", "bo", "cy", "di"}
    assert found.met == {"ana", "di"}


def test_millimoles_are_converted_and_a_unit_nobody_knows_is_told():
    found = diabetes(
        YEAR, people=EVERYBODY, conditions=DIABETICS, visits=SEEN,
        results=results(
            ("ana", "59261-8", date(2025, 2, 1), 74.0, "mmol/mol"),
            ("bo", "59261-8", date(2025, 2, 1), 76.0, "mmol/mol"),
            ("cy", "4548-4", date(2025, 2, 1), 0.06, "1"),
        ),
    )  # fmt: skip
    # 74 mmol/mol are 8.9 %, 76 are 9.1 %.
    assert found.met == {"ana"}
    assert found.unread == 1


@pytest.mark.parametrize(
    ("born", "condition", "visit", "counted"),
    [
        (date(2007, 12, 31), ("ana", "E11.9", LONG_AGO), date(2025, 1, 1), True),
        (date(2008, 1, 1), ("ana", "E11.9", LONG_AGO), date(2025, 1, 1), False),
        (date(1950, 1, 1), ("ana", "E11.9", LONG_AGO), date(2025, 12, 31), True),
        (date(1949, 12, 31), ("ana", "E11.9", LONG_AGO), date(2025, 12, 31), False),
        (None, ("ana", "E11.9", LONG_AGO), date(2025, 1, 1), False),
        (GROWN, ("ana", "E11.9", LONG_AGO), date(2026, 1, 1), False),
        (GROWN, ("ana", "E11.9", LONG_AGO, date(2024, 12, 31)), date(2025, 1, 1), False),
        (GROWN, ("ana", "E11.9", date(2026, 1, 1)), date(2025, 1, 1), False),
        (GROWN, ("ana", "I10", LONG_AGO), date(2025, 1, 1), False),
    ],
)
def test_of_whom_diabetes_is_counted(born, condition, visit, counted):
    asked = {"people": people(ana=born), "conditions": conditions(condition), "visits": visits("ana", day=visit)}
    assert diabetes(YEAR, **asked, results=results()).people == ({"ana"} if counted else set())
    assert diabetes(YEAR, **asked, results=results(), excluded=frozenset({"ana"})).people == set()


def pressure(name, day, high, low):
    return [(name, "8480-6", day, float(high), "mm[Hg]"), (name, "8462-4", day, float(low), "mm[Hg]")]


def test_blood_pressure_is_the_lowest_of_the_last_day():
    last = date(2025, 9, 1)
    found = blood_pressure(
        YEAR, people=EVERYBODY, conditions=conditions(*((name, "I10", LONG_AGO) for name in EVERYBODY["person"])),
        visits=SEEN,
        results=results(
            *pressure("ana", date(2025, 2, 1), 180, 110), *pressure("ana", last, 150, 85),
            *pressure("ana", last, 139, 92),
            *pressure("bo", date(2025, 2, 1), 120, 80), *pressure("bo", last, 140, 80),
            *pressure("cy", last, 120, 80)[:1],
        ),
    )  # fmt: skip
    assert found.people == {"ana", "bo", "cy", "di"}
    assert found.met == {"ana"}


def test_hypertension_of_the_second_half_is_next_year_s():
    began = {"ana": date(2025, 6, 30), "bo": date(2025, 7, 1)}
    found = blood_pressure(
        YEAR, people=EVERYBODY, conditions=conditions(*((name, "59621000", day) for name, day in began.items())),
        visits=SEEN, results=results(),
    )  # fmt: skip
    assert found.people == {"ana"}


BORN = date(2023, 6, 1)


def vaccinated(name, *, born=BORN, but=()):
    """Return all vaccinations of one child, the doses a month apart; `but` leaves codes out."""
    rows = []
    for series in COMBINATION_10:
        code = min(codes(*series.lists) - codes(*series.longer))
        start = born + timedelta(days=370 if series.from_birthday else max(series.from_days, 60))
        rows += [(name, code, start + timedelta(days=30 * dose)) for dose in range(series.doses) if code not in but]
    return rows


def vaccinations(*rows):
    return table(rows, person=str, code=str, day=DAY)


CHILDREN = ("ana", "bo", "cy", "di")


def vaccination(period=YEAR, *, people, given, ill=()):
    seen = visits(*CHILDREN, day=period.first)
    return immunisation(
        period, people=people, visits=seen, vaccinations=vaccinations(*given), conditions=conditions(*ill)
    )


def test_children_are_counted_in_the_year_of_their_second_birthday():
    children = people(ana=BORN, bo=BORN, cy=date(2022, 12, 31), di=date(2024, 1, 1))
    given = [row for name in ("ana", "cy", "di") for row in vaccinated(name)] + vaccinated("bo", but=("03",))
    found = vaccination(people=children, given=given)
    assert found.people == {"ana", "bo"}
    assert found.met == {"ana"}


@pytest.mark.parametrize(
    ("but", "instead", "met"),
    [
        (("03",), [("03", date(2024, 5, 31))], False),  # the day before the first birthday
        (("03",), [("94", date(2024, 6, 1))], True),
        (("03",), [("03", date(2025, 6, 1))], True),
        (("03",), [("03", date(2025, 6, 2))], False),  # the day after the second
        (("119",), [("119", date(2023, 8, 1)), ("122", date(2023, 9, 1))], False),
        (("119",), [("119", date(2023, 8, 1)), ("122", date(2023, 9, 1)), ("122", date(2023, 10, 1))], True),
        (("119",), [("119", date(2023, 8, 1))] * 2, False),  # one dose written down twice
        (("119",), [("119", date(2023, 7, 12)), ("119", date(2023, 9, 1))], False),  # 41 days old
    ],
)
def test_doses_count_on_different_days_and_when_old_enough(but, instead, met):
    given = [*vaccinated("ana", but=but), *(("ana", *row) for row in instead)]
    found = vaccination(people=people(ana=BORN), given=given)
    assert found.met == ({"ana"} if met else set())


def test_a_leap_child_turns_two_all_the_same():
    leap = date(2024, 2, 29)
    year = Period(date(2026, 1, 1), date(2026, 12, 31))
    assert vaccination(year, people=people(ana=leap), given=vaccinated("ana", born=leap)).met == {"ana"}


@pytest.mark.parametrize(
    ("but", "instead", "met"),
    [
        (("17",), [("48", BORN + timedelta(days)) for days in (60, 120, 180)], False),  # one of a schedule of four
        (("17",), [("48", BORN + timedelta(days)) for days in (60, 120, 180, 400)], True),
        (("140",), [("140", date(2024, 2, 1)), ("149", date(2025, 6, 1))], True),  # the live one, on the birthday
        (("140",), [("140", date(2024, 2, 1)), ("149", date(2025, 5, 31))], False),
    ],
)
def test_some_vaccines_need_more_doses_or_an_age_of_their_own(but, instead, met):
    given = [*vaccinated("ana", but=but), *(("ana", *row) for row in instead)]
    assert vaccination(people=people(ana=BORN), given=given).met == ({"ana"} if met else set())


@pytest.mark.parametrize(
    ("but", "ill", "met"),
    [
        (("03",), ["B05.9"], False),
        (("03",), ["B05.9", "B26.9", "B06.9"], True),
        (("03",), ["471331000124109"], True),
        (("106",), ["433621000124101"], False),  # what was not borne was another vaccine
        (("21",), ["B01.9"], True),
    ],
)
def test_who_was_ill_or_must_not_have_a_vaccine_counts_as_vaccinated(but, ill, met):
    had = [("ana", code, date(2024, 3, 3)) for code in ill]
    found = vaccination(people=people(ana=BORN), given=vaccinated("ana", but=but), ill=had)
    assert found.met == ({"ana"} if met else set())


def test_a_child_whom_nobody_saw_in_the_period_is_not_counted():
    given, nobody = vaccinations(*vaccinated("ana")), conditions()
    found = immunisation(
        YEAR, people=people(ana=BORN), visits=visits("ana", day=BORN), vaccinations=given, conditions=nobody
    )
    assert found.people == set()


def stays(*rows):
    return table(
        [(*row, False, False)[:5] for row in rows],
        person=str, admitted=DAY, discharged=DAY, died=pl.Boolean, planned=pl.Boolean,
    )  # fmt: skip


MARCH = date(2025, 3, 10)


@pytest.mark.parametrize(
    ("rows", "counted", "back"),
    [
        ([(date(2025, 3, 1), MARCH)], True, False),
        ([(date(2025, 3, 1), MARCH), (MARCH + timedelta(30), MARCH + timedelta(31))], True, True),
        ([(date(2025, 3, 1), MARCH), (MARCH + timedelta(31), MARCH + timedelta(32))], True, False),
        ([(date(2025, 3, 1), MARCH), (MARCH, MARCH + timedelta(3))], True, False),  # a transfer
        ([(date(2025, 3, 1), MARCH), (MARCH, MARCH + timedelta(3)), (MARCH + timedelta(9), MARCH + timedelta(9))],
         True, True),
        ([(date(2025, 3, 1), MARCH), (MARCH + timedelta(5), MARCH + timedelta(9), False, True)], True, False),
        ([(date(2025, 3, 1), MARCH, True, False)], False, False),
        ([(date(2024, 12, 1), date(2024, 12, 31)), (date(2025, 1, 5), date(2025, 1, 6))], True, False),
        ([(date(2025, 12, 1), date(2025, 12, 31)), (date(2026, 1, 30), date(2026, 2, 6))], True, True),
        ([(date(2025, 3, 1), None)], False, False),
        ([(MARCH, MARCH), (MARCH + timedelta(9), MARCH + timedelta(12))], True, False),  # sent home the same day
    ],
)  # fmt: skip
def test_who_is_back_within_thirty_days(rows, counted, back):
    found = readmission(YEAR, people=people(ana=GROWN), stays=stays(*(("ana", *row) for row in rows)))
    assert found.people == ({"ana"} if counted else set())
    assert found.met == ({"ana"} if back else set())


def test_one_person_s_stays_are_no_other_s():
    apart = stays(("ana", date(2025, 3, 1), MARCH), ("bo", MARCH + timedelta(2), MARCH + timedelta(3)))
    assert readmission(YEAR, people=people(ana=GROWN, bo=GROWN), stays=apart).met == set()
    child = people(ana=date(2007, 3, 2), bo=None)
    assert readmission(YEAR, people=child, stays=apart).people == set()


def measured(**groups):
    """Return a measure in which each group has so many who meet it and so many who do not, and their groups."""
    of = {f"{name} {number}": name for name, (met, not_met) in groups.items() for number in range(met + not_met)}
    met = {one for one, name in of.items() if int(one.rpartition(" ")[2]) < groups[name][0]}
    return Measured("diabetes", YEAR, frozenset(of), frozenset(met)), of


def test_what_is_told_is_rounded_and_the_share_is_made_of_that():
    found, groups = measured(north=(43, 58), south=(31, 21))
    said = told(found, groups=groups)
    assert [(line.group, line.people, line.met, line.share) for line in said.groups] == [
        ("north", 100, 45, 45), ("south", 50, 30, 60),
    ]  # fmt: skip
    assert (said.everybody.people, said.everybody.met, said.everybody.share) == (155, 75, 48)


def test_small_groups_are_hidden_and_so_is_what_would_tell_them():
    found, groups = measured(north=(43, 4), south=(31, 33), west=(40, 30))
    said = {line.group: line for line in told(found, groups=groups).groups}
    # Four in the north do not meet it: neither their number nor the one of those who do may stand beside the sum.
    assert said["north"].met is None or said["north"].people is None
    assert said["north"].share is None


def test_nobody_at_all_can_be_told():
    said = told(Measured("diabetes", YEAR, frozenset(), frozenset()), groups={}, rules=Rules())
    assert (said.everybody.people, said.everybody.share) == (None, None)


def test_every_measure_has_its_definition():
    found = [
        diabetes(YEAR, people=people(), conditions=conditions(), visits=visits(), results=results()),
        blood_pressure(YEAR, people=people(), conditions=conditions(), visits=visits(), results=results()),
        vaccination(people=people(), given=[]),
        readmission(YEAR, people=people(), stays=stays()),
    ]
    assert [one.name for one in found] == list(DEFINITIONS)


def test_a_last_day_without_a_result_that_can_be_read_is_not_under_control():
    found = diabetes(
        YEAR, people=EVERYBODY, conditions=DIABETICS, visits=SEEN,
        results=results(
            ("ana", "4548-4", date(2025, 2, 1), 6.0, "%"), ("ana", "4548-4", date(2025, 9, 1), None, "%"),
        ),
    )  # fmt: skip
    assert found.met == set()


def test_each_code_list_that_a_measure_goes_by_says_where_it_is_from():
    used = {name for one in DEFINITIONS.values() for name in (*one.goes_by, *one.leaves_out)}
    assert used == set(value_sets())
    for one in value_sets().values():
        assert one.source
        assert one.version
        assert one.codes
        assert one.oid or one.source.startswith("Ours.") or "itself" in one.source


def test_code_lists_are_those_that_were_published():
    """Counted in the published files: codes by system."""
    published = {
        "diabetes": (89, 280),
        "hypertension": (16, 1),
        "pregnancy": (64, 1923),
        "end-stage-renal-disease": (4, 1),
    }
    for name, (snomed, icd) in published.items():
        found = value_sets()[name].codes
        assert (len(found[SNOMED]), len(found[ICD])) == (snomed, icd)
    assert codes("dtap") == {"20", "50", "106", "107", "110", "120", "146", "198"}


def test_a_period_ends_after_it_begins():
    with pytest.raises(ValueError, match="ends on its first day or later"):
        Period(YEAR.last, YEAR.first)
