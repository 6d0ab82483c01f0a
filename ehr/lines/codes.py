"""Codes in words: what the sender wrote beside them, else HL7's own display, cleaned of what only machines read.

A bare code is returned by `without_words` alone.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.translation import gettext_lazy as _

from ehr.r4 import definitions

LOINC = "http://loinc.org"
# What the systems are called whose codes may come without words.
SYSTEMS = {
    LOINC: "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.ama-assn.org/go/cpt": "CPT",
}
# Names people use for common tests. Source: LOINC; the codes of one row are the same test or near enough to say so.
TESTS = {
    ("4548-4", "17856-6"): _("HbA1c (average blood sugar)"),
    ("2339-0", "2345-7", "1558-6"): _("Glucose (blood sugar)"),
    ("38483-4", "2160-0"): _("Creatinine (kidneys)"),
    ("33914-3", "62238-1", "98979-8"): _("Kidney function (eGFR)"),
    ("6299-2", "3094-0"): _("Urea nitrogen (kidneys)"),
    ("2947-0", "2951-2"): _("Sodium"),
    ("6298-4", "2823-3"): _("Potassium"),
    ("2069-3", "2075-0"): _("Chloride"),
    ("20565-8", "2028-9"): _("Carbon dioxide (bicarbonate)"),
    ("49765-1", "17861-6"): _("Calcium"),
    ("2093-3",): _("Total cholesterol"),
    ("2085-9",): _("HDL cholesterol"),
    ("18262-6", "13457-7"): _("LDL cholesterol"),
    ("2571-8",): _("Triglycerides"),
    ("1742-6",): _("ALT (liver)"),
    ("1920-8",): _("AST (liver)"),
    ("6768-6",): _("Alkaline phosphatase (liver and bone)"),
    ("1975-2", "42719-5"): _("Bilirubin (liver)"),
    ("1751-7",): _("Albumin"),
    ("2885-2",): _("Total protein"),
    ("10834-0",): _("Globulin"),
    ("718-7",): _("Hemoglobin"),
    ("4544-3", "20570-8"): _("Hematocrit"),
    ("6690-2", "26464-8"): _("White blood cells"),
    ("789-8", "26453-1"): _("Red blood cells"),
    ("777-3", "26515-7"): _("Platelets"),
    ("787-2", "30428-7"): _("Size of red blood cells (MCV)"),
    ("785-6",): _("Hemoglobin per red blood cell (MCH)"),
    ("786-4",): _("Hemoglobin concentration in red blood cells (MCHC)"),
    ("21000-5", "30385-9"): _("Spread of red blood cell size (RDW)"),
    ("32207-3",): _("Spread of platelet size (PDW)"),
    ("32623-1",): _("Size of platelets (MPV)"),
    ("3016-3",): _("TSH (thyroid)"),
    ("14959-1", "9318-7"): _("Albumin to creatinine in urine"),
    ("8302-2",): _("Height"),
    ("29463-7", "3141-9"): _("Weight"),
    ("39156-5",): _("Body mass index"),
    ("8867-4",): _("Heart rate"),
    ("9279-1",): _("Breathing rate"),
    ("8310-5", "8331-1"): _("Body temperature"),
    ("59408-5", "2708-6"): _("Oxygen saturation"),
    ("55284-4", "85354-9"): _("Blood pressure"),
    ("8480-6",): _("Upper (systolic)"),
    ("8462-4",): _("Lower (diastolic)"),
    ("72166-2",): _("Smoking"),
    ("72514-3",): _("Pain, from 0 to 10"),
    ("44261-6",): _("Depression score (PHQ-9)"),
    ("70274-6",): _("Anxiety score (GAD-7)"),
    ("75626-2",): _("Alcohol score (AUDIT-C)"),
}
_NAMES = {code: name for codes, name in TESTS.items() for code in codes}
# Semantic tags that SNOMED CT puts behind a fully specified name.
_TAG = re.compile(
    r"\s*\((?:disorder|finding|procedure|situation|regime/therapy|substance|product|qualifier value|observable entity"
    r"|body structure|morphologic abnormality|event|person|record artifact|physical object|organism|specimen"
    r"|environment|occupation|assessment scale|medicinal product|clinical drug)\)$"
)
_LOINC_NOISE = re.compile(
    r"\s*\[(?:[^\]]*/[^\]]*|Presence|Ratio|Interpretation|Percentile|Reported[^\]]*|Score|T-score|Type)\](?=\s|$)"
    r"|\s+(?:by|via)\s+(?:Automated count|Test strip|calculation|Immunologic method)\b"
    r"|\s+\(narrative\)|\s*\{[^}]*\}"
)
# When it was taken, behind the name of a test: a trough is no peak, and lying is not standing.
_LOINC_WHEN = re.compile(r"\s+--\s*(?=[^-\s][^-]*$)")
_DRUG_UNITS = [
    (re.compile(r"(?<=\d)\s?MG\b"), " mg"),
    (re.compile(r"(?<=\d)\s?MCG\b"), " µg"),
    (re.compile(r"(?<=\d)\s?ML\b"), " mL"),
    (re.compile(r"(?<=\d)\s?UNT\b"), " units"),
    (re.compile(r"/ML\b"), "/mL"),
    (re.compile(r"/HR\b"), "/hour"),
    (re.compile(r"\bHR\b"), "hour"),
    (re.compile(r"/ACTUAT\b"), "/puff"),
    (re.compile(r"\bACTUAT\b"), "puffs"),
    (
        re.compile(r"\b(Oral|Topical|Injectable|Ophthalmic|Nasal|Rectal|Vaginal|Intrauterine|Transdermal) (?=[A-Z])"),
        None,
    ),
    (
        re.compile(
            r"\b(Extended Release|Delayed Release|Chewable|Tablet|Capsule|Solution|Suspension|Cream|Ointment|Injection"
            r"|Inhaler|Patch|System|Spray|Powder|Syringe|Metered Dose|Dry|Prefilled|Auto-Injector|Pack|Day|Inhalant)\b"
        ),
        None,
    ),
]


def concept(value: object, fallback: str = "") -> str:
    """Return a CodeableConcept or Coding (or the first of a list) in words; the fallback where it has none."""
    if isinstance(value, list):
        return next((words for item in value if (words := concept(item))), fallback)
    if not isinstance(value, Mapping):
        return fallback
    codings = value.get("coding") or ([value] if "coding" not in value else [])
    codes = {str(coding.get("code")) for coding in codings}
    if (text := str(value.get("text") or "")) and text not in codes:
        return plain(text)
    return next((words for coding in codings if (words := _coding(coding))), fallback)


def without_words(value: object) -> str:
    """Return "No words, only a code: SNOMED CT 260373001" of a CodeableConcept or Coding; "" where it has no code.

    For what was found alone: nobody may take a coded result for none.
    """
    codings = (value.get("coding") or [value]) if isinstance(value, Mapping) else ()
    for one in codings:
        if one.get("code"):
            system = SYSTEMS.get(str(one.get("system", "")), "")
            return str(_("No words, only a code: %(code)s")) % {"code": f"{system} {one['code']}".strip()}
    text = str(value.get("text") or "") if isinstance(value, Mapping) else ""
    return str(_("No words, only a code: %(code)s")) % {"code": text} if text else ""


def concepts(values: object) -> list[str]:
    """Return every CodeableConcept of a list in words, each once."""
    items = values if isinstance(values, list) else [values]
    return list(dict.fromkeys(words for item in items if (words := concept(item))))


def name_of_test(value: object, fallback: str = "") -> str:
    """Return what a test is called: our own name for a common one, else the sender's words."""
    for coding in (value.get("coding") or ()) if isinstance(value, Mapping) else ():
        if coding.get("system") == LOINC and coding.get("code") in _NAMES:
            return str(_NAMES[coding["code"]])
    return concept(value, fallback)


def test_key(value: object) -> str:
    """Return what groups results of one test: its name, or without words its codes; "" where it has neither."""
    return name_of_test(value).casefold() or " ".join(sorted(_bare(value)))


def _bare(value: object) -> set[str]:
    codings = value.get("coding") if isinstance(value, Mapping) else None
    return {f"{one.get('system', '')}|{one['code']}" for one in codings or () if one.get("code")}


def medicine_name(value: object, fallback: str = "") -> str:
    """Return a medicine's name with its strength in units that people write: mg, not MG."""
    words = concept(value, fallback)
    for pattern, sign in _DRUG_UNITS:
        words = pattern.sub(sign if sign is not None else lambda match: match.group().lower(), words)
    return " ".join(words.split())


def has(value: object, *codes: str) -> bool:
    """True when a CodeableConcept (or a list of them, or a Coding) holds one of the codes."""
    if isinstance(value, list):
        return any(has(item, *codes) for item in value)
    if not isinstance(value, Mapping):
        return False
    return any(coding.get("code") in codes for coding in value.get("coding") or [value])


def _coding(coding: Mapping) -> str:
    display, code = str(coding.get("display") or ""), str(coding.get("code") or "")
    if display and display != code:
        return plain(display)
    found = definitions.displays().get(str(coding.get("system", "")), {}).get(code, "")
    return plain(found) if found and found != code else ""


@lru_cache(maxsize=8_000)
def plain(text: str) -> str:
    """Return a display without zero-width spaces, semantic tags and laboratory shorthand, with a capital first."""
    text = " ".join(text.replace("​", "").split())
    text = _TAG.sub("", text)
    cleaned = _LOINC_WHEN.sub(", ", _LOINC_NOISE.sub("", text)).strip()
    text = cleaned or text
    if text.isupper() and text.isalpha() and len(text) > 6:
        text = text.capitalize()
    return text[:1].upper() + text[1:] if text[:2].islower() or not text[:1].isalpha() else text
