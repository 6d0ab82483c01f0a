"""What a table's columns are, as a Frictionless data dictionary says it: of a release, and of its synthetic twin.

Source: Frictionless Data Package 1. Nothing heavy is loaded here.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from research.deidentify.declaring import PERSON, Column, Kind

_MEANING = {
    Kind.CODE: "A code; empty where fewer people have it than may be shown, or where it is none.",
    Kind.NUMBER: "A number within the declared bounds, empty outside of them. As it was where as many people have it as"
    " must share a value, and otherwise the mean of so many with the nearest numbers.",
    Kind.TRUTH: "True or false; empty for everybody where of one there are fewer people than must share a value.",
    Kind.DATE: "A year, or a span of years; none by which an age of 90 or more could be told.",
    Kind.BIRTH: "The age in years on the day of the release, or a span; 90 stands for 90 and above.",
    Kind.ZIP: "The first digits of a ZIP code; 000 stands for areas of 20,000 people or fewer.",
    Kind.STATE: "A state of the United States.",
    Kind.SEX: "Administrative gender, as FHIR has it.",
    Kind.ID: "A pseudonym of a record's id, for this release alone.",
}
_SHIFTED = "A day, or the month or years it is in, shifted by a number of days that is the person's own."
MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "html": "text/html",
    "json": "application/json",
    "txt": "text/plain",
}


def field(name: str, kind: str, column: Column | None, *, shifted: bool = False, emptied: bool = False) -> dict:
    """Return what a column is, `kind` being its Frictionless type; None is the column of pseudonyms.

    `shifted` says that dates are days, `emptied` that numbers were left empty as the copy's mark.
    """
    described: dict[str, object] = {"name": name, "type": kind}
    if column is None:
        return described | {"description": "A pseudonym of this release alone."}
    meaning = _SHIFTED if shifted and column.kind == Kind.DATE else _MEANING[column.kind]
    if emptied:
        meaning += " About one in fifty is left empty, chosen at random, as the mark of this copy."
    described["description"] = meaning
    if column.system:
        described["rdfType"] = column.system
    if column.kind == Kind.NUMBER:
        described["constraints"] = {"minimum": column.low, "maximum": column.high}
    return described


def schema(fields: Iterable[dict]) -> dict:
    """Return the schema of a table with these fields: a row a person, and an empty cell for what is not known."""
    return {"fields": list(fields), "missingValues": [""], "primaryKey": PERSON}


def table(name: str, content: bytes, described: Mapping) -> dict:
    """Return a CSV file as a resource of a data package, with its schema."""
    return _file(name, content) | {"profile": "tabular-data-resource", "encoding": "utf-8", "schema": described}


def same(name: str, content: bytes, *, as_in: str) -> dict:
    """Return a file with the same table in another form, which the profile of tables has no place for."""
    told = {"profile": "data-resource", "type": "file", "description": f"The same table as {as_in}."}
    return _file(name, content) | told


def _file(name: str, content: bytes) -> dict:
    return {
        "name": name.replace(".", "-"),
        "path": name,
        "format": name.rpartition(".")[2],
        "mediatype": MEDIA[name.rpartition(".")[2]],
        "bytes": len(content),
        "hash": f"sha256:{sha256(content).hexdigest()}",
    }
