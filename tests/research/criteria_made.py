"""Criteria and people at random, from a few facts, so that all people there can be are told through."""

from itertools import product

from hypothesis import strategies as st

SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
DIABETES = {"system": SNOMED, "code": "44054006", "display": "type 2 diabetes"}
ASTHMA = {"system": SNOMED, "code": "195967001", "display": "asthma"}
METFORMIN = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975", "display": "metformin"}
HBA1C = {"system": LOINC, "code": "4548-4", "display": "HbA1c"}

leaves = st.one_of(
    st.tuples(st.sampled_from([0, 18, 40, 65]), st.sampled_from([66, 80])).map(
        lambda ages: {"age": {"from": ages[0], "to": ages[1]}}
    ),
    st.sampled_from([18, 40, 65]).map(lambda age: {"age": {"from": age}}),
    st.lists(st.sampled_from(["female", "male", "other", "unknown"]), min_size=1, max_size=3).map(
        lambda of: {"sex": of}
    ),
    st.lists(st.sampled_from([DIABETES, ASTHMA]), min_size=1, max_size=2).map(lambda of: {"condition": {"codes": of}}),
)
nodes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"all": of}),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: {"any": of}),
        inner.map(lambda of: {"not": of}),
    ),
    max_leaves=6,
)


def document(node, **more):
    return {"version": 1, "who": node} | more


def condition(code, **more):
    return {"resourceType": "Condition", "code": {"coding": [code]}} | more


def patient(born="1980-01-01", sex="female"):
    named = {"birthDate": born, "gender": sex}
    return {"resourceType": "Patient"} | {name: value for name, value in named.items() if value}


def result(code, value, unit="%", day="2026-01-15", **more):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [code]},
        "valueQuantity": {"value": value, "code": unit},
        "effectiveDateTime": day,
    } | more


# One of each age that criteria tell apart, of each sex, with each illness or not, in 2026.
EVERYBODY = [
    [patient(born, sex), *(condition(code) for code, has in ((DIABETES, one), (ASTHMA, other)) if has)]
    for born, sex, one, other in product(
        ("", *(f"{2026 - age}-01-01" for age in (0, 18, 40, 65, 66, 67, 80, 81))),
        ("", "female", "male", "other", "unknown"),
        (False, True),
        (False, True),
    )
]
