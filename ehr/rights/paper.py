"""A record as a paper to read: all six parts in a person's words, who looked, and the seal that closes it.

Set by `press`, a program of its own that gets words and no keys. Tagged for screen readers; written from right to left
where a name is. A character that no typeface here has a shape for stands by its number, and the paper says so.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path

from django.utils import timezone
from django.utils.dateformat import format as written
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from consent.access import Chart
from consent.sentences import PARTS
from ehr.lines import chart as charts
from ehr.lines import contents
from ehr.lines.chart import Item, Result
from ehr.lines.headings import HEADINGS, UNREADABLE
from ehr.words import Category

HERE = Path(__file__).parent
LONGEST_SECONDS = 60
MOST_EARLIER = 12
# Around what somebody else wrote, so that a name from right to left pulls no number to its other side (UAX 9).
_APART = "\u2068%s\u2069"
_CONTROLS = frozenset("\u2068\u2069\u200e\u200f\u200c\u200d\n\t\u00ad\u2060")


class NotSet(Exception):
    """The paper could not be set. It says nothing of what was on it."""


@dataclass(frozen=True)
class Look:
    """One line of the log as its patient reads it: who did what, and when and where."""

    who: str
    words: str
    when: str


@dataclass(frozen=True)
class Seal:
    """What closes the paper: the picture drawn from the log's head (SVG), and the words for it."""

    picture: str
    words: Sequence[str]


def paper(chart: Chart, *, looks: Sequence[Look], seal: Seal, files: Mapping[str, str] | None = None) -> bytes:
    """Return a whole record as a PDF, in the language and zone in force. Raises NotSet.

    `files` says by entry id under which name a file lies beside the paper.
    """
    words = _Words()
    told = words.told(chart, looks, seal, files or {})
    sheets = {
        "main.typ": (HERE / "paper.typ").read_bytes(),
        "told.json": json.dumps(told).encode(),
        "seal.svg": _picture(seal.picture),
    }
    return pressed({name: base64.b64encode(text).decode() for name, text in sheets.items()})


def pressed(sheets: Mapping[str, str]) -> bytes:
    """Return what `press` makes of the sheets. It gets them by a pipe: nothing touches a disk."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(HERE / "press.py")],
            input=json.dumps(sheets).encode(),
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=True,
            cwd=HERE,
            env={name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
        )
    except (subprocess.SubprocessError, OSError):
        # What the program said may hold words of the record, so it goes no further.
        raise NotSet("The paper could not be set.") from None
    return done.stdout


def _picture(svg: str) -> bytes:
    namespace = '<svg xmlns="http://www.w3.org/2000/svg" '
    return svg.replace("<svg ", namespace, 1).replace("currentColor", "#0b4f4a").encode()


@cache
def _covered() -> frozenset[str]:
    """Return every character that the paper's typefaces have a shape for."""
    found: set[str] = set()
    for line in (HERE / "typefaces" / "covered.txt").read_text(encoding="ascii").split():
        first, _dash, last = line.partition("-")
        found.update(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
    return frozenset(found) | _CONTROLS


class _Words:
    """The words of one paper; it notes which characters had no shape."""

    def __init__(self) -> None:
        self.shapeless = ""

    def told(self, chart: Chart, looks: Sequence[Look], seal: Seal, files: Mapping[str, str]) -> dict:
        name, born = chart.patient.name, written(chart.patient.birth_date, "j F Y")
        made = _moment(chart.opened_at)
        parts = [self._part(part, chart, files) for part in Category]
        lines = [self._look(look) for look in looks]
        return {
            "language": (get_language() or "en").partition("-")[0],
            "title": _("Your health record"),
            "whose": self._said(_("%(name)s, born %(day)s") % {"name": _APART % name, "day": born}),
            "footer": self._said(_("%(name)s · made on %(moment)s") % {"name": _APART % name, "moment": made}),
            "page": _("Page {page} of {pages}"),
            "contents": _("What is in it"),
            "nothing": _("Nothing is recorded in this part."),
            "opening": self._opening(made),
            "parts": parts,
            "looks": {
                "heading": _("Who looked"),
                "opening": [
                    _("Every look at your record was written down before it happened. This is the list, newest first.")
                ],
                "lines": lines,
            },
            "seal": {
                "heading": _("The seal"),
                "picture": _("Rings drawn from the number that stands for the whole log"),
                "words": list(seal.words),
            },
        }

    def _opening(self, made: str) -> list[str]:
        zone = timezone.get_current_timezone_name()
        opening = [
            _("As it stood on %(moment)s, times in the zone %(zone)s.") % {"moment": made, "zone": zone},
            _("Each entry is here in its newest version. All six parts are listed, also where nothing is in them."),
        ]
        if self.shapeless:
            words = _(
                "Some letters have no shape in this paper and stand by their number, such as %(example)s. "
                "The other files have them as they were written."
            )
            opening.append(words % {"example": _number(self.shapeless)})
        return opening

    def _part(self, part: Category, chart: Chart, files: Mapping[str, str]) -> dict:
        mine = [entry for entry in chart.entries if part in entry.parts]
        rows = list(_rows(charts.build(mine)))
        groups = [
            {"heading": str(heading), "lines": [self._line(item, result, files) for _head, item, result in found]}
            for heading, found in groupby(rows, key=lambda row: row[0])
        ]
        shut = sum(entry.raw is None for entry in mine)
        if shut:
            groups.append({"heading": str(UNREADABLE), "lines": [self._plain(_("An entry does not open."))] * shut})
        return {"name": capfirst(str(PARTS[part])), "groups": groups}

    def _line(self, item: Item, result: Result | None, files: Mapping[str, str]) -> dict:
        line = item.line
        own = contents.own_words(item.resource)
        own = "" if " ".join(own.split()) in line.detail else own
        more = [self._earlier(one) for one in result.items[1 : MOST_EARLIER + 1]] if result else []
        if file := files.get(str(item.entry.logical_id)):
            more.append(_("File: %(name)s") % {"name": file})
        return {
            "title": self._apart(line.title),
            "value": self._apart(" ".join(part for part in (line.value, line.unit) if part)),
            "word": line.abnormal_word,
            "rest": self._said(
                " · ".join(_APART % one for one in (line.range_text, line.status, line.detail, line.date) if one)
            ),
            "own": self._apart(own),
            "more": more,
        }

    def _earlier(self, item: Item) -> str:
        line = item.line
        found = " ".join(part for part in (line.value, line.unit, line.abnormal_word) if part)
        return self._said(" · ".join(_APART % one for one in (line.date, found, line.beside) if one))

    def _look(self, look: Look) -> dict:
        return {**self._plain(look.who), "rest": self._said(look.words), "more": [look.when]}

    def _plain(self, title: str) -> dict:
        return {"title": self._apart(title), "value": "", "word": "", "rest": "", "own": "", "more": []}

    def _apart(self, text: str) -> str:
        return _APART % self._said(text) if text else ""

    def _said(self, text: str) -> str:
        """Return a text in characters that have a shape; the others by their number."""
        if all(map(_covered().__contains__, text)):
            return text
        return "".join(one if one in _covered() else self._numbered(one) for one in text)

    def _numbered(self, one: str) -> str:
        if not one.isprintable():
            return " "
        self.shapeless = self.shapeless or one
        return _number(one)


def _number(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _rows(chart: charts.Chart) -> Iterable[tuple[object, Item, Result | None]]:
    """Yield each line under its heading; of a test the latest, with the result that holds the earlier ones."""
    for name, heading in HEADINGS:
        for found in getattr(chart, name):
            if isinstance(found, Result):
                yield heading, found.latest, found
            else:
                yield heading, found, None


def _moment(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{written(local, 'j F Y')}, {written(local, 'H:i')}"
