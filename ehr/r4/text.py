"""JSON to resources and back without touching a number: 1.50 stays 1.50.

Python's floats would turn 1.50 into 1.5 and 152.41110144377078 into whatever fits 53 bits. Decimals keep what was sent.
"""

import json
from decimal import Decimal, InvalidOperation

import orjson

LONGEST_NUMBER = 400
TOO_DEEP = "This JSON is nested too deeply."


def loads(text: bytes | str) -> object:
    """Return the JSON value; numbers with a point or exponent become Decimal. Raises ValueError on anything else."""
    check(text)
    try:
        return json.loads(text, parse_float=_decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


class Decoder(json.JSONDecoder):
    """Reads JSON in a form of Django's, and refuses what `check` does."""

    def decode(self, text: str, *more) -> object:
        try:
            check(text)
            return super().decode(text, *more)
        except RecursionError:
            raise json.JSONDecodeError(TOO_DEEP, "", 0) from None
        except ValueError as problem:
            raise json.JSONDecodeError(str(problem), "", 0) from None


def check(text: bytes | str) -> None:
    """Raise ValueError for what is not JSON, or holds half a character (a lone surrogate), which nothing can store.

    orjson looks before Python's own reader does: it stops at 1,024 levels by itself, where that one relies on a
    recursion limit that other packages raise, and crashes. `ehr.chain` puts that limit back; below 1,024 levels, Python
    says so in words.
    """
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        if "depth limit" in str(problem) or "ecursion" in str(problem):
            raise ValueError(TOO_DEEP) from None
        raise


def dumps(value: object, *, pretty: bool = False) -> bytes:
    """Return UTF-8 JSON with decimals as they came, compact or in lines. Raises TypeError for what JSON cannot say."""
    option = orjson.OPT_INDENT_2 if pretty else 0
    try:
        return orjson.dumps(value, default=_number, option=option)
    except TypeError:
        return orjson.dumps(_with_long_numbers(value), default=_number, option=option)


def _with_long_numbers(value: object) -> object:
    """Return a copy whose whole numbers beyond 64 bits are Decimals, for orjson writes none so long."""
    if isinstance(value, dict):
        return {key: _with_long_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_long_numbers(item) for item in value]
    return Decimal(value) if type(value) is int and value.bit_length() > 63 else value


def _decimal(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("A number in this JSON is unreasonably long.")
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what a Decimal can hold at all
        raise ValueError("A number in this JSON is unreasonably large or small.") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number.")


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(_written(value))
    raise TypeError(f"{type(value).__name__} has no place in a resource.")


def _written(number: Decimal) -> str:
    """Return a number in digits; with an exponent only where it was written so, or would be a page of zeros."""
    exponent = number.as_tuple().exponent
    return format(number, "f") if isinstance(exponent, int) and -60 < exponent <= 0 else str(number)
