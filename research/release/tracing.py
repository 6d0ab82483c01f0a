"""Whose copy of a release somebody has come upon: asked of a table, answered from the marks that releases bear."""

import csv
import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from research import marks
from research.deidentify.marks import Likeness, likeness
from research.models import Release
from research.studies.proposing import log_study

# A release is named where a table that is none of it looks as much like it once in a million times at most, among all
# the releases that were asked.
SURE = -6.0


@dataclass(frozen=True)
class Traced:
    """A release that a table is a copy of, and what shows it. `chance` is log10 of how likely that is mere chance."""

    release: Release
    likeness: Likeness
    chance: float


def read(content: bytes) -> list[Mapping[str, object]]:
    """Return the rows of a table: CSV, Parquet, or a release's ZIP. Raises ValueError for what is none of these."""
    try:
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                content = archive.read("data.csv")
        if content.startswith(b"PAR1"):
            return list(pl.read_parquet(io.BytesIO(content)).iter_rows(named=True))
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError, csv.Error, pl.exceptions.PolarsError) as problem:
        raise ValueError("This is no table: give it as CSV, as Parquet, or as the ZIP of a release.") from problem


def trace(rows: Sequence[Mapping[str, object]]) -> list[Traced]:
    """Return the releases whose copies, whole or in part, rows are; that each is named is on the log.

    A table made of several copies names each of them. Raises stored.NotOurs where a mark was altered.
    """
    asked = list(Release.objects.filter(mark__isnull=False).select_related("study", "asked_by"))
    apart = math.log10(max(1, len(asked)))
    found = []
    for release in asked:
        mark = marks.of(release)
        if mark is None:
            continue
        seen = likeness(mark, rows)
        if seen.chance + apart <= SURE:
            found.append(Traced(release, seen, seen.chance + apart))
            log_study("study.release-traced", release.study, None, release=str(release.pk))
    return sorted(found, key=lambda one: one.chance)
