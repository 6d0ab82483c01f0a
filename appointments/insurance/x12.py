"""Eligibility in X12 005010X279A1: a 270 out, a 271 in. Segments are read and written by pyx12.

Every value is cleaned before it is written: a name cannot end a segment, nor begin one. What comes in is believed only
where it is whole, and names the question that was asked.
"""

import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from pyx12.errors import X12Error
from pyx12.segment import Segment
from pyx12.x12file import X12Reader, X12Writer

from appointments.insurance.facts import Finding, Inquiry, Nonsense, NotNow, smallest

_TERM, _ELEMENT, _PART, _REPEAT = "~", "*", ":", "^"
_VERSION = "005010X279A1"
_SUBSCRIBER = "22"
_CURRENCY = "USD"  # the guide knows no other
# AAA03: the payer, or who carries the question to it, is not able to answer now.
_NOT_NOW = frozenset({"42", "80"})
# EB01: kinds of benefit that say whether there is cover at all.
_ACTIVE = frozenset({"1", "2", "3", "4", "5"})
_INACTIVE = frozenset({"6", "7", "8"})
_COPAY = "B"
# EB03: the whole plan, and a visit to an office.
_OF_A_VISIT = frozenset({"30", "98"})
# DTP01: a plan's or eligibility's begin, end, or both.
_BEGINS, _ENDS, _SPAN = frozenset({"346", "356"}), frozenset({"347", "357"}), frozenset({"291", "307"})


def inquiry(asked: Inquiry, *, sender: str, number: int) -> str:
    """Return the interchange that asks. `number` (1 to 999,999,999) is its control number."""
    out = io.StringIO()
    at = asked.asked_at
    with X12Writer(out, _TERM, _ELEMENT, _PART, "", _REPEAT) as writer:
        for values in [*_envelope(asked, sender, number, at), *_question(asked)]:
            writer.Write(Segment(_ELEMENT.join(values), _TERM, _ELEMENT, _PART))
    return out.getvalue()


def _envelope(asked: Inquiry, sender: str, number: int, at: datetime) -> Iterator[Sequence[str]]:
    ours, theirs, empty = _clean(sender, 15), _clean(asked.payer_number, 15), " " * 10
    day, minute = at.strftime("%Y%m%d"), at.strftime("%H%M")
    parties = ("ZZ", ours.ljust(15), "ZZ", theirs.ljust(15))
    yield "ISA", "00", empty, "00", empty, *parties, day[2:], minute, _REPEAT, "00501", f"{number:09}", "0", "P", _PART
    yield "GS", "HS", ours, theirs, day, minute, str(number), "X", _VERSION
    yield "ST", "270", "0001", _VERSION
    yield "BHT", "0022", "13", _clean(asked.trace, 50), day, minute


def _question(asked: Inquiry) -> Iterator[Sequence[str]]:
    provider = _clean(asked.provider_number, 80)
    kind = "XX" if len(provider) == 10 and provider.isdigit() else "SV"
    last, first = _names(asked.name)
    yield "HL", "1", "", "20", "1"
    yield "NM1", "PR", "2", _clean(asked.payer_name, 60), "", "", "", "", "PI", _clean(asked.payer_number, 80)
    yield "HL", "2", "1", "21", "1"
    yield "NM1", "1P", "2", _clean(asked.provider_name, 60), "", "", "", "", kind, provider
    yield "HL", "3", "2", _SUBSCRIBER, "0"
    yield "TRN", "1", _clean(asked.trace, 50), "9CHARTSEAL"
    yield "NM1", "IL", "1", last, first, "", "", "", "MI", _clean(asked.member, 80)
    sex = {"female": ["F"], "male": ["M"]}.get(asked.sex, [])
    yield ["DMG", "D8", asked.birth_date.strftime("%Y%m%d"), *sex]
    yield "DTP", "291", "D8", asked.day.strftime("%Y%m%d")
    yield "EQ", "30"


def _clean(text: str, longest: int) -> str:
    """Return text in X12's basic set: upper case, no accents, nothing that separates."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().upper()
    kept = "".join(letter if letter.isalnum() or letter in " .,'&()/-+" else " " for letter in plain)
    return " ".join(kept.split())[:longest].strip()


def _names(name: str) -> tuple[str, str]:
    """Return last and first name; empty where a name has no letter that X12 could carry."""
    words = _clean(name, 95).split()
    return (words[-1][:60], " ".join(words[:-1])[:35]) if words else ("", "")


def finding(told: bytes, asked: Inquiry) -> Finding:
    """Return what a 271 says. Raises Nonsense for anything that does not answer this question, and NotNow."""
    lines = _lines(told)
    _check_envelope(lines)
    _check_it_is_ours(lines, asked)
    reasons = [line.get_value("03") or "" for line in lines if line.get_seg_id() == "AAA"]
    if reasons:
        if _NOT_NOW.intersection(reasons):
            raise NotNow(reasons[0][:2])
        return Finding("unknown", code=reasons[0][:10])
    return _benefits(lines, asked)


def _lines(told: bytes) -> list[Segment]:
    try:
        with X12Reader(io.StringIO(told.decode("utf-8"))) as reader:
            lines = list(reader)
            problems = reader.pop_errors()
    except (X12Error, UnicodeDecodeError, ValueError, IndexError) as problem:
        raise Nonsense("no X12") from problem
    if problems:
        raise Nonsense("X12 whose counts or numbers do not agree")
    return lines


def _check_envelope(lines: Sequence[Segment]) -> None:
    names = [line.get_seg_id() for line in lines]
    if names[-1:] != ["IEA"] or names.count("ST") != 1 or "SE" not in names:
        raise Nonsense("X12 that is not whole, or holds more than one answer")
    kind = next(line for line in lines if line.get_seg_id() == "ST")
    if kind.get_value("01") != "271":
        raise Nonsense("X12, but no answer about eligibility")
    if [line.get_value("03") for line in lines if line.get_seg_id() == "HL"].count(_SUBSCRIBER) > 1:
        raise Nonsense("an answer about more than one person")


def _check_it_is_ours(lines: Iterable[Segment], asked: Inquiry) -> None:
    trace = _clean(asked.trace, 50)
    told = {
        line.get_value({"BHT": "03", "TRN": "02"}[line.get_seg_id()])
        for line in lines
        if line.get_seg_id() in {"BHT", "TRN"}
    }
    if trace not in told:
        raise Nonsense("an answer to another question")


def _benefits(lines: Sequence[Segment], asked: Inquiry) -> Finding:
    """Return what the benefits say: cover is active only where some line says so, none denies it, and the day is in."""
    benefits = [line for line in lines if line.get_seg_id() == "EB"]
    kinds = {line.get_value("01") for line in benefits}
    if not kinds & (_ACTIVE | _INACTIVE):
        raise Nonsense("an answer that does not say whether there is cover")
    dates = [line for line in lines if line.get_seg_id() == "DTP"]
    if not kinds & _ACTIVE or not all(_holds(line, asked.day) for line in dates):
        code = next((line.get_value("01") for line in benefits if line.get_value("01") in _INACTIVE), "")
        return Finding("inactive", code=code or "dates")
    return Finding("active", copay=_copay(benefits), currency=_CURRENCY)


def _holds(line: Segment, day: date) -> bool:
    """Tell whether a date of the plan leaves room for the day of the visit. Other dates say nothing about it."""
    which, form, told = line.get_value("01"), line.get_value("02"), line.get_value("03") or ""
    if which not in _BEGINS | _ENDS | _SPAN:
        return True
    first, _dash, last = told.partition("-")
    if form == "RD8":
        return _day(first) <= day <= _day(last)
    one = _day(first)
    if which in _ENDS:
        return day <= one
    # One day with a span's qualifier is the day that was asked about, or the plan's first.
    return one <= day


def _day(text: str) -> date:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise Nonsense("a date that is none") from None


def _copay(benefits: Iterable[Segment]) -> int | None:
    """Return the highest share named for a visit, in cents; None where none is."""
    named = [
        smallest(line.get_value("07"), _CURRENCY)
        for line in benefits
        if line.get_value("01") == _COPAY
        and line.get_value("07")
        and _OF_A_VISIT.intersection((line.get_value("03") or "").split(_REPEAT))
    ]
    return max(named, default=None)
