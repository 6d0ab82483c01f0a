"""What can be the matter with people of the demo: conditions with the medicines and tests that belong to them.

Plausible, not clinical advice. Codes: SNOMED CT, LOINC, RxNorm where they are certain, else words alone. Reference
ranges: usual adult ranges of hospital laboratories.
"""

from typing import NamedTuple


class Test(NamedTuple):
    """A test: LOINC code, display, unit (UCUM), usual range, digits after the point."""

    code: str
    display: str
    unit: str
    low: str | None
    high: str | None
    digits: int


class Course(NamedTuple):
    """How a test goes: where it starts, where it ends, and how much it wavers."""

    test: Test
    start: float
    end: float
    wavering: float


class Medicine(NamedTuple):
    """A medicine: words, RxNorm code or "", how much of what, how often a day."""

    display: str
    code: str
    dose: str
    a_day: int


class Story(NamedTuple):
    """One condition and what follows from it."""

    code: str
    display: str
    medicine: Medicine | None
    courses: tuple[Course, ...]
    plan: str


A1C = Test("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", "4.0", "5.6", 1)
GLUCOSE = Test("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "70", "99", 0)
CREATININE = Test("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "0.60", "1.30", 2)
POTASSIUM = Test("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "3.5", "5.1", 1)
SODIUM = Test("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "136", "145", 0)
CHOLESTEROL = Test("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", None, "200", 0)
LDL = Test("13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation", "mg/dL", None, "130", 0)
HDL = Test("2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", "40", None, 0)
TSH = Test("3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", "0.40", "4.00", 2)
HEMOGLOBIN = Test("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "12.0", "16.0", 1)
FERRITIN = Test("2276-4", "Ferritin [Mass/volume] in Serum or Plasma", "ng/mL", "15", "150", 0)
EGFR = Test("33914-3", "Glomerular filtration rate/1.73 sq M.predicted", "mL/min/{1.73_m2}", "60", None, 0)
URATE = Test("3084-1", "Urate [Mass/volume] in Serum or Plasma", "mg/dL", "3.5", "7.2", 1)
VITAMIN_D = Test("1989-3", "25-hydroxyvitamin D3 [Mass/volume] in Serum or Plasma", "ng/mL", "30", "100", 0)
SPIROMETRY = Test("19926-5", "FEV1/FVC", "%", "70", None, 0)
ROUTINE = (Course(SODIUM, 140, 140, 2), Course(POTASSIUM, 4.2, 4.2, 0.3), Course(CREATININE, 0.9, 0.9, 0.08))

STORIES = (
    Story(
        "44054006",
        "Diabetes mellitus type 2 (disorder)",
        Medicine("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", "860975", "tablet", 2),
        (Course(A1C, 8.6, 6.6, 0.2), Course(GLUCOSE, 178, 112, 9)),
        "Diabetes self management plan",
    ),
    Story(
        "38341003",
        "Hypertensive disorder (disorder)",
        Medicine("Lisinopril 10 MG Oral Tablet", "314076", "tablet", 1),
        (Course(EGFR, 82, 76, 3),),
        "Lifestyle education regarding hypertension",
    ),
    Story(
        "55822004",
        "Hyperlipidemia (disorder)",
        Medicine("Atorvastatin 20 MG Oral Tablet", "617310", "tablet", 1),
        (Course(CHOLESTEROL, 262, 188, 8), Course(LDL, 171, 104, 7), Course(HDL, 41, 48, 2)),
        "Hyperlipidemia clinical management plan",
    ),
    Story(
        "40930008",
        "Hypothyroidism (disorder)",
        Medicine("Levothyroxine Sodium 0.05 MG Oral Tablet", "", "tablet", 1),
        (Course(TSH, 9.8, 2.1, 0.4),),
        "Thyroid follow-up",
    ),
    Story(
        "195967001",
        "Asthma (disorder)",
        Medicine("200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", "745679", "puff", 2),
        (Course(SPIROMETRY, 66, 78, 2),),
        "Asthma self management",
    ),
    Story(
        "87522002",
        "Iron deficiency anemia (disorder)",
        Medicine("Ferrous sulfate 325 MG Oral Tablet", "310325", "tablet", 1),
        (Course(HEMOGLOBIN, 9.6, 13.1, 0.3), Course(FERRITIN, 7, 58, 4)),
        "Iron-rich diet",
    ),
    Story(
        "90560007",
        "Gout (disorder)",
        Medicine("Allopurinol 100 MG Oral Tablet", "197319", "tablet", 1),
        (Course(URATE, 9.1, 5.8, 0.4),),
        "Gout care",
    ),
    Story(
        "34713006",
        "Vitamin D deficiency (disorder)",
        Medicine("Cholecalciferol 1000 UNT Oral Capsule", "", "capsule", 1),
        (Course(VITAMIN_D, 14, 39, 3),),
        "Vitamin D supplementation",
    ),
)
PASSING = (
    ("444814009", "Viral sinusitis (disorder)"),
    ("44465007", "Sprain of ankle (disorder)"),
    ("10509002", "Acute bronchitis (disorder)"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
)
ALLERGIES = (
    ("91936005", "Allergy to penicillin", "medication", "high", "Hives"),
    ("91935009", "Allergy to peanuts", "food", "high", "Swelling of the lips"),
    ("232347008", "Dander (animal) allergy", "environment", "low", "Sneezing"),
    ("300913006", "Shellfish allergy", "food", "low", "Skin rash"),
)
VACCINES = (
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("113", "Td (adult) preservative free"),
    ("133", "Pneumococcal conjugate PCV 13"),
    ("121", "zoster"),
)
NOTES = (
    "Feels well. Sleeps and eats well. Takes the medicines as agreed. Next visit in six months.",
    "Some tiredness in the afternoon. We went through the results together and agreed to go on as before.",
    "Asked about side effects. None that trouble daily life. Blood test before the next visit.",
)
