"""A synthetic twin of a release: the same columns with made-up values, so that a program can be written before.

It is made of what the study's views declare and of public lists, with as many rows whoever takes part. No record is
read for it, no key is needed, and whoever asks again gets the same one. Nothing heavy is loaded here.
"""

import csv
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from research.deidentify import codes
from research.deidentify.declaring import PERSON, Column, Kind
from research.deidentify.rules import OLDEST
from research.release import describing, viewing

ROWS = 200
# One cell in so many is empty: a program must bear that.
ONE_EMPTY_IN = 20
ANY = "*"
_FIXED = (1980, 1, 1, 0, 0, 0)
# Codes as they are in the books, a few of each system; the twin does not claim that anybody has them.
CODES = {
    "http://loinc.org": ("29463-7", "8302-2", "4548-4", "2339-0"),
    "http://snomed.info/sct": ("73211009", "38341003", "195967001", "44054006"),
    "http://www.nlm.nih.gov/research/umls/rxnorm": ("860975", "314076", "197361", "310798"),
    "http://hl7.org/fhir/sid/icd-10-cm": ("E11.9", "I10", "J45.909", "M54.5"),
    "http://hl7.org/fhir/sid/cvx": ("140", "208", "115", "33"),
    "http://www.whocc.no/atc": ("A10BA02", "C09AA05", "N02BE01", "R03AC02"),
    "http://unitsofmeasure.org": ("mg/dL", "kg", "cm", "mm[Hg]"),
}
_AREAS = ("000", "021", "100", "303", "606", "770", "900", "981")
README = """This is SYNTHETIC. No row of it is of anybody, and none was made from anybody's record.

data.csv has the columns that a release of the study will have, and data-coarse.csv the same as they look where ages,
years and areas had to become coarser: a span such as 40-44, or an asterisk for any value. A program that reads both
reads the release. Values are made up from what the study's views declare: bounds, lists and code systems. They lie
evenly between the bounds, hang together in no way, and say nothing about how things are.

A release has data.parquet as well. To have that of this twin: polars.read_csv("data.csv").write_parquet("data.parquet")
"""


@dataclass(frozen=True)
class Dictionary:
    """What a twin is made of: the study's id, title and views, how its dates leave, and the day it is made on."""

    study: UUID
    title: str
    views: Sequence[Mapping]
    shifted: bool
    today: date


def packed(about: Dictionary) -> bytes:
    """Return the ZIP of a twin; the same dictionary makes the same bytes. Raises Refused for views that make no table.

    Each file in it says that it is synthetic.
    """
    columns = viewing.declared(about.views)
    drawn = random.Random(f"{about.study} {json.dumps(list(about.views), sort_keys=True)}")  # noqa: S311 - no secret
    exact = [_row(number, columns, about, drawn) for number in range(1, ROWS + 1)]
    coarse = [{name: _coarse(cell, columns.get(name)) for name, cell in row.items()} for row in exact]
    contents = {"data.csv": _csv(exact), "data-coarse.csv": _csv(coarse)}
    contents["datapackage.json"] = json.dumps(_package(about, columns, contents), ensure_ascii=False, indent=2).encode()
    contents["README.txt"] = README.encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"SYNTHETIC: no row is of anybody"
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def _row(number: int, columns: Mapping[str, Column], about: Dictionary, drawn: random.Random) -> dict[str, object]:
    row: dict[str, object] = {PERSON: f"synthetic-{number:06}"}
    for name, column in columns.items():
        empty = drawn.randrange(ONE_EMPTY_IN) == 0
        row[name] = None if empty else _MADE[column.kind](column, about, drawn)
    return row


def _code(column: Column, _about: Dictionary, drawn: random.Random) -> str:
    return drawn.choice(column.values or CODES[column.system])


def _number(column: Column, _about: Dictionary, drawn: random.Random) -> float | int:
    value = round(drawn.uniform(column.low, column.high), column.decimals)
    return value if column.decimals else int(value)


def _date(_column: Column, about: Dictionary, drawn: random.Random) -> int | str:
    day = about.today - timedelta(days=drawn.randrange(10 * 365))
    return day.isoformat() if about.shifted else day.year


_MADE: dict[Kind, Callable[[Column, Dictionary, random.Random], object]] = {
    Kind.CODE: _code,
    Kind.NUMBER: _number,
    Kind.TRUTH: lambda _column, _about, drawn: drawn.random() < 0.5,
    Kind.DATE: _date,
    Kind.BIRTH: lambda _column, _about, drawn: drawn.randint(0, OLDEST),
    Kind.ZIP: lambda _column, _about, drawn: drawn.choice(_AREAS),
    Kind.STATE: lambda _column, _about, drawn: drawn.choice(codes.STATES),
    Kind.SEX: lambda _column, _about, drawn: drawn.choice(codes.SEXES[:2]),
    Kind.ID: lambda _column, _about, drawn: f"synthetic-{drawn.randrange(10**6):06}",
}


def _coarse(cell: object, column: Column | None) -> object:
    """Return a cell as it looks a step or two coarser."""
    if cell is None or column is None or column.kind not in viewing.QUASI:
        return cell
    if column.kind == Kind.BIRTH:
        return str(OLDEST) if cell == OLDEST else _span(int(str(cell)), viewing.AGES[0])
    if column.kind == Kind.DATE:
        return str(cell)[:7] if "-" in str(cell) else _span(int(str(cell)), viewing.YEARS[0])
    if column.kind == Kind.ZIP:
        return str(cell)[: viewing.DIGITS[0]] + ANY
    return ANY


def _span(value: int, width: int) -> str:
    low = value // width * width
    return f"{low}-{low + width - 1}"


def _csv(rows: Sequence[Mapping[str, object]]) -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def _package(about: Dictionary, columns: Mapping[str, Column], contents: Mapping[str, bytes]) -> dict:
    exact = [describing.field(PERSON, "string", None)]
    exact += [
        describing.field(name, _type(column, shifted=about.shifted), column, shifted=about.shifted)
        for name, column in columns.items()
    ]
    grouped = {name for name, column in columns.items() if column.kind in viewing.QUASI}
    coarse = [one | {"type": "string"} if one["name"] in grouped else one for one in exact]
    schemas = {"data.csv": exact, "data-coarse.csv": coarse}
    return {
        "profile": "tabular-data-package",
        "name": f"synthetic-twin-{about.study}",
        "title": f"SYNTHETIC: {about.title}",
        "description": "Made-up rows with the columns of a release. No row is of anybody.",
        "synthetic": True,
        "resources": [
            describing.table(name, content, describing.schema(schemas[name]))
            | {"synthetic": True, "title": "SYNTHETIC"}
            for name, content in contents.items()
        ],
    }


def _type(column: Column, *, shifted: bool) -> str:
    """Return a column's Frictionless type as a release has it while it stays exact."""
    if column.kind == Kind.NUMBER:
        return "number" if column.decimals else "integer"
    if column.kind == Kind.DATE:
        return "date" if shifted else "integer"
    return {Kind.BIRTH: "integer", Kind.TRUTH: "boolean"}.get(column.kind, "string")
