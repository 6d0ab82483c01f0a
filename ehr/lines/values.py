"""Values in words: quantities, ranges, yes and no, dates; whatever FHIR allows in `value[x]`."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
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
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_ABSENT_CODE = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason"}
SIGNIFICANT = 4  # digits of a number with a long tail
LONGEST = 15  # digits before the point that are written out for a number that was sent with an exponent
SMALLEST = -30  # places behind the point that are written out
_ROOMY = Context(prec=1_000)  # no number that JSON may hold is too long for it


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


def absent(holder: Mapping, stem: str = "value") -> str:
    """Return "No value (masked)" where an element says why it has no `value[x]`; "" where it says nothing."""
    if reason := holder.get("dataAbsentReason"):
        why = codes.concept(reason).lower()
        return _("No value (%(why)s)") % {"why": why} if why else _("No value")
    for name, value in holder.items():
        if name.removeprefix("_").startswith(stem) and isinstance(value, Mapping):
            inside = [value, value.get("_value")]
            for one in [one for part in inside if isinstance(part, Mapping) for one in part.get("extension") or ()]:
                if isinstance(one, Mapping) and one.get("url") == ABSENT:
                    return absent({"dataAbsentReason": {"coding": [_ABSENT_CODE | {"code": one.get("valueCode")}]}})
    return ""


def in_words(kind: str, value: object) -> Found:
    """Return one value of a FHIR type in words."""
    if kind in {"Quantity", "Age", "Duration", "Distance", "Count", "SimpleQuantity"} and isinstance(value, Mapping):
        return quantity(value)
    if kind == "Boolean":
        return Found(_("Yes") if value else _("No"))
    if kind in {"Integer", "Decimal", "PositiveInt", "UnsignedInt"}:
        return Found(number(value), "", _decimal(value))
    if kind in {"CodeableConcept", "Coding"}:
        return Found(codes.concept(value) or codes.without_words(value))
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


def quantity(value: Mapping, *, exactly: bool = False) -> Found:
    """Return a Quantity; "below 5" where it was said to be under what can be measured; a dose `exactly` as sent."""
    if "value" not in value:
        return Found()
    text = exact(value["value"]) if exactly else number(value["value"])
    if (comparator := value.get("comparator")) in COMPARED:
        text = f"{COMPARED[comparator]} {text}"
    return Found(text, units.unit(value), None if comparator else _decimal(value["value"]))


def span(value: Mapping, *, exactly: bool = False) -> Found:
    """Return a Range: "70–99", "below 5", "above 40"."""
    low, high = (quantity(value.get(end) or {}, exactly=exactly) for end in ("low", "high"))
    unit = low.unit or high.unit
    if low.number is not None and high.number is not None and low.number > high.number:
        low, high = high, low  # some senders write them the other way round
    if low.text and high.text:
        return Found(f"{low.text}–{high.text}", unit)
    if low.text:
        return Found(_("at least %(value)s") % {"value": low.text}, unit)
    return Found(_("up to %(value)s") % {"value": high.text}, unit) if high.text else Found()


def number(value: object) -> str:
    """Return a result as people read it: few digits are kept with their zeros, long tails are rounded, never to 0."""
    amount = _decimal(value)
    return "" if amount is None else _digits(_without_tail(amount))


def exact(value: object) -> str:
    """Return a number as it was sent, digit for digit: a dose is never rounded."""
    amount = _decimal(value)
    return "" if amount is None else _digits(amount)


def _without_tail(amount: Decimal) -> Decimal:
    """Return a number with a long tail to four digits that count and one place at least; any other as it is."""
    places, size = -int(amount.as_tuple().exponent), amount.adjusted()
    kept = max(SIGNIFICANT - 1 - size, 1)
    if places <= max(kept, 1 if size >= 2 else 3) or size < SMALLEST:
        return amount
    rounded = amount.quantize(Decimal(1).scaleb(-kept), ROUND_HALF_UP, _ROOMY)
    # The zeros that rounding leaves were not measured: 6.299999999 is 6.3.
    return Decimal(format(rounded, "f").rstrip("0").rstrip("."))


def _digits(amount: Decimal) -> str:
    """Return all digits of a number; with an exponent only where they would be a page of zeros."""
    long = amount.adjusted() >= SMALLEST and (int(amount.as_tuple().exponent) <= 0 or amount.adjusted() < LONGEST)
    return (format(amount, "f") if long else str(amount)).replace("-", "−")


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() else None
