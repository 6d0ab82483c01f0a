"""Figures as anybody sees them who may: each measure in words, with its numbers as a picture, a table and a file."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ehr.lines import bars
from research import queries
from research.figures.words import WORDS, Words, group_words
from research.measures.codes import ValueSet, value_sets
from research.measures.definitions import DEFINITIONS, Definition
from research.measures.lines import Line
from research.models import Figure, FigureRun, Study

HIDDEN = "hidden"


@dataclass(frozen=True)
class Row:
    """One line of a table, in words."""

    name: str
    people: str
    met: str
    share: str


@dataclass(frozen=True)
class Shown:
    """A measure and what is told of it. `run` made the numbers; it is None where nothing is told yet.

    `stands` is the run that looked last, where it made no new numbers because too few people changed.
    """

    name: str
    words: Words
    definition: Definition
    run: FigureRun | None = None
    version: int = 0
    stands: FigureRun | None = None
    said: str = ""
    picture: SafeString | str = ""
    rows: Sequence[Row] = ()

    @property
    def lists(self) -> list[ValueSet]:
        """The code lists it goes by."""
        return [value_sets()[name] for name in (*self.definition.goes_by, *self.definition.leaves_out)]


def shown(study: Study) -> list[Shown]:
    """Return each measure of a study as it stands."""
    return [_shown(study, name) for name in study.measures]


def _shown(study: Study, name: str) -> Shown:
    rows = _figures(study).filter(measure=name)
    last = rows.first()
    if last is None:
        return Shown(name, WORDS[name], DEFINITIONS[name])
    told = last.stands or last
    everybody, groups = _lines(told)
    lines = [everybody, *groups]
    words = WORDS[name]
    title = str(words.title)
    drawn = [bars.Bar(_name(one), (one.share or 0) / 100, _share(one), one.share is None) for one in lines]
    described = "; ".join(f"{_name(one)}: {_share(one)}" for one in lines)
    return Shown(
        name,
        words,
        DEFINITIONS[name],
        told.run,
        told.version,
        last.run if last.stands else None,
        _said(everybody),
        bars.svg(drawn, title=title, description=described, whole=1.0),
        [Row(_name(one), _number(one.people), _number(one.met), _share(one)) for one in lines],
    )


def written(study: Study) -> str:
    """Return all figures that were ever told as CSV, the newest first; a hidden number is the word "hidden"."""
    file = io.StringIO()
    out = csv.writer(file)
    out.writerow(
        ["measure", "version", "first_day", "last_day", "made_on", "group", "people", "counted", "share_percent"]
    )
    out.writerows(_written(study))
    return file.getvalue()


def _written(study: Study) -> Iterator[list[object]]:
    for one in _figures(study).filter(stands=None):
        everybody, groups = _lines(one)
        run = one.run
        made_on = run.ended_at.date().isoformat() if run.ended_at else ""
        for line in (everybody, *groups):
            numbers = [HIDDEN if number is None else number for number in (line.people, line.met, line.share)]
            days = [run.first.isoformat(), run.last.isoformat(), made_on]
            yield [one.measure, one.version, *days, line.group or "everybody", *numbers]


def _figures(study: Study):
    rows = Figure.objects.filter(run__study=study, run__state=FigureRun.State.READY).defer("assigned")
    return rows.select_related("run", "stands__run").defer("stands__assigned").order_by("-run__month", "measure", "pk")


def _lines(figure: Figure) -> tuple[Line, list[Line]]:
    return Line("", *figure.everybody), [Line(group, *numbers) for group, *numbers in figure.groups]


def _name(line: Line) -> str:
    return group_words(line.group) if line.group else _("Everybody")


def _share(line: Line) -> str:
    return _("too few to tell") if line.share is None else f"{line.share} %"


def _number(number: int | None) -> str:
    return _("not told") if number is None else _("about %(number)d") % {"number": number}


def _said(everybody: Line) -> str:
    """Return what is told of everybody as a sentence."""
    if everybody.people is None:
        return _("Too few people to tell. Numbers are shown from %(small)d people on.") % {
            "small": queries.rules().small
        }
    if everybody.share is None:
        return _(
            "It is of about %(people)d people. How many are counted is not told: few of them are, or all but few."
        ) % {"people": everybody.people}
    return _("Of about %(people)d people, about %(met)d: %(share)d %%.") % {
        "people": everybody.people, "met": everybody.met, "share": everybody.share,
    }  # fmt: skip
