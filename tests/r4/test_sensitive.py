"""Each list of sensitive codes: what it catches, what it leaves alone, and that its codes are codes at all."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from ehr.r4 import labels
from ehr.words import Category

SNOMED, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD, CPT = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
SERVICE, ROLE = (
    "http://terminology.hl7.org/CodeSystem/service-type",
    "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
)
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
V2 = "http://terminology.hl7.org/CodeSystem/v2-"
MENTAL, GENETIC = (Category.MENTAL_HEALTH,), (Category.GENETIC,)
LISTS = labels._sensitive()["lists"]


def coded(system: str, code: str, display: str = "", kind: str = "Condition") -> dict:
    coding = {"system": system, "code": code, **({"display": display} if display else {})}
    return {"resourceType": kind, "code": {"coding": [coding]}}


def said(words: str, kind: str = "Condition") -> dict:
    name = "medicationCodeableConcept" if kind == "MedicationRequest" else "code"
    return {"resourceType": kind, name: {"text": words}}


def codes_of(resource: dict) -> set[str]:
    return {one["code"] for one in labels.label(resource).security if one["system"] == labels.ACT_CODE}


# Of each list, by name: what it catches, and what stands beside it and is left alone.
VECTORS = {
    "mental health: diagnoses": ([(ICD, "F32.9"), (ICD, "X71.0")], [(ICD, "G47.00"), (ICD, "R45.4")]),
    "substance use: diagnoses": ([(ICD, "F10.20"), (ICD, "F19.10")], [(ICD, "F17.210"), (ICD, "Z71.3")]),
    "mental health: findings and care": ([(SNOMED, "35489007")], [(SNOMED, "38341003")]),
    "substance use: findings and care": ([(SNOMED, "5602001")], [(SNOMED, "77176002")]),
    "mental health: questionnaires and scores": ([(LOINC, "44261-6")], [(LOINC, "72514-3")]),
    "substance use: questionnaires and scores": ([(LOINC, "75626-2")], [(LOINC, "72166-2")]),
    "psychiatric care: places, specialties and notes": ([(SNOMED, "394587001")], [(SNOMED, "394579002")]),
    "psychotherapy notes": (["Psychotherapy note"], ["Physiotherapy note"]),
    "mental health: words": (["Major depressive disorder"], ["Respiratory failure"]),
    "substance use: words": (["Alcohol use disorder"], ["Alcohol swab"]),
    "genetics: words": (["BRCA1 variant"], ["Oxygenation"]),
    "substance use: places and procedures": ([(ROLE, "RHAT"), (PCS, "HZ2ZZZZ")], [(ROLE, "HOSP"), (PCS, "HB1ZZZZ")]),
    "mental health: procedures": ([(PCS, "GZ10ZZZ")], [(PCS, "0GTG0ZZ")]),
    "psychiatric medicines": (["Sertraline 50 MG"], ["Amitriptyline 25 MG", "Bupropion 150 MG"]),
    "medicines for substance use disorders": (["Methadone 10 MG"], ["Morphine 10 MG"]),
    "genetics: diagnoses": ([(ICD, "Z15.01"), (ICD, "E84.0")], [(ICD, "Z13.6"), (ICD, "E83.1")]),
    "genetics: tests and reports": ([(LOINC, "51969-4")], [(LOINC, "58410-2")]),
    "genetics: findings": ([(SNOMED, "405824009")], [(SNOMED, "108252007")]),
    "genetics: categories": ([(f"{V2}0074", "GE")], [(f"{V2}0074", "HM")]),
    "HIV: diagnoses": (
        [(ICD, "B20"), (ICD, "Z21"), (ICD, "O98.712"), (ICD, "O98713"), (ICD, "B9735")],
        [(ICD, "B19.10"), (ICD, "B25.9"), (ICD, "Z22.51"), (ICD, "Z71.6")],
    ),
    "HIV: findings and care": ([(SNOMED, "86406008"), (SNOMED, "31676001")], [(SNOMED, "66071002")]),
    "HIV: tests": ([(LOINC, "25836-8"), (LOINC, "56888-1")], [(LOINC, "24467-3"), (LOINC, "5196-1")]),
    "HIV: procedures": ([(CPT, "87389"), (HCPCS, "G0432")], [(CPT, "87340"), (CPT, "86704")]),
    "HIV: medicines by code": ([(RXNORM, "1235588")], [(RXNORM, "860975")]),
    "HIV: medicines": (
        ["Emtricitabine 200 MG / Tenofovir 300 MG"],
        ["Lamivudine 100 MG", "Ritonavir 100 MG", "Entecavir 0.5 MG"],
    ),
    "HIV: words": (
        ["HIV", "HIV-1 screening", "Counselling about HIV, first visit", "Human immunodeficiency virus antigen test"],
        ["Hives", "Hearing aids fitted", "Archive of notes"],
    ),
    "sexually transmitted infections: diagnoses": (
        [(ICD, "A53.9"), (ICD, "A60.00"), (ICD, "Z11.3")],
        [(ICD, "A49.9"), (ICD, "A65"), (ICD, "B37.3"), (ICD, "Z11.1")],
    ),
    "sexually transmitted infections: findings and care": ([(SNOMED, "15628003")], [(SNOMED, "68566005")]),
    "sexually transmitted infections: tests": ([(LOINC, "21613-5"), (LOINC, "24111-7")], [(LOINC, "630-4")]),
    "sexually transmitted infections: procedures": ([(CPT, "87491")], [(CPT, "87086")]),
    "sexually transmitted infections: words": (["Congenital syphilis"], ["Chlamydia pneumoniae IgG", "Herpes zoster"]),
    "sexual and reproductive health: diagnoses": (
        [(ICD, "Z33.2"), (ICD, "N52.9"), (ICD, "O04.5")],
        [(ICD, "Z33.1"), (ICD, "O80"), (ICD, "O03.9"), (ICD, "Z30.011"), (ICD, "N40.0")],
    ),
    "sexual and reproductive health: findings and care": (
        [(SNOMED, "714812005"), (SNOMED, "42035005")],
        [(SNOMED, "72892002"), (SNOMED, "65200003")],
    ),
    "sexual and reproductive health: questions": ([(LOINC, "76690-7")], [(LOINC, "82810-3"), (LOINC, "76689-9")]),
    "sexual and reproductive health: procedures": ([(CPT, "59841")], [(CPT, "59400"), (CPT, "58300")]),
    "sexual and reproductive health: words": (["Erectile dysfunction"], ["Spontaneous abortion", "Pregnancy test"]),
    "sexual assault and violence at home: diagnoses": (
        [(ICD, "T74.21XA"), (ICD, "Y07.0")],
        [(ICD, "T73.0"), (ICD, "Y04.0")],
    ),
    "sexual assault and violence at home: findings": ([(SNOMED, "248110007")], [(SNOMED, "52684005")]),
    "sexual assault and violence at home: words": (["Intimate partner violence"], ["Partner in care"]),
    "mental health: billed services": ([(CPT, "90834"), (CPT, "96127")], [(CPT, "90471"), (CPT, "96110")]),
    "substance use: billed services": ([(HCPCS, "H0015"), (CPT, "99408")], [(HCPCS, "H0031"), (CPT, "99406")]),
    "genetics: billed services": ([(CPT, "81220"), (CPT, "88262")], [(CPT, "81001"), (CPT, "88305")]),
    "mental health: kinds of service": ([(SERVICE, "141")], [(SERVICE, "124")]),
    "substance use: kinds of service": ([(SERVICE, "105")], [(SERVICE, "57")]),
    "sexual and reproductive health: kinds of service": ([(SERVICE, "67")], [(SERVICE, "54")]),
    "sexual assault and violence at home: kinds of service": ([(SERVICE, "543")], [(SERVICE, "544")]),
    "genetics: kinds of service": ([(SERVICE, "166")], [(SERVICE, "167")]),
    "mental health: marks of HL7 v2": ([(f"{V2}0177", "PSY")], [(f"{V2}0177", "V")]),
    "substance use: marks of HL7 v2": ([(f"{V2}0907", "ETH")], [(f"{V2}0907", "B")]),
    "HIV: marks of HL7 v2": ([(f"{V2}0717", "HIV")], [(f"{V2}0292", "61")]),
    "sexually transmitted infections: marks of HL7 v2": ([(f"{V2}0717", "STD")], [(f"{V2}0717", "DEM")]),
    "sexual assault and violence at home: marks of HL7 v2": ([(f"{V2}0907", "SDV")], [(f"{V2}0907", "EMP")]),
    "genetics: sections of the laboratory": ([(f"{V2}0074", "CG")], [(f"{V2}0074", "CH")]),
}


def resource_of(rule: dict, vector: object) -> dict:
    if isinstance(vector, tuple):
        return coded(*vector)
    return said(vector, "MedicationRequest" if rule.get("fields") else "Condition")


@pytest.mark.parametrize("rule", LISTS, ids=[rule["name"] for rule in LISTS])
def test_a_list_catches_what_it_is_about_and_leaves_alone_what_stands_beside_it(rule):
    caught, near = VECTORS[rule["name"]]
    for vector in caught:
        found = labels.label(resource_of(rule, vector))
        assert Category(rule["category"]) in found.categories, vector
        assert rule["label"] in codes_of(resource_of(rule, vector)), vector
    for vector in near:
        assert rule["label"] not in codes_of(resource_of(rule, vector)), vector


def test_every_list_has_its_vectors_its_source_and_its_day():
    assert set(VECTORS) == {rule["name"] for rule in LISTS}
    for rule in LISTS:
        assert len(rule["source"]) > 10
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", rule["date"])


# --- Codes that are none -----------------------------------------------------------------------------
def loinc_fits(code: str) -> bool:
    """Mod 10 over alternating digits. Source: LOINC Users' Guide, appendix C."""
    number, _, check = code.partition("-")
    backwards = number[::-1]
    total = sum(map(int, str(2 * int(backwards[0::2])) + backwards[1::2]))
    return -total % 10 == int(check)


def snomed_fits(code: str) -> bool:
    """Verhoeff's check. Source: SNOMED CT Release File Specification, 6.3."""
    total = 0
    for index, digit in enumerate(reversed(code)):
        place = int(digit)
        for _ in range(index % 8):
            place = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[place]
        total = turned(total, place)
    return total == 0


def turned(one: int, other: int) -> int:
    """Combine two elements of the dihedral group of a pentagon."""
    if one < 5:
        return (one + other) % 5 + 5 * (other >= 5) if other < 5 else (one + other - 5) % 5 + 5
    return (one - 5 - other) % 5 + 5 if other < 5 else (one - other) % 5


def test_the_checks_themselves_know_right_from_wrong():
    assert loinc_fits("2345-7")
    assert not loinc_fits("2345-6")
    assert snomed_fits("86406008")
    assert not snomed_fits("86406007")


@pytest.mark.parametrize(("system", "fits"), [(LOINC, loinc_fits), (SNOMED, snomed_fits)])
def test_every_code_carries_its_check_digit(system, fits):
    rules = [rule for rule in LISTS if system in rule.get("systems", ())]
    shape = re.compile(r"\d+-\d" if system == LOINC else r"\d{6,18}")
    codes = [code for rule in rules for code in rule.get("codes", ()) if shape.fullmatch(code)]
    assert len(codes) > 300
    assert [code for code in codes if not fits(code)] == []


# --- What a sender says ------------------------------------------------------------------------------
def marked(resource: dict, *codings: tuple[str, str]) -> dict:
    return {**resource, "meta": {"security": [{"system": system, "code": code} for system, code in codings]}}


ASTHMA, DEPRESSION = coded(ICD, "J45.909"), coded(ICD, "F32.9")


@pytest.mark.parametrize("rank", ["R", "V"])
def test_what_a_sender_restricts_is_restricted_here(rank):
    found = labels.label(marked(ASTHMA, (labels.CONFIDENTIALITY, rank)))
    assert found.categories == MENTAL
    assert found.security[0] == {"system": labels.CONFIDENTIALITY, "code": rank}
    assert codes_of(marked(ASTHMA, (labels.CONFIDENTIALITY, rank))) == set()


@pytest.mark.parametrize("rank", ["N", "U", "L", "M"])
def test_what_a_sender_calls_normal_takes_nothing_back(rank):
    found = labels.label(marked(DEPRESSION, (labels.CONFIDENTIALITY, rank)))
    assert (found.categories, found.security[0]["code"]) == (MENTAL, "R")
    assert labels.label(marked(ASTHMA, (labels.CONFIDENTIALITY, rank))).categories == (Category.HISTORY,)


def test_a_genetic_result_that_is_restricted_is_not_taken_for_mental_health():
    assert labels.label(marked(coded(ICD, "Z15.01"), (labels.CONFIDENTIALITY, "R"))).categories == GENETIC
    very = labels.label(marked(coded(ICD, "Z15.01"), (labels.CONFIDENTIALITY, "V")))
    assert (very.categories, very.security[0]["code"]) == (GENETIC, "V")


def test_who_somebody_is_stays_where_it_is_looked_for():
    person = marked({"resourceType": "Patient"}, (labels.CONFIDENTIALITY, "R"))
    assert labels.label(person).categories == (Category.BASIC,)


@pytest.mark.parametrize(("code", "part"), [(c, p) for c, p in labels._sensitive()["security"].items() if c != "how"])
def test_a_senders_own_label_counts_like_a_code(code, part):
    assert labels.label(marked(ASTHMA, (labels.ACT_CODE, code))).categories == (Category(part),)


def test_an_entry_with_two_labels_is_in_both_parts():
    both = coded(ICD, "F32.9")
    both["code"]["coding"].append({"system": ICD, "code": "Z15.01"})
    assert labels.label(both).categories == (Category.MENTAL_HEALTH, Category.GENETIC)
    assert codes_of(both) == {"MH", "GDIS"}


# --- The table in the docs -----------------------------------------------------------------------------
def row(rule: dict) -> str:
    how = [f"{len(rule[name])} {name}" for name in ("codes", "ranges", "prefixes", "words") if rule.get(name)]
    label = f"{rule.get('confidentiality', 'R')} {rule['label']}"
    cells = (rule["name"], label, rule["category"], ", ".join(how), rule["source"], rule["date"])
    return f"| {' | '.join(cells)} |"


def test_the_table_in_the_docs_is_what_the_rules_are():
    page = (Path(settings.BASE_DIR) / "docs" / "labels.md").read_text(encoding="utf-8")
    told = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| list", "| ---"))]
    rows = [line for line in told if line.count("|") == 7]
    assert rows == [row(rule) for rule in LISTS]


def test_the_marks_of_senders_in_the_docs_are_those_that_count():
    page = (Path(settings.BASE_DIR) / "docs" / "labels.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([A-Z]+)` \| ([a-z-]+) \|$", page, flags=re.MULTILINE))
    assert told == {code: part for code, part in labels._sensitive()["security"].items() if code != "how"}
