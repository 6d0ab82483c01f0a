"""Writes docs/fhir-search.md: which search parameters and modifiers each type has, and what is left out, and why.

python -m ehr.r4.table > docs/fhir-search.md
"""

import sys
from collections.abc import Iterator

from . import parameters
from .parameters import LEFT_OUT, Parameter

LONGEST = 8  # types named in a cell; an extension's value may be of any

HEAD = """# FHIR search

What can be searched, type by type. `python -m ehr.r4.table > docs/fhir-search.md` writes this page from the code that
answers searches, and a test compares the two. The parameters are FHIR R4's own and those that US Core 7.0.0 adds; how
each is read stands in the [R4 specification](https://hl7.org/fhir/R4/search.html). Where it leaves a choice, this is
ours:

- **Prefixes**: date, number and quantity take `eq ne gt lt ge le sa eb ap`. `ap` reaches a tenth of the value, or of
  the time between the date and now. Without a prefix a number means what its digits say: `100` is 99.5 up to 100.5,
  `100.00` is 99.995 up to 100.005, `1e2` is 95 up to 105.
- **Dates** are compared as spans of time. One without a zone, in a query or in a resource, is UTC. An instant is a
  point.
- **Strings** match from their start; names and addresses also from the start of a later word. Case, accents,
  punctuation and repeated spaces do not count, except for `:exact`.
- **Tokens** match without regard to case (`_id` with), for R4 prefers finding too much. An element of type `code` also
  answers to the code system that its binding implies: `status=http://hl7.org/fhir/observation-status|final`.
- **References** match `id`, `Type/id`, an absolute address and a canonical; without a version, any version. They take
  `:[type]`, chains (`patient.name`, at most four links), `_has`, `_include` and `_revinclude`.
- **Quantities** match units as they were written; `5.4||mg` looks at code and unit. Units are not converted: that needs
  UCUM's tables, and a wrong conversion would hide a result.
- **URIs**: `:below` and `:above` go by path. A canonical without a version takes in all of them.
- **Composites** join values by `$`; each part follows its own type, without modifiers.
- **`near`** is `latitude|longitude|distance|unit`, 10 km where no distance is named, measured on a sphere.
- A parameter that is repeated narrows, a comma widens; `\\,` `\\|` `\\$` `\\\\` stand for the characters themselves.
- **`:missing`** goes by what is held: an element that no rule gives a meaning is as good as missing.

Not offered anywhere, and why:

- `:in`, `:not-in`: value sets are not expanded here. List the codes, separated by commas.
- `:above`, `:below` on codes: code systems' hierarchies are not held here. On media types `:below` works.
- `:text` on strings, `_filter`, `_list`, `_contained`: an entry is found by values of its own elements."""


def page() -> str:
    """Return the whole page."""
    return (
        "\n".join([HEAD, *_left_out(), *_common(), *(line for kind in parameters.kinds() for line in _of(kind))]) + "\n"
    )


def _left_out() -> Iterator[str]:
    yield from (f"- `{code}`: {reason}." for code, reason in LEFT_OUT.items())
    yield ""


def _common() -> Iterator[str]:
    anything = parameters.supported(parameters.kinds()[0])
    yield from ("## Every type", "", "| parameter | type | modifiers |", "|---|---|---|")
    yield from (_row(one) for code, one in anything.items() if code.startswith("_"))
    yield ""


def _of(kind: str) -> Iterator[str]:
    known, omitted = parameters.supported(kind), parameters.omitted(kind)
    yield from (f"## {kind}", "", "| parameter | type | modifiers |", "|---|---|---|")
    for code in sorted(known.keys() | omitted.keys()):
        if code in known and not code.startswith("_"):
            yield _row(known[code])
        elif code in omitted and code not in LEFT_OUT:
            yield f"| `{code}` | left out | {omitted[code]} |"
    yield ""


def _row(parameter: Parameter) -> str:
    offered = [f"`:{modifier}`" for modifier in parameters.modifiers(parameter)]
    if parameter.type == "reference":
        offered += [f"`:{target}`" for target in parameter.targets] or ["`:[any type]`"]
    words = " ".join(offered)
    if 0 < len(parameter.passed_over) <= LONGEST:
        words += f" (a value of type {', '.join(parameter.passed_over)} is not looked at: R4 gives it no such meaning)"
    return f"| `{parameter.code}` | {parameter.type} | {words} |"


if __name__ == "__main__":
    sys.stdout.write(page())
