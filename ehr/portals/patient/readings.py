"""What a person measures at home, and the FHIR Observation each reading becomes. Codes: LOINC; units: UCUM."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@dataclass(frozen=True)
class Unit:
    """A unit with the least and the greatest value somebody could mean in it, and the code of a test in that unit."""

    shown: str
    ucum: str
    least: Decimal
    most: Decimal
    code: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Part:
    """One number of a reading: its name in the form, LOINC code and display, and the units it may be in."""

    slug: str
    name: str
    code: tuple[str, str]
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Reading:
    """A kind of reading. With several parts it becomes one Observation with components."""

    slug: str
    name: str
    hint: str
    code: tuple[str, str]
    parts: tuple[Part, ...]
    laboratory: bool = False


def _unit(shown: str, ucum: str, least: str, most: str, code: tuple[str, str] = ("", "")) -> Unit:
    return Unit(shown, ucum, Decimal(least), Decimal(most), code)


def _one(slug, name, hint, code, *units: Unit, laboratory: bool = False) -> Reading:
    return Reading(slug, name, hint, code, (Part("value", name, code, units),), laboratory)


_PRESSURE = (_unit("mmHg", "mm[Hg]", "20", "300"),)

READINGS = {
    reading.slug: reading
    for reading in (
        Reading(
            "blood-pressure",
            _("Blood pressure"),
            _("Two numbers, such as 120 over 80"),
            ("85354-9", "Blood pressure panel with all children optional"),
            (
                Part("upper", _("Upper number"), ("8480-6", "Systolic blood pressure"), _PRESSURE),
                Part("lower", _("Lower number"), ("8462-4", "Diastolic blood pressure"), _PRESSURE),
            ),
        ),
        _one(
            "weight",
            _("Weight"),
            _("In kilograms or pounds"),
            ("29463-7", "Body weight"),
            _unit("kg", "kg", "0.3", "500"),
            _unit("lb", "[lb_av]", "0.7", "1100"),
        ),
        _one(
            "temperature",
            _("Temperature"),
            _("In °C or °F"),
            ("8310-5", "Body temperature"),
            _unit("°C", "Cel", "25", "45"),
            _unit("°F", "[degF]", "77", "113"),
        ),
        _one("pulse", _("Pulse"), _("Beats in a minute"), ("8867-4", "Heart rate"), _unit("/min", "/min", "20", "300")),
        _one(
            "blood-sugar",
            _("Blood sugar"),
            _("From a finger prick, in mmol/L or mg/dL"),
            ("15074-8", "Glucose [Moles/volume] in Blood"),
            _unit("mmol/L", "mmol/L", "0.5", "60", ("15074-8", "Glucose [Moles/volume] in Blood")),
            _unit("mg/dL", "mg/dL", "9", "1100", ("2339-0", "Glucose [Mass/volume] in Blood")),
            laboratory=True,
        ),
        _one(
            "oxygen",
            _("Oxygen"),
            _("From a clip on the finger, in %"),
            ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
            _unit("%", "%", "40", "100"),
        ),
    )
}


def observation(
    reading: Reading, numbers: Mapping[str, tuple[Decimal, Unit]], *, at: datetime, note: str = ""
) -> dict[str, object]:
    """Return the reading as a FHIR R4 Observation; `numbers` maps each part to its value and unit. `at` is aware."""
    kind = ("laboratory", "Laboratory") if reading.laboratory else ("vital-signs", "Vital Signs")
    resource: dict[str, object] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": kind[0], "display": kind[1]}]}],
        "effectiveDateTime": at.isoformat(timespec="seconds"),
    }
    if len(reading.parts) == 1:
        value, unit = numbers[reading.parts[0].slug]
        code = unit.code if unit.code[0] else reading.code
        resource |= {"code": _code(code, reading.name), "valueQuantity": _quantity(value, unit)}
    else:
        resource["code"] = _code(reading.code, reading.name)
        resource["component"] = [
            {"code": _code(part.code, part.name), "valueQuantity": _quantity(*numbers[part.slug])}
            for part in reading.parts
        ]
    if note:
        resource["note"] = [{"text": note}]
    return resource


def _code(code: tuple[str, str], text: str) -> dict[str, object]:
    return {"coding": [{"system": LOINC, "code": code[0], "display": code[1]}], "text": str(text)}


def _quantity(value: Decimal, unit: Unit) -> dict[str, object]:
    return {"value": value, "unit": unit.shown, "system": UCUM, "code": unit.ucum}
