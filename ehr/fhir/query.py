"""What is asked beside the address: how to answer, and what to look for. Read once, bounded, before anything is opened.

Source: FHIR R4 search.html, http.html#parameters.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from django.http import HttpRequest

from ehr.fhir import outcomes
from ehr.fhir.outcomes import Issue
from ehr.fhir.wire import Sent

MOST_PARAMETERS = 60
LONGEST_VALUE = 4_000  # signs
MOST_ALTERNATIVES = 200
MOST_INCLUDES = 20
MOST_SORTS = 5
MOST_ON_A_PAGE = 200
ON_A_PAGE = 20
SUMMARIES = frozenset({"true", "text", "data", "count", "false"})
TOTALS = frozenset({"none", "estimate", "accurate"})
_YES_NO = {"true": True, "false": False}


@dataclass(frozen=True)
class Asked:
    """How to answer (`_format`, `_summary`, …, `Prefer`), and every other parameter in the order it came."""

    criteria: tuple[tuple[str, str], ...] = ()
    format: str = ""
    pretty: bool = False
    summary: str = "false"
    elements: tuple[str, ...] = ()
    count: int = ON_A_PAGE
    total: str = "accurate"
    sort: tuple[str, ...] = ()
    includes: tuple[tuple[str, str], ...] = ()  # ("_include:iterate", "Observation:subject")
    page: str = ""
    strict: bool = False
    returns: str = "representation"
    pairs: tuple[tuple[str, str], ...] = ()  # all of it, as it came

    def all(self, name: str) -> list[str]:
        """Return the values of a parameter that an operation knows."""
        return [value for known, value in self.criteria if known == name]

    def one(self, name: str) -> str:
        """Return the value of such a parameter, "" where it is not there. Raises Refusal where it comes twice."""
        found = self.all(name)
        if len(found) > 1:
            raise outcomes.not_understood(f"{name} may be given once.", at=name)
        return found[0] if found else ""


def without_unknown(told: Asked, known: Collection[str], *, by: str) -> tuple[Asked, list[Issue]]:
    """Return a question without the parameters that an address does not know, and what is said of each.

    Raises Refusal 400 where the client wants to know (`Prefer: handling=strict`). `by` names the address.
    """
    sorting = [("_sort", "")] if told.sort else []
    unknown = [name for name, _value in (*told.criteria, *told.includes, *sorting) if name not in known]
    issues = []
    for name in dict.fromkeys(unknown):
        words, at = f"{by} knows {', '.join(sorted(known))}, and not this.", f"http.{name[:100]}"
        if told.strict:
            raise outcomes.not_understood(words, at=at, code="not-supported")
        issues.append(Issue("not-supported", f"Left out: {words}", at, "warning"))
    kept = tuple((name, value) for name, value in told.criteria if name in known)
    return replace(told, criteria=kept, includes=(), sort=()), issues


def asked(request: HttpRequest) -> Asked:
    """Return what the address and the Prefer header ask. Raises Refusal 400 with the parameter that makes no sense."""
    return preferring(read(request.META.get("QUERY_STRING", "")), request.headers)


def preferring(told: Asked, headers: Mapping[str, str]) -> Asked:
    """Return a question with what the Prefer header says."""
    prefer = {one.strip().lower() for one in headers.get("Prefer", "").replace(";", ",").split(",")}
    returns = next((one.partition("=")[2] for one in prefer if one.startswith("return=")), "")
    known = {"minimal": "minimal", "operationoutcome": "outcome"}
    return replace(told, strict="handling=strict" in prefer, returns=known.get(returns, "representation"))


def with_form(sent: Sent, told: Asked) -> Asked:
    """Return what the address and the form of a POST search ask together. Raises Refusal 400, 413 and 415."""
    both = of_pairs([*told.pairs, *_pairs(sent.form())])
    return replace(both, strict=told.strict, returns=told.returns)


def read(text: str) -> Asked:
    """Return a query string as what it asks. Raises Refusal 400."""
    return of_pairs(_pairs(text))


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except UnicodeDecodeError:
        raise outcomes.not_understood("The parameters are not UTF-8 text.") from None
    except ValueError:
        words = f"More than {MOST_PARAMETERS} parameters are not read. Ask for less at once."
        raise outcomes.not_understood(words, code="too-costly") from None


def of_pairs(pairs: Sequence[tuple[str, str]]) -> Asked:
    """Return pairs of name and value as what they ask. Raises Refusal 400."""
    told, left, includes = Asked(), [], []
    for name, value in pairs:
        if "\x00" in name or "\x00" in value or len(value) > LONGEST_VALUE or len(name) > 200:
            raise outcomes.not_understood("A parameter is longer than is read, or holds signs that no text has.")
        if name in _READERS:
            told = _READERS[name](told, value)
        elif name.partition(":")[0] in {"_include", "_revinclude"}:
            includes.append((name, value))
        elif value != "":  # a parameter without a value asks for nothing
            left.append((name, value))
    if len(includes) > MOST_INCLUDES:
        raise outcomes.not_understood(f"More than {MOST_INCLUDES} includes are not followed.", code="too-costly")
    _bound_alternatives(left)
    return replace(told, criteria=tuple(left), includes=tuple(includes), pairs=tuple(pairs))


def _bound_alternatives(pairs: Sequence[tuple[str, str]]) -> None:
    for name, value in pairs:
        if value.count(",") >= MOST_ALTERNATIVES:
            words = f"More than {MOST_ALTERNATIVES} values for one parameter are not compared."
            raise outcomes.not_understood(words, at=name.partition(":")[0][:60], code="too-costly")


# --- Each one ------------------------------------------------------------------------------------
def _format(told: Asked, value: str) -> Asked:
    return replace(told, format=value)


def _pretty(told: Asked, value: str) -> Asked:
    return replace(told, pretty=_one_of("_pretty", value, _YES_NO) == "true")


def _summary(told: Asked, value: str) -> Asked:
    return replace(told, summary=_one_of("_summary", value, SUMMARIES))


def _elements(told: Asked, value: str) -> Asked:
    named = tuple(one.strip().rpartition(".")[2] for one in value.split(",") if one.strip())
    return replace(told, elements=told.elements + named)


def _count(told: Asked, value: str) -> Asked:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise outcomes.not_understood("_count is a whole number from 0 on.", at="_count")
    return replace(told, count=min(int(value), MOST_ON_A_PAGE))


def _total(told: Asked, value: str) -> Asked:
    return replace(told, total=_one_of("_total", value, TOTALS))


def _sort(told: Asked, value: str) -> Asked:
    keys = told.sort + tuple(one.strip() for one in value.split(",") if one.strip())
    if len(keys) > MOST_SORTS:
        raise outcomes.not_understood(f"More than {MOST_SORTS} keys to sort by are not read.", at="_sort")
    return replace(told, sort=keys)


def _page(told: Asked, value: str) -> Asked:
    return replace(told, page=value)


def _one_of(name: str, value: str, known) -> str:
    if value not in known:
        raise outcomes.not_understood(f"{name} is one of: {', '.join(sorted(known))}.", at=name, code="value")
    return value


_READERS = {
    "_format": _format,
    "_pretty": _pretty,
    "_summary": _summary,
    "_elements": _elements,
    "_count": _count,
    "_total": _total,
    "_sort": _sort,
    "_page": _page,
}
