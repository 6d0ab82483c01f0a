"""Who is asked about: understood or said why not, one digest for one question, and true of the right people."""

import contextlib
import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.criteria import NotUnderstood, asks_for, digest, matches, read, sentence, written
from tests.research.criteria_made import (
    ASTHMA,
    DIABETES,
    EVERYBODY,
    HBA1C,
    METFORMIN,
    condition,
    document,
    nodes,
    patient,
    result,
)

TODAY = date(2026, 6, 1)


def is_true(node, *resources, **more):
    return matches(read(document(node, **more)), resources, TODAY)


def who(node):
    """Return which of everybody there can be meet these criteria."""
    criteria = read(document(node))
    return [matches(criteria, one, TODAY) for one in EVERYBODY]


# --- Reading ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("node", "path"),
    [
        (None, "who"),
        ({}, "who"),
        ({"all": []}, "who.all"),
        ({"all": [{"age": {"from": 40}}], "any": []}, "who"),
        ({"height": {}}, "who.height"),
        ({"age": {}}, "who.age"),
        ({"age": {"to": None}}, "who.age"),
        ({"age": {"from": 40, "to": 39}}, "who.age"),
        ({"age": {"from": "40"}}, "who.age.from"),
        ({"age": {"from": True}}, "who.age.from"),
        ({"any": [{"sex": "woman"}]}, "who.any[0].sex"),
        ({"any": [{"sex": ["female", 3]}]}, "who.any[0].sex[1]"),
        ({"not": {"condition": {"codes": []}}}, "who.not.condition.codes"),
        ({"condition": {"codes": [{"code": "1"}]}}, "who.condition.codes[0].system"),
        ({"condition": {"codes": [DIABETES], "since": "2026-02-30"}}, "who.condition.since"),
        ({"condition": {"codes": [DIABETES], "since": "2026-02-03", "until": "2026-02-02"}}, "who.condition.until"),
        ({"condition": {"codes": [DIABETES], "since": "2026-02-03", "days": 3}}, "who.condition.days"),
        ({"lab": {"codes": [HBA1C], "from": "7,5", "unit": "%"}}, "who.lab.from"),
        ({"lab": {"codes": [HBA1C], "from": "NaN", "unit": "%"}}, "who.lab.from"),
        ({"lab": {"codes": [HBA1C], "from": 7}}, "who.lab.unit"),
        ({"lab": {"codes": [HBA1C], "unit": "%"}}, "who.lab.unit"),
        ({"lab": {"codes": [HBA1C], "from": 8, "to": 7, "unit": "%"}}, "who.lab"),
        ({"lab": {"codes": [HBA1C], "which": "oldest"}}, "who.lab.which"),
        ({"all": [{"age": {"from": 1}}] * 500}, "who.all[399]"),
        ({"condition": {"codes": [DIABETES] * 201}}, "who.condition.codes"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(node, path):
    with pytest.raises(NotUnderstood) as told:
        read(document(node))
    assert [problem.path for problem in told.value.problems] == [path]


def test_every_problem_is_told_at_once():
    node = {"all": [{"age": {"from": -1}}, {"sex": "f"}, {"lab": {"codes": [HBA1C], "from": "x"}}]}
    with pytest.raises(NotUnderstood) as told:
        read(document(node, version=2))
    paths = [problem.path for problem in told.value.problems]
    assert paths == ["version", "who.all[0].age.from", "who.all[1].sex", "who.all[2].lab.from"]


def test_groups_in_groups_have_an_end():
    node = {"age": {"from": 1}}
    for _ in range(2000):
        node = {"not": node}
    with pytest.raises(NotUnderstood, match="too many within each other"):
        read(document(node))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "who", "all", "not", "age", "sex", "lab", "codes", "from"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(json_values)
def test_no_document_makes_it_stumble(value):
    for each in (value, {"version": 1, "who": value}):
        with contextlib.suppress(NotUnderstood):
            digest(read(each))


@settings(max_examples=80)
@given(nodes)
def test_what_is_read_is_written_and_read_again(node):
    criteria = read(document(node, on="2026-03-01"))
    assert read(json.loads(json.dumps(written(criteria)))) == criteria


# --- One question, one digest ----------------------------------------------------------------------
def diabetic(*codes, **more):
    return {"condition": {"codes": list(codes) or [DIABETES]} | more}


SAME = [
    ({"all": [diabetic(), {"sex": "female"}]}, {"all": [{"sex": ["female", "female"]}, {"any": [diabetic()]}]}),
    ({"not": {"not": diabetic()}}, diabetic({**DIABETES, "display": "T2DM"})),
    ({"any": [diabetic(ASTHMA), diabetic()]}, diabetic(DIABETES, ASTHMA)),
    ({"not": {"any": [diabetic(), diabetic(ASTHMA)]}}, {"all": [{"not": diabetic(ASTHMA)}, {"not": diabetic()}]}),
    ({"all": [{"age": {"from": 40}}, {"age": {"to": 64}}]}, {"age": {"from": 40, "to": 64}}),
    ({"any": [{"age": {"from": 40, "to": 50}}, {"age": {"from": 51, "to": 64}}]}, {"age": {"from": 40, "to": 64}}),
    ({"all": [{"age": {"from": 40}}, {"age": {"from": 18}}]}, {"age": {"from": 40}}),
    ({"all": [diabetic(), {"any": [diabetic(), {"sex": "male"}]}]}, diabetic()),
    (
        {"lab": {"codes": [HBA1C], "from": 7.5, "unit": "%", "which": "any"}},
        {"lab": {"codes": [{**HBA1C, "display": "A1c"}, HBA1C], "from": "7.50", "unit": "%"}},
    ),
]
APART = [
    (diabetic(), diabetic(ASTHMA)),
    (diabetic(), diabetic(days=365)),
    (diabetic(), {"procedure": {"codes": [DIABETES]}}),
    ({"age": {"from": 40}}, {"age": {"from": 41}}),
    ({"not": {"sex": "female"}}, {"sex": ["male", "other", "unknown"]}),
    ({"lab": {"codes": [HBA1C]}}, {"lab": {"codes": [HBA1C], "which": "latest"}}),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_a_question_asked_differently_has_one_digest(one, other):
    assert digest(read(document(one))) == digest(read(document(other)))


@pytest.mark.parametrize(("one", "other"), APART)
def test_another_question_has_another_digest(one, other):
    assert digest(read(document(one))) != digest(read(document(other)))


def test_a_day_is_part_of_the_question():
    assert digest(read(document(diabetic()))) != digest(read(document(diabetic(), on="2026-01-01")))


@settings(max_examples=120)
@given(nodes, nodes)
def test_two_questions_have_one_digest_exactly_when_nobody_tells_them_apart(one, other):
    same = digest(read(document(one))) == digest(read(document(other)))
    assert same is (who(one) == who(other))


@settings(max_examples=60)
@given(nodes)
def test_two_denials_and_company_change_no_digest(node):
    rewritten = {"all": [{"not": {"any": [{"not": node}, {"not": {"any": [node, node]}}]}}, {"any": [node]}]}
    assert digest(read(document(rewritten))) == digest(read(document(node)))


def test_a_digest_does_not_change_from_one_day_to_the_next():
    node = {"all": [{"age": {"from": 40}}, {"not": diabetic()}, {"lab": {"codes": [HBA1C], "from": 7, "unit": "%"}}]}
    assert digest(read(document(node))).hex().startswith("41ea803aa96aba9b")


def test_what_would_take_too_long_is_told_and_not_worked_out():
    codes = [{"system": "s", "code": str(number)} for number in range(60)]
    pairs = [{"all": [diabetic(codes[at]), diabetic(codes[-at - 1])]} for at in range(30)]
    crossed = [{"all": [diabetic(codes[at]), {"not": diabetic(codes[(at * 7 + 30) % 60])}]} for at in range(30)]
    with pytest.raises(NotUnderstood, match="Ask in two steps"):
        read(document({"all": [{"any": pairs}, {"any": crossed}]}))


# --- True of whom ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("born", "on", "is_forty"),
    [
        ("1986-06-01", "2026-06-01", True),
        ("1986-06-02", "2026-06-01", False),
        ("1986", "2026-01-01", True),
        ("", "2026-01-01", False),
        ("2027-01-01", "2026-01-01", False),
        ("sometime", "2026-01-01", False),
    ],
)
def test_age_is_in_years_completed(born, on, is_forty):
    assert is_true({"age": {"from": 40}}, patient(born), on=on) is is_forty


def test_who_has_no_birth_date_is_not_of_an_age_and_not_not_of_it():
    assert is_true({"not": {"age": {"from": 0}}}, patient(""))


@pytest.mark.parametrize(
    ("written", "counts"),
    [
        ({"onsetDateTime": "2025-06-01"}, True),
        ({"onsetDateTime": "2025-05-31T23:59:59Z"}, False),
        ({"onsetDateTime": "2025"}, False),  # it may have been in May
        ({"onsetDateTime": "2025-07"}, True),
        ({"onsetPeriod": {"start": "2025-07-01", "end": "2025-08-01"}}, True),
        ({"onsetPeriod": {"start": "2025-07-01"}}, False),
        ({"recordedDate": "2025-12-31T12:00:00Z"}, True),
        ({"onsetString": "last summer"}, False),
        ({}, False),
    ],
)
def test_a_date_counts_where_all_of_it_is_inside(written, counts):
    node = diabetic(since="2025-06-01", until="2026-05-31")
    assert is_true(node, condition(DIABETES, **written)) is counts
    assert is_true(diabetic(), condition(DIABETES, **written))


def test_the_last_days_end_with_the_day_of_the_asking():
    node = diabetic(days=31)
    assert is_true(node, condition(DIABETES, onsetDateTime="2026-05-01"))
    assert not is_true(node, condition(DIABETES, onsetDateTime="2026-04-30"))
    assert not is_true(node, condition(DIABETES, onsetDateTime="2026-06-02"))


def verified(code):
    return {"verificationStatus": {"coding": [{"code": code}]}}


@pytest.mark.parametrize("code", ["entered-in-error", "refuted"])
def test_what_was_refuted_does_not_count(code):
    assert not is_true(diabetic(), condition(DIABETES, **verified(code)))
    assert is_true(diabetic(), condition(DIABETES, **verified("confirmed")))


@pytest.mark.parametrize("status", ["entered-in-error", "not-done"])
def test_what_was_not_done_does_not_count(status):
    done = {"resourceType": "Procedure", "status": status, "code": {"coding": [ASTHMA]}}
    assert not is_true({"procedure": {"codes": [ASTHMA]}}, done)
    assert is_true({"procedure": {"codes": [ASTHMA]}}, done | {"status": "completed"})


@pytest.mark.parametrize(
    "how",
    [
        {"medicationCodeableConcept": {"coding": [METFORMIN]}},
        {"medicationReference": {"reference": "Medication/m1"}},
        {"medicationReference": {"reference": "#m2"}, "contained": [{"id": "m2", "code": {"coding": [METFORMIN]}}]},
    ],
)
def test_a_medicine_counts_wherever_it_stands(how):
    beside = {"resourceType": "Medication", "id": "m1", "code": {"coding": [METFORMIN]}}
    given_it = {"resourceType": "MedicationRequest", "status": "active"} | how
    node = {"medication": {"codes": [METFORMIN]}}
    assert is_true(node, given_it, beside)
    assert not is_true(node, beside)
    assert not is_true(node, given_it | {"doNotPerform": True}, beside)


def hba1c(**more):
    return {"lab": {"codes": [HBA1C], "unit": "%"} | more}


def test_a_result_counts_in_its_range_and_its_unit():
    assert is_true(hba1c(**{"from": 7, "to": "8.5"}), result(HBA1C, 7), result(HBA1C, 9))
    assert is_true(hba1c(**{"to": "8.5"}), result(HBA1C, Decimal("8.5")))
    assert not is_true(hba1c(**{"from": 7}), result(HBA1C, 6.9))
    assert not is_true(hba1c(**{"from": 7}), result(HBA1C, 58, unit="mmol/mol"))
    assert not is_true(hba1c(**{"to": 7}), result(HBA1C, 5, valueQuantity={"value": 5, "code": "%", "comparator": "<"}))
    assert not is_true(hba1c(**{"to": 7}), result(HBA1C, None))


def test_the_latest_result_is_the_newest_of_all_that_are_meant():
    results = [result(HBA1C, 9, day="2026-01-01"), result(HBA1C, 6, day="2026-03-01")]
    assert is_true(hba1c(**{"from": 8}), *results)
    assert not is_true(hba1c(**{"from": 8}, which="latest"), *results)
    assert is_true(hba1c(**{"from": 8}, which="latest", until="2026-02-01"), *results)


def test_parts_of_a_result_count():
    pressure = {"code": {"coding": [HBA1C]}, "valueQuantity": {"value": 140, "unit": "%"}}
    assert is_true(hba1c(**{"from": 130}), result(ASTHMA, 1, component=[pressure]))


def test_an_answer_depends_on_the_types_it_names():
    node = {"all": [{"age": {"from": 1}}, {"not": hba1c(**{"from": 7})}, {"medication": {"codes": [METFORMIN]}}]}
    medicines = {"MedicationRequest", "MedicationStatement", "MedicationAdministration"}
    assert asks_for(read(document(node))) == {"Patient", "Observation", *medicines}


# --- In words --------------------------------------------------------------------------------------
SENTENCES = [
    ({"age": {"from": 40, "to": 64}}, "People who are 40 to 64 years old."),
    ({"not": {"age": {"from": 18}}}, "People who are not 18 or older."),
    (
        {"all": [{"sex": "female"}, diabetic(since="2020-01-01"), {"not": {"medication": {"codes": [METFORMIN]}}}]},
        "People who are female, and have had type 2 diabetes since 2020-01-01, and were not given metformin.",
    ),
    (
        {
            "any": [
                diabetic(DIABETES, ASTHMA),
                {"all": [{"age": {"to": 17}}, hba1c(**{"from": 7.5}, which="latest", days=90)]},
            ]
        },
        "People who either have had type 2 diabetes or asthma, or (both are 17 or younger and have a latest result of"
        " HbA1c of 7.5 % or more in the last 90 days).",
    ),
    (
        {"not": {"any": [{"sex": ["male", "other"]}, {"not": diabetic()}]}},
        "People who do not fit this: they (either are male or of another sex, or have not had type 2 diabetes).",
    ),
    (
        {"lab": {"codes": [{"system": "s", "code": "c"}], "from": 1, "to": 2, "unit": "mmol/L"}},
        "People who have a result of s c from 1 to 2 mmol/L.",
    ),
    ({"procedure": {"codes": [ASTHMA], "until": "2025-12-31"}}, "People who underwent asthma up to 2025-12-31."),
]


@pytest.mark.parametrize(("node", "said"), SENTENCES)
def test_criteria_are_a_sentence(node, said):
    assert sentence(read(document(node))) == said


def test_a_sentence_is_translated_piece_by_piece():
    german = {
        "As of %(day)s: people who %(what)s.": "Am %(day)s: Menschen, die %(what)s.",
        "are %(what)s": "%(what)s sind",
        "female": "weiblich",
    }
    criteria = read(document({"sex": "female"}, on="2026-03-01"))
    said = sentence(criteria, say=lambda text: german.get(text, text), day=lambda day: f"{day.day}.{day.month}.")
    assert said == "Am 1.3.: Menschen, die weiblich sind."


@settings(max_examples=60)
@given(nodes)
def test_every_question_has_a_sentence(node):
    said = sentence(read(document(node)))
    assert said.startswith("People who ")
    assert "%(" not in said
