"""Which texts are codes of a public system. A text that merely stands where a code belongs is none.

Check digits are checked where a system has them; where it has none, the form is all that can be told, and the rule that
a code of few people is withheld stands behind it.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from importlib import resources

_VERHOEFF_PRODUCT = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PLACE = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


@cache
def _units() -> frozenset[str]:
    return frozenset(json.loads(resources.files(__package__).joinpath("data", "units.json").read_text())["units"])


def _formed(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.fullmatch(text) is not None


def _is_loinc(text: str) -> bool:
    """Source: LOINC Users' Guide, appendix C (mod 10 check digit)."""
    if not re.fullmatch(r"[0-9]{1,7}-[0-9]", text, re.ASCII):
        return False
    number, _, check = text.partition("-")
    doubled = [sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(number))]
    return (10 - sum(doubled) % 10) % 10 == int(check)


def _is_snomed(text: str) -> bool:
    """A concept's id. Source: SNOMED CT Technical Implementation Guide, SCTID (partition 00 or 10, Verhoeff)."""
    if not re.fullmatch(r"[1-9][0-9]{5,17}", text, re.ASCII) or text[-3:-1] not in ("00", "10"):
        return False
    check = 0
    for place, digit in enumerate(reversed(text)):
        check = int(_VERHOEFF_PRODUCT[check][int(_VERHOEFF_PLACE[place % 8][int(digit)])])
    return check == 0


SYSTEMS: dict[str, Callable[[str], bool]] = {
    "http://loinc.org": _is_loinc,
    "http://snomed.info/sct": _is_snomed,
    "http://www.nlm.nih.gov/research/umls/rxnorm": _formed(r"[1-9][0-9]{1,6}"),
    "http://hl7.org/fhir/sid/icd-10-cm": _formed(r"[A-TV-Z][0-9][0-9AB](\.[0-9A-TV-Z]{1,4})?"),
    "http://hl7.org/fhir/sid/cvx": _formed(r"[0-9]{2,3}"),
    "http://www.whocc.no/atc": _formed(r"[A-DGHJLMNPRSV][0-9]{2}[A-Z]{2}[0-9]{2}"),
    "http://unitsofmeasure.org": lambda text: text in _units(),
}
SEXES = ("male", "female", "other", "unknown")
# Source: USPS Publication 28, appendix B; states, the District of Columbia and Puerto Rico.
STATES = (
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS", "KY",
    "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH",
    "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY",
)  # fmt: skip
