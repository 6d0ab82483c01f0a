"""The file that leaves: the table as Parquet and CSV, what its columns mean, and how it came about."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import polars as pl
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from research.release import describing, reported
from research.release.tables import Made
from research.reports import figures, pages

_FIXED = (1980, 1, 1, 0, 0, 0)
_TYPES = {"Int64": "integer", "Float64": "number", "Boolean": "boolean", "Date": "date"}
README = """This table is for the study and the recipient named in datapackage.json, under the data-use agreement.

datapackage.json says what each column means; ro-crate-metadata.json how the table came about; report.html what it risks
and what it lost. Rows have no names: "person" is a pseudonym of this release alone. An asterisk stands for any value, a
span such as 40-49 for one of them.

This copy is marked as yours: a copy of it, or of a part, names you. No value was changed for that. The ends of
pseudonyms are yours, and in larger tables about one number in fifty is left empty at random; report.html says how many.

To check that this is the file that was released, whole: manage.py verify_release FILE.zip
"""


@dataclass(frozen=True)
class About:
    """What a file says of itself: which release of which study, for whom, from which views, and what was done."""

    release: UUID
    study: UUID
    title: str
    recipient: str
    institution: str
    made_at: datetime
    views: tuple[Mapping, ...]
    terms: str
    snapshot: str
    ledger: tuple[str, ...]  # the entries of the study's budget until then
    facts: Mapping


def packed(made: Made, about: About, folder: Path) -> bytes:
    """Return the ZIP. The same table and the same words make the same bytes."""
    contents = {"data.csv": _csv(made.frame), "data.parquet": (folder / "data.parquet").read_bytes()}
    contents["datapackage.json"] = _json(_package(made, about, contents))
    shown = [figures.drawn(one) for one in reported.figures(about.facts)]
    contents["report.html"] = pages.page(about.title, shown, facts=reported.told(about.facts)).encode()
    contents["ro-crate-metadata.json"] = _json(_crate(about, contents))
    contents["README.txt"] = README.encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def view_digest(view: Mapping) -> str:
    """Return 64 hex digits of a view's canonical JSON."""
    return sha256(json.dumps(view, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _csv(frame: pl.DataFrame) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.iter_rows())
    return written.getvalue().encode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def _package(made: Made, about: About, contents: Mapping[str, bytes]) -> dict:
    shifted, emptied = made.facts["dates"] == "shifted", made.facts["left empty as a mark"]
    fields = [
        describing.field(
            name,
            _TYPES.get(str(kind), "string"),
            made.columns.get(name),
            shifted=shifted,
            emptied=name in emptied,
        )
        for name, kind in made.frame.schema.items()
    ]
    return {
        "profile": "data-package",
        "name": f"release-{about.release}",
        "id": str(about.release),
        "title": about.title,
        "created": about.made_at.isoformat(),
        "contributors": [{"title": about.recipient, "organization": about.institution, "role": "recipient"}],
        "resources": [
            describing.table("data.csv", contents["data.csv"], describing.schema(fields)),
            describing.same("data.parquet", contents["data.parquet"], as_in="data.csv"),
        ],
    }


def _crate(about: About, contents: Mapping[str, bytes]) -> dict:
    """Source: RO-Crate 1.x, with the run as a CreateAction."""
    crate = ROCrate(gen_preview=False)
    crate.name, crate.datePublished = about.title, about.made_at
    made = [
        crate.add_file(
            name,
            properties={
                "sha256": sha256(content).hexdigest(),
                "contentSize": str(len(content)),
                "encodingFormat": describing.MEDIA[name.rpartition(".")[2]],
            },
        )
        for name, content in contents.items()
    ]
    views = [
        crate.add(
            ContextEntity(
                crate,
                f"#view-{number}",
                {
                    "@type": "SoftwareSourceCode",
                    "name": view.get("name", view["resource"]),
                    "sha256": view_digest(view),
                },
            )
        )
        for number, view in enumerate(about.views, 1)
    ]
    notes = {"terms": about.terms, "snapshot": about.snapshot, "ledger": list(about.ledger), **about.facts}
    told = [
        crate.add(
            ContextEntity(
                crate,
                f"#{name.replace(' ', '-')}",
                {
                    "@type": "PropertyValue",
                    "name": name,
                    "value": value if isinstance(value, str) else json.dumps(value),
                },
            )
        )
        for name, value in notes.items()
    ]
    run = {"@type": "CreateAction", "name": f"Release {about.release} of study {about.study}"}
    action = crate.add(ContextEntity(crate, "#run", run | {"endTime": about.made_at.isoformat()}))
    action["instrument"], action["object"], action["result"] = views, told, made
    crate.root_dataset["mentions"] = [action]
    return crate.metadata.generate()
