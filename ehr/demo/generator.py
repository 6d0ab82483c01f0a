"""Makes plausible R4 records out of nothing but a seed: for demos, load tests and benchmarks.

The same seed makes the same records, byte for byte, on any machine. Nobody in them exists.
"""

import base64
import hashlib
import random
import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from ehr.lines.names import person

from . import names, stories
from .stories import Course, Story

LATEST = date(2026, 11, 2)
VISITS = 8
SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"
RXNORM, CVX = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/cvx"
TERMS = "http://terminology.hl7.org/CodeSystem/"
HEALTH_CARD, MRN = "urn:demo:health-card", "urn:demo:medical-record-number"


def patients(count: int, seed: int, *, latest: date = LATEST) -> Iterator[dict]:
    """Yield `count` transaction bundles of about 100 resources, one patient each; the last visit is near `latest`.

    Numbers are Decimals: write them with `ehr.r4.text.dumps`. Every third person has an entry about mental health,
    every fourth a genetic one; each kind of name comes up in turn.
    """
    for number in range(count):
        yield _Record(number, seed, latest).bundle()


def coded(system: str, code: str, display: str) -> dict:
    """Return a CodeableConcept; words alone where there is no code."""
    words = {"text": display}
    return {"coding": [{"system": system, "code": code, "display": display}], **words} if code else words


def concept(system: str, code: str) -> dict:
    """Return a status as FHIR's own code systems have it."""
    return {"coding": [{"system": TERMS + system, "code": code}]}


def amount(value: Decimal, unit: str, said: str = "") -> dict:
    """Return a Quantity in UCUM."""
    return {"value": value, "unit": said or unit, "system": UCUM, "code": unit}


class _Record:
    """One person's record in the making."""

    def __init__(self, number: int, seed: int, latest: date) -> None:
        self.number, self.seed = number, seed
        self.chance = random.Random(f"chartseal demo {seed} {number}")  # noqa: S311 - plausible, not secret
        self.entries: list[dict] = []
        self.name = names.PEOPLE[number % len(names.PEOPLE)]
        self.age = self.chance.randint(24, 86)
        self.last = latest - timedelta(days=self.chance.randint(3, 40))

    def bundle(self) -> dict:
        """Return the whole record as a transaction."""
        self.patient = self.add(self._patient())
        doctor, place = self._doctor(), self._place()
        # As systems send them: a reference says what it refers to, for readers who were shown this part alone.
        self.doctor = {**self.add(doctor), "display": person(doctor["name"])}
        self.place = {**self.add(place), "display": place["name"]}
        self.add(self._coverage())
        visits = [self._visit(self.last - timedelta(days=182 * n + self.chance.randint(0, 20))) for n in range(VISITS)][
            ::-1
        ]
        chosen = self.chance.sample(stories.STORIES, self.chance.randint(1, 3))
        for story in chosen:
            self._story(story, visits)
        self._follow_up([*stories.ROUTINE, *(course for story in chosen for course in story.courses)], visits)
        self._vitals(visits, pressured=any(story.code == "38341003" for story in chosen))
        self._history(visits)
        if self.number % 3 == 0:
            self._low_mood(visits)
        if self.number % 4 == 1:
            self._inherited(visits)
        return {"resourceType": "Bundle", "type": "transaction", "entry": self.entries}

    def add(self, resource: dict) -> dict:
        """Add a resource to the bundle; return the reference to it."""
        key = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        kind = resource.pop("resourceType")
        self.entries.append(
            {
                "fullUrl": f"urn:uuid:{key}",
                "resource": {"resourceType": kind, "id": key, **resource},
                "request": {"method": "POST", "url": kind},
            }
        )
        return {"reference": f"urn:uuid:{key}"}

    # --- Who and where --------------------------------------------------------------------------------
    def _patient(self) -> dict:
        digest = hashlib.sha256(f"{self.seed} {self.number}".encode()).hexdigest()
        town, state, code = self.chance.choice(names.TOWNS)
        street = self.chance.choice(names.STREETS)
        name: dict[str, object] = {"use": "official", "family": self.name.family}
        if self.name.given:
            name["given"] = list(self.name.given)
        return {
            "resourceType": "Patient",
            "identifier": [
                {"system": HEALTH_CARD, "value": f"{int(digest[:10], 16) % 10**8:08d}{self.number:04d}"},
                {"system": MRN, "value": f"M-{self.seed}-{self.number:06d}"},
            ],
            "name": [name],
            "telecom": [{"system": "phone", "value": f"902 555 {self.chance.randint(100, 9999):04d}", "use": "mobile"}],
            "gender": self.name.sex,
            "birthDate": (self.last - timedelta(days=self.age * 365 + self.chance.randint(0, 364))).isoformat(),
            "address": [{"line": [street], "city": town, "state": state, "postalCode": code, "country": "CA"}],
            "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": self.name.language}]}}],
        }

    def _doctor(self) -> dict:
        prefix, given, family = self.chance.choice(names.CLINICIANS)
        return {"resourceType": "Practitioner", "name": [{"prefix": [prefix], "given": [given], "family": family}]}

    def _place(self) -> dict:
        kind = coded(TERMS + "organization-type", "prov", "Healthcare Provider")
        return {
            "resourceType": "Organization",
            "active": True,
            "type": [kind],
            "name": self.chance.choice(names.PLACES),
        }

    def _coverage(self) -> dict:
        payer = {"display": "Provincial Health Plan"}
        return {"resourceType": "Coverage", "status": "active", "beneficiary": self.patient, "payor": [payer]}

    def _visit(self, on: date) -> tuple[date, dict]:
        start = datetime.combine(on, time(self.chance.randint(8, 16), self.chance.choice((0, 15, 30, 45))))
        reference = self.add(
            {
                "resourceType": "Encounter",
                "status": "finished",
                "class": {"system": TERMS + "v3-ActCode", "code": "AMB", "display": "ambulatory"},
                "type": [coded(SNOMED, "390906007", "Follow-up encounter")],
                "subject": self.patient,
                "participant": [{"individual": self.doctor}],
                "period": {"start": f"{start.isoformat()}Z", "end": f"{(start + timedelta(minutes=20)).isoformat()}Z"},
                "serviceProvider": self.place,
            }
        )
        return on, reference

    # --- What is the matter -----------------------------------------------------------------------------
    def _condition(self, code: str, display: str, since: date, *, until: date | None = None) -> dict:
        condition = {
            "resourceType": "Condition",
            "clinicalStatus": concept("condition-clinical", "resolved" if until else "active"),
            "verificationStatus": concept("condition-ver-status", "confirmed"),
            "category": [concept("condition-category", "problem-list-item")],
            "code": coded(SNOMED, code, display),
            "subject": self.patient,
            "onsetDateTime": since.isoformat(),
            "recorder": self.doctor,
        }
        return self.add(condition | ({"abatementDateTime": until.isoformat()} if until else {}))

    def _story(self, story: Story, visits: list[tuple[date, dict]]) -> None:
        """A condition since the first visit, its medicine, a plan and a goal."""
        since, encounter = visits[0]
        reason = self._condition(story.code, story.display, since)
        if story.medicine:
            self._prescribe(story.medicine, reason, since, encounter)
        goal = self.add(
            {
                "resourceType": "Goal",
                "lifecycleStatus": "active",
                "achievementStatus": concept("goal-achievement", "improving"),
                "description": {"text": "Values back in the usual range"},
                "subject": self.patient,
                "startDate": since.isoformat(),
                "addresses": [reason],
            }
        )
        self.add(
            {
                "resourceType": "CarePlan",
                "status": "active",
                "intent": "plan",
                "title": story.plan,
                "subject": self.patient,
                "period": {"start": since.isoformat()},
                "addresses": [reason],
                "goal": [goal],
            }
        )

    def _prescribe(self, medicine, reason: dict, on: date, encounter: dict, *, status: str = "active") -> None:
        repeat = {"frequency": medicine.a_day, "period": 1, "periodUnit": "d"}
        dose = {"doseQuantity": {"value": 1, "unit": medicine.dose}}
        self.add(
            {
                "resourceType": "MedicationRequest",
                "status": status,
                "intent": "order",
                "medicationCodeableConcept": coded(RXNORM, medicine.code, medicine.display),
                "subject": self.patient,
                "encounter": encounter,
                "authoredOn": on.isoformat(),
                "requester": self.doctor,
                "reasonReference": [reason],
                "dosageInstruction": [{"timing": {"repeat": repeat}, "doseAndRate": [dose]}],
            }
        )

    # --- What was measured ---------------------------------------------------------------------------------
    def _observation(self, on: date, encounter: dict, kind: str, code: dict, **value: object) -> dict:
        return self.add(
            {
                "resourceType": "Observation",
                "status": "final",
                "category": [concept("observation-category", kind)],
                "code": code,
                "subject": self.patient,
                "encounter": encounter,
                "effectiveDateTime": on.isoformat(),
                **value,
            }
        )

    def _follow_up(self, courses: list[Course], visits: list[tuple[date, dict]]) -> None:
        """The tests of each visit, going their course, and a report that holds them."""
        for step, (on, encounter) in enumerate(visits):
            results = [self._result(course, step / (len(visits) - 1), on, encounter) for course in courses]
            self.add(
                {
                    "resourceType": "DiagnosticReport",
                    "status": "final",
                    "category": [coded(TERMS + "v2-0074", "LAB", "Laboratory")],
                    "code": {"text": "Blood test"},
                    "subject": self.patient,
                    "encounter": encounter,
                    "effectiveDateTime": on.isoformat(),
                    "result": results,
                }
            )

    def _result(self, course: Course, share: float, on: date, encounter: dict) -> dict:
        test = course.test
        middle = course.start + (course.end - course.start) * share
        value = self._number(middle + self.chance.uniform(-course.wavering, course.wavering), test.digits)
        usual = {
            end: amount(Decimal(limit), test.unit) for end, limit in (("low", test.low), ("high", test.high)) if limit
        }
        said = _interpretation(value, test.low, test.high)
        return self._observation(
            on,
            encounter,
            "laboratory",
            coded(LOINC, test.code, test.display),
            valueQuantity=amount(value, test.unit),
            interpretation=[coded(TERMS + "v3-ObservationInterpretation", *said)],
            referenceRange=[usual],
        )

    def _number(self, value: float, digits: int) -> Decimal:
        return Decimal(str(round(value, digits))).quantize(Decimal(1).scaleb(-digits))

    def _vitals(self, visits: list[tuple[date, dict]], *, pressured: bool) -> None:
        """Blood pressure and weight at each visit; pressure that was high comes down."""
        weight = self.chance.uniform(52, 98)
        for step, (on, encounter) in enumerate(visits):
            upper = (158 - 3.5 * step if pressured else 122) + self.chance.uniform(-4, 4)
            parts = [
                {"code": coded(LOINC, code, display), "valueQuantity": amount(self._number(value, 0), "mm[Hg]", "mmHg")}
                for code, display, value in (
                    ("8480-6", "Systolic blood pressure", upper),
                    ("8462-4", "Diastolic blood pressure", upper * 0.62),
                )
            ]
            self._observation(
                on, encounter, "vital-signs", coded(LOINC, "85354-9", "Blood pressure panel"), component=parts
            )
            kilos = self._number(weight + self.chance.uniform(-1.5, 1.5), 1)
            self._observation(
                on, encounter, "vital-signs", coded(LOINC, "29463-7", "Body weight"), valueQuantity=amount(kilos, "kg")
            )

    # --- What happened ----------------------------------------------------------------------------------------
    def _history(self, visits: list[tuple[date, dict]]) -> None:
        self._allergies(visits[0][0])
        for (on, encounter), (code, display) in zip(visits[::2], stories.VACCINES, strict=True):
            self.add(
                {
                    "resourceType": "Immunization",
                    "status": "completed",
                    "vaccineCode": coded(CVX, code, display),
                    "patient": self.patient,
                    "encounter": encounter,
                    "occurrenceDateTime": on.isoformat(),
                    "primarySource": True,
                }
            )
        for on, _encounter in self.chance.sample(visits[1:], 2):
            code, display = self.chance.choice(stories.PASSING)
            self._condition(
                code, display, on - timedelta(days=2), until=on + timedelta(days=self.chance.randint(5, 20))
            )
        smoking = self.chance.choice((("266919005", "Never smoker"), ("8517006", "Former smoker")))
        on, encounter = visits[-1]
        status = coded(LOINC, "72166-2", "Tobacco smoking status")
        self._observation(on, encounter, "social-history", status, valueCodeableConcept=coded(SNOMED, *smoking))
        for on, encounter in visits[-3:]:
            self._note(on, encounter, "11506-3", "Progress note", self.chance.choice(stories.NOTES))

    def _allergies(self, on: date) -> None:
        """Up to two allergies, or the statement that there are none."""
        found = self.chance.sample(stories.ALLERGIES, self.chance.choice((0, 1, 1, 2)))
        status = {
            "clinicalStatus": concept("allergyintolerance-clinical", "active"),
            "verificationStatus": concept("allergyintolerance-verification", "confirmed"),
            "patient": self.patient,
            "recordedDate": on.isoformat(),
        }
        if not found:
            self.add(
                {"resourceType": "AllergyIntolerance", **status, "code": coded(SNOMED, "716186003", "No known allergy")}
            )
        for code, display, kind, risk, reaction in found:
            told = {"category": [kind], "criticality": risk, "reaction": [{"manifestation": [{"text": reaction}]}]}
            self.add({"resourceType": "AllergyIntolerance", **status, "code": coded(SNOMED, code, display), **told})

    def _note(self, on: date, encounter: dict, code: str, display: str, words: str) -> None:
        data = base64.b64encode(words.encode()).decode()
        self.add(
            {
                "resourceType": "DocumentReference",
                "status": "current",
                "type": coded(LOINC, code, display),
                "subject": self.patient,
                "date": f"{on.isoformat()}T17:00:00Z",
                "author": [self.doctor],
                "content": [
                    {"attachment": {"contentType": "text/plain; charset=utf-8", "data": data, "title": display}}
                ],
                "context": {"encounter": [encounter]},
            }
        )

    # --- What is sensitive ------------------------------------------------------------------------------------
    def _low_mood(self, visits: list[tuple[date, dict]]) -> None:
        """A depression that gets better, with its medicine and its scores."""
        since, encounter = visits[2]
        reason = self._condition("370143000", "Major depressive disorder (disorder)", since)
        self._prescribe(stories.Medicine("Sertraline 50 MG Oral Tablet", "", "tablet", 1), reason, since, encounter)
        score = coded(LOINC, "44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]")
        for step, (on, seen) in enumerate(visits[2:]):
            points = amount(Decimal(max(17 - 3 * step + self.chance.randint(-1, 1), 2)), "{score}")
            self._observation(on, seen, "survey", score, valueQuantity=points)

    def _inherited(self, visits: list[tuple[date, dict]]) -> None:
        """A genetic test, and the relative who was the reason for it."""
        on, encounter = visits[4]
        variant = coded(LOINC, "69548-6", "Genetic variant assessment")
        answer = {"text": "BRCA1 variant not found"}
        self._observation(on, encounter, "laboratory", variant, valueCodeableConcept=answer)
        years = {"value": 48, "unit": "years", "system": UCUM, "code": "a"}
        cancer = {"code": coded(SNOMED, "254837009", "Malignant neoplasm of breast (disorder)"), "onsetAge": years}
        self.add(
            {
                "resourceType": "FamilyMemberHistory",
                "status": "completed",
                "patient": self.patient,
                "date": on.isoformat(),
                "relationship": coded(TERMS + "v3-RoleCode", "MTH", "mother"),
                "condition": [cancer],
            }
        )


def _interpretation(value: Decimal, low: str | None, high: str | None) -> tuple[str, str]:
    if high is not None and value > Decimal(high):
        return "H", "High"
    return ("L", "Low") if low is not None and value < Decimal(low) else ("N", "Normal")
