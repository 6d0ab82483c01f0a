"""Values in words: quantities, ranges, yes and no, dates; whatever FHIR allows in `value[x]`."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import codes, dates, units

COMPARED = {
    "<": gettext_lazy("below"),
    "<=": gettext_lazy("at most"),
    ">": gettext_lazy("above"),
    ">=": gettext_lazy("at least"),
}


class Found(NamedTuple):
    """A value and its unit in words; `number` where it can be drawn or compared."""

    text: str = ""
    unit: str = ""
    number: Decimal | None = None


def value_of(holder: Mapping, stem: str = "value") -> Found:
    """Return `value[x]` of an element in words; an empty Found where there is none."""
    for name, value in holder.items():
        if name.startswith(stem) and len(name) > len(stem) and name[len(stem)].isupper():
            return in_words(name[len(stem) :], value)
    return Found()


def in_words(kind: str, value: object) -> Found:
    """Return one value of a FHIR type in words."""
    if kind in {"Quantity", "Age", "Duration", "Distance", "Count", "SimpleQuantity"} and isinstance(value, Mapping):
        return quantity(value)
    if kind == "Boolean":
        return Found(_("Yes") if value else _("No"))
    if kind in {"Integer", "Decimal", "PositiveInt", "UnsignedInt"}:
        return Found(number(value), "", _decimal(value))
    if kind in {"CodeableConcept", "Coding"}:
        return Found(codes.concept(value))
    if kind in {"DateTime", "Instant", "Date"}:
        return Found(dates.moment(value))
    if isinstance(value, Mapping):
        return _group(kind, value)
    return Found(
        " ".join(str(value).replace("\\n", " ").split())
        if isinstance(value, str) and kind not in {"Uri", "Url", "Code"}
        else ""
    )


def _group(kind: str, value: Mapping) -> Found:
    """Return a value that is made of several."""
    if kind == "Range":
        return span(value)
    if kind == "Ratio":
        parts = [quantity(value.get(side) or {}) for side in ("numerator", "denominator")]
        return Found(" : ".join(" ".join(part for part in (one.text, one.unit) if part) for one in parts))
    if kind == "Period":
        return Found(dates.span(value))
    if kind == "SampledData":
        return Found(_("A recording"))
    if kind == "Reference":
        return Found(str(value.get("display") or ""))
    return Found()


def quantity(value: Mapping) -> Found:
    """Return a Quantity; "below 5" where it was said to be under what can be measured."""
    if "value" not in value:
        return Found()
    text = number(value["value"])
    if (comparator := value.get("comparator")) in COMPARED:
        text = f"{COMPARED[comparator]} {text}"
    return Found(text, units.unit(value), None if comparator else _decimal(value["value"]))


def span(value: Mapping) -> Found:
    """Return a Range: "70–99", "below 5", "above 40"."""
    low, high = (quantity(value.get(end) or {}) for end in ("low", "high"))
    unit = low.unit or high.unit
    if low.number is not None and high.number is not None and low.number > high.number:
        low, high = high, low  # some senders write them the other way round
    if low.text and high.text:
        return Found(f"{low.text}–{high.text}", unit)
    if low.text:
        return Found(_("at least %(value)s") % {"value": low.text}, unit)
    return Found(_("up to %(value)s") % {"value": high.text}, unit) if high.text else Found()


def number(value: object) -> str:
    """Return a number as people read it: few digits are kept with their zeros, long tails are rounded."""
    amount = _decimal(value)
    if amount is None:
        return ""
    digits = -int(amount.as_tuple().exponent)
    wanted = 1 if abs(amount) >= 100 else 2 if abs(amount) >= 1 else 3
    if digits > 3 or (digits > wanted and abs(amount) >= 100):
        amount = round(amount, wanted)
    text = format(amount, "f") if abs(amount) < Decimal(10) ** 15 else str(amount)
    return text.replace("-", "−")


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() else None
