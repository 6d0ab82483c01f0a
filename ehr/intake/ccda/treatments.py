"""Sections of what is given: medications and immunizations. Source: C-CDA R2.1; HL7 C-CDA on FHIR 1.1."""

from xml.etree.ElementTree import Element

from .values import Reading, concept, identifiers, moment, named, period, plain, quantity
from .xml import text_of

PRODUCT = "consumable/manufacturedProduct/manufacturedMaterial"
TAKEN = {"completed": "completed", "active": "active", "aborted": "stopped", "suspended": "on-hold", "held": "on-hold"}
GIVEN = {"completed": "completed", "active": "completed", "aborted": "not-done", "cancelled": "not-done"}
UNITS_OF_TIME = frozenset({"s", "min", "h", "d", "wk", "mo", "a"})


def medication(entry: Element, reading: Reading) -> None:
    """Read a medication: what somebody takes, or was told to."""
    for one in entry.findall("substanceAdministration"):
        product = one.find(PRODUCT)
        code = concept(product.find("code"), reading) if product is not None else {}
        if not code and product is not None and text_of(product.find("name")):
            code = {"text": text_of(product.find("name"))}
        if not code:
            continue
        lasted = _lasted(one, reading)
        denied = one.get("negationInd") == "true"
        status = "not-taken" if denied else TAKEN.get(plain(one.find("statusCode")), "unknown")
        reading.add(
            {
                "resourceType": "MedicationStatement",
                "id": named("MedicationStatement", one),
                "identifier": identifiers(one),
                "status": status,
                "medicationCodeableConcept": code,
                "subject": reading.subject,
                "effectivePeriod": lasted,
                "dosage": [dose] if (dose := _dosage(one, reading)) else [],
            }
        )


def _lasted(one: Element, reading: Reading) -> dict:
    """Return how long: of the several times that stand there, the interval."""
    for each in one.findall("effectiveTime"):
        if each.get("xsi:type", "IVL_TS") == "IVL_TS":
            return period(each, reading)
    return {}


def _dosage(one: Element, reading: Reading) -> dict:
    amount, route = quantity(one.find("doseQuantity")), concept(one.find("routeCode"), reading)
    words = reading.original(one.find("text"))
    said = {
        "text": words if len(words) <= 1000 else "",
        "timing": _timing(one),
        "route": route,
        "doseAndRate": [{"doseQuantity": amount}] if amount else [],
    }
    return {name: found for name, found in said.items() if found}


def _timing(one: Element) -> dict:
    for each in one.findall("effectiveTime"):
        every = quantity(each.find("period")) if each.get("xsi:type") == "PIVL_TS" else {}
        if every.get("code") in UNITS_OF_TIME and every["value"] > 0:
            return {"repeat": {"frequency": 1, "period": every["value"], "periodUnit": every["code"]}}
    return {}


def immunization(entry: Element, reading: Reading) -> None:
    """Read an immunization, or that one was not given."""
    for one in entry.findall("substanceAdministration"):
        product = one.find(PRODUCT)
        code = concept(product.find("code"), reading) if product is not None else {}
        if not code or product is None:
            continue
        denied = one.get("negationInd") == "true"
        status = "not-done" if denied else GIVEN.get(plain(one.find("statusCode")), "completed")
        at = next((found for each in one.findall("effectiveTime") if (found := _at(each, reading))), "")
        maker = text_of(one.find("consumable/manufacturedProduct/manufacturerOrganization/name"))
        refusal = next(
            (found for each in one.findall("entryRelationship/observation") if (found := _why(each, reading))), {}
        )
        reading.add(
            {
                "resourceType": "Immunization",
                "id": named("Immunization", one),
                "identifier": identifiers(one),
                "status": status,
                "statusReason": refusal if denied else {},
                "vaccineCode": code,
                "patient": reading.subject,
                **({"occurrenceDateTime": at} if at else {"occurrenceString": "unknown"}),
                "manufacturer": {"display": maker} if maker else {},
                "lotNumber": text_of(product.find("lotNumberText")),
                "route": concept(one.find("routeCode"), reading),
                "doseQuantity": quantity(one.find("doseQuantity")),
            }
        )


def _at(element: Element, reading: Reading) -> str:
    return moment(element, reading) or period(element, reading).get("start", "")


def _why(observation: Element, reading: Reading) -> dict:
    """Return why it was not given: the refusal reason template has it as a code."""
    template = {each.get("root") for each in observation.findall("templateId")}
    return concept(observation.find("code"), reading) if "2.16.840.1.113883.10.20.22.4.53" in template else {}
