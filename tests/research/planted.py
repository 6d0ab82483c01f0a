"""Records of every R4 type that hold an identifier in every element: what no release may ever show."""

import base64
import re
from collections.abc import Iterator
from functools import cache
from itertools import count

from ehr.r4 import definitions

DEEPEST = 2
# The 18 identifiers of 45 CFR 164.514(b)(2)(i), in the order of the rule; each takes a number.
IDENTIFIERS = {
    "names": "Wilhelmina Quuxington-{:05}",
    "geographic subdivisions": "{:05} Quuxington Lane, Apt 4",
    "dates": "1931-02-{:05}",
    "telephone numbers": "+1 555 0147 {:05}",
    "fax numbers": "fax 555-0199-{:05}",
    "e-mail addresses": "w.quuxington{:05}@example.org",
    "social security numbers": "9876{:05}",
    "record numbers": "MRN-00{:05}",
    "health plan numbers": "HP{:05}W",
    "account numbers": "ACC-{:05}-77",
    "licence numbers": "LIC{:05}",
    "vehicles": "QZX {:05}",
    "devices": "SN-{:05}-9931",
    "web addresses": "https://example.org/people/{:05}",
    "IP addresses": "2001:db8::{:05}",
    "biometrics": "iris-{:05}-template",
    "photographs": "photo-{:05}.jpg",
    "any other number": "{:05}-86431-QX",
}
_FORMS = list(IDENTIFIERS.values())
_MOMENTS = {"date": "1931-02-03", "dateTime": "1931-02-03T04:05:06Z", "instant": "1931-02-03T04:05:06.789Z"}


# What every record, or every group, has by itself.
_APART = frozenset({"id", "contained", "extension", "modifierExtension", "text"})


class Planting:
    """Makes records and remembers every text and number that was put into them."""

    def __init__(self, deepest: int = DEEPEST):
        self._numbers, self._deepest = count(1), deepest
        self.texts: set[str] = set()
        self.numbers: set[int] = set()
        self.dates = {moment[:10] for moment in _MOMENTS.values()}

    def record(self, kind: str) -> dict:
        """Return a record of a type with all its elements, extensions, a contained record and a narrative."""
        made = {"resourceType": kind, "id": self._text(), **self._group(kind, 0)}
        fields = definitions.parts()[kind]
        if "contained" in fields:
            made["contained"] = [{"resourceType": "Patient", "id": self._text(), **self._group("Patient", 2)}]
        if "text" in fields and fields["text"].type == "Narrative":
            made["text"] = {"status": "additional", "div": f"<div>{self._text()}</div>"}
        if "extension" in fields:
            made["extension"] = [{"url": self._text(), "valueString": self._text(), "extension": [self._extension()]}]
        if "modifierExtension" in fields:
            made["modifierExtension"] = [self._extension()]
        return made

    def _extension(self) -> dict:
        return {"url": self._text(), "valueHumanName": {"text": self._text()}}

    def _text(self) -> str:
        number = next(self._numbers)
        made = _FORMS[number % len(_FORMS)].format(number)
        self.texts.add(made)
        return made

    def _group(self, part: str, depth: int) -> dict:
        made = {}
        fields = definitions.parts().get(part, {})
        for name, field in fields.items():
            if name == "text" and field.type == "string":
                made[name] = self._text()
            elif name not in _APART and (value := self._value(field, depth)) is not None:
                made[name] = [value] if field.many else value
        if depth and "extension" in fields:
            made["extension"] = [self._extension()]
            plain = next((name for name, value in made.items() if isinstance(value, str)), "id")
            made[f"_{plain}"] = {"extension": [self._extension()]}
        return made

    def _value(self, field: definitions.Field, depth: int) -> object:
        if field.type in _MOMENTS:
            return _MOMENTS[field.type]
        if field.type == "boolean":
            return True
        if field.type in ("integer", "decimal", "positiveInt", "unsignedInt"):
            number = 987650000 + next(self._numbers)
            self.numbers.add(number)
            return number
        if field.type == "base64Binary":
            made = base64.b64encode(self._text().encode()).decode()
            self.texts.add(made)
            return made
        if field.type in definitions.parts():
            return self._group(field.type, depth + 1) or None if depth < self._deepest else None
        return None if field.type == "Resource" else self._text()


def texts(value: object) -> Iterator[str]:
    """Yield every text in a record, wherever it stands."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def places(value: object) -> Iterator[str]:
    """Yield the names of the elements in a record that something stands in; those beside a primitive as "_"."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "_" if name.startswith("_") else name
            yield from places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from places(inner)


# Among letters and digits, digits are a pseudonym's or a digest's.
_FORMED = re.compile(
    "|".join(
        (r"(?<![0-9A-Za-z])%s(?![0-9A-Za-z])" if form.replace("{:05}", "").isdigit() else "%s")
        % re.escape(form).replace(re.escape("{:05}"), "[0-9]{5,}")
        for form in _FORMS
    )
)
_ENCODED = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")


def told(text: str) -> Iterator[str]:
    """Yield each piece of a text that has the form of something planted."""
    for form in (_FORMED, _ENCODED, re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")):
        yield from form.findall(text)


@cache
def paths(part: str, depth: int = 0) -> tuple[tuple[str, str], ...]:
    """Return (path, type) of the primitive elements of a type, down to the second step."""
    found = []
    for name, field in definitions.parts().get(part, {}).items():
        step = f"{field.choice}.ofType({name.removeprefix(field.choice)})" if field.choice else name
        if field.type in definitions.parts():
            if depth < 1:
                found += [(f"{step}.{inner}", kind) for inner, kind in paths(field.type, depth + 1)]
        else:
            found.append((step, field.type))
    return tuple(found)
