"""A chart laid out for a page: who, under which permission, then sections that are the same for everybody.

It is made of what the door handed out and decides nothing. A section whose part is not shared says only that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import queries, sentences
from consent.access import Chart as Opened
from consent.access import OpenEntry
from ehr.frame.categories import all_six
from ehr.lines import chart as charts
from ehr.lines import contents
from ehr.lines.chart import Chart, Item, Result
from ehr.lines.line import Line
from ehr.portals.clinician import words
from ehr.words import SENSITIVE, Category
from patients.models import Patient

FOLD = 8  # lines of a section on the first page
FOLD_RESULTS = 10
VALUES = 12  # values of one test before "all" is needed
WORDS = 280
SOON = timedelta(days=3)


@dataclass(frozen=True)
class Row:
    """One line with where it comes from, whether that can be trusted, and what may be done with it."""

    line: Line
    entry: OpenEntry
    sensitive: str
    own: str
    cut: bool
    writable: bool
    struck: bool = False

    @property
    def by(self) -> str:
        return self.entry.author_name

    @property
    def status(self) -> str:
        """The state in a word, unless it goes without saying where the line stands."""
        return "" if self.line.state in {"active", "final"} else self.line.status

    @property
    def unsigned(self) -> bool:
        return not self.entry.author_valid

    @property
    def unopened(self) -> bool:
        return self.entry.raw is None


@dataclass(frozen=True)
class Test:
    """All results of one test: the latest as a row, the earlier ones below it, a picture of how it went."""

    result: Result
    rows: Sequence[Row]

    @property
    def latest(self) -> Row:
        return self.rows[0]

    @property
    def shown(self) -> Sequence[Row]:
        return self.rows[:VALUES]


@dataclass
class Section:
    """One section of a chart. `shared` is false where the part it belongs to is not open to this reader."""

    slug: str
    name: str
    shared: bool
    kind: str = ""  # what can be added here
    none: str = ""
    rows: Sequence[Row] = ()
    past: Sequence[Row] = ()
    past_name: str = ""
    labs: Sequence[Test] = ()
    vitals: Sequence[Test] = ()

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.past) + len(self.labs) + len(self.vitals)

    @property
    def head(self) -> Sequence[Row]:
        return self.rows[:FOLD]

    @property
    def head_past(self) -> Sequence[Row]:
        return self.past[:FOLD]

    @property
    def head_labs(self) -> Sequence[Test]:
        return self.labs[:FOLD_RESULTS]

    @property
    def head_vitals(self) -> Sequence[Test]:
        return self.vitals[:FOLD_RESULTS]

    @property
    def folded(self) -> bool:
        """Tell whether there is more than the first page shows."""
        return (
            max(len(self.rows), len(self.past)) > FOLD
            or max(len(self.labs), len(self.vitals)) > FOLD_RESULTS
            or any(len(test.rows) > VALUES for test in [*self.head_labs, *self.head_vitals])
        )


@dataclass(frozen=True)
class Allergies:
    """The line about allergies in the bar that stays in sight."""

    text: str
    known: bool


@dataclass(frozen=True)
class Permission:
    """One permission under which one is reading, in words."""

    parts: str
    whole: bool
    purpose: str
    ends: datetime
    left: str
    soon: bool
    writes: str
    report_days: int | None = None  # it ends so many days after a report that is still awaited


@dataclass(frozen=True)
class Part:
    """One of the six parts, which are listed for everybody alike."""

    name: str
    open: bool
    writable: bool


@dataclass
class Sheet:
    """Everything a chart's page says."""

    patient: Patient
    age: str
    allergies: Allergies
    permissions: list[Permission]
    parts: list[Part]
    sections: list[Section] = field(default_factory=list)
    unreadable: int = 0
    refers: bool = False  # its reader may propose a colleague

    @property
    def soon(self) -> bool:
        return any(one.soon for one in self.permissions)

    @property
    def whole(self) -> bool:
        return all(part.open for part in self.parts)

    @property
    def may_write(self) -> bool:
        return any(part.writable for part in self.parts)

    @property
    def reports(self) -> bool:
        """Tell whether a report is awaited that its reader may write."""
        return any(one.report_days is not None and one.writes for one in self.permissions)


def lay_out(opened: Opened, at: datetime) -> Sheet:
    """Return the page of an opened chart."""
    chart = charts.build(opened.entries)
    return Sheet(
        patient=opened.patient,
        age=words.age(opened.patient.birth_date, at),
        allergies=_allergies(chart, opened),
        permissions=[_permission(grant, opened, at) for grant in sorted(opened.grants, key=lambda one: one.ends)],
        parts=[
            Part(one.name, Category(one.slug) in opened.categories, Category(one.slug) in opened.writable)
            for one in all_six()
        ],
        sections=_sections(chart, opened),
        unreadable=len(chart.unreadable),
    )


def _allergies(chart: Chart, opened: Opened) -> Allergies:
    names = list(dict.fromkeys(item.line.title for item in chart.allergies))
    if names:
        return Allergies(_("Allergies: %(names)s") % {"names": sentences.listed(names)}, known=True)
    if Category.HISTORY not in opened.categories:
        return Allergies(_("Allergies not shared"), known=False)
    if chart.no_known_allergies:
        return Allergies(_("No known allergies"), known=False)
    return Allergies(_("No allergies recorded: ask before you prescribe"), known=False)


def _permission(grant, opened: Opened, at: datetime) -> Permission:
    used = [part for part in grant.categories if part in opened.categories]
    written = [part for part in grant.categories if part in opened.writable and grant.may_write]
    ends = queries.facts(grant).ends  # sooner than its own end, where a report or what it hangs from ends it
    awaited = getattr(grant, "report", None) is None
    return Permission(
        parts=_seen(grant, used),
        whole=set(used) == set(Category),
        purpose=str(words.PURPOSES[opened.purpose]),
        ends=ends,
        left=words.left(ends, at),
        soon=ends - at <= SOON,
        writes="" if not written else _("it as well") if written == used else sentences.parts(written),
        report_days=grant.report_days if awaited else None,
    )


def _seen(grant, used: Sequence[str]) -> str:
    """Return the parts that a permission opens, or those that its chosen entries are in."""
    if not grant.is_bundle:
        return sentences.parts(used)
    first, last = grant.record_from, grant.record_until
    return words.narrowed(grant.categories, len(grant.entries), first=first, last=last, places=grant.places)


def row(item: Item | OpenEntry, line: Line, opened: Opened, *, struck: bool = False) -> Row:
    """Return one line with its source."""
    entry = item.entry if isinstance(item, Item) else item
    own = contents.own_words(entry.resource) if line.kind == "note" else ""
    closed = [part for part in entry.parts if part in SENSITIVE]
    return Row(
        line=line,
        entry=entry,
        sensitive=sentences.parts(closed),
        own=own[:WORDS].rstrip(),
        cut=len(own) > WORDS,
        writable=all(part in opened.writable for part in entry.parts),
        struck=struck,
    )


_SECTIONS = (
    # slug, name, the part it belongs to, what can be added, what to say where there is nothing
    ("allergies", gettext_lazy("Allergies"), Category.HISTORY, "allergy", gettext_lazy("No allergies are recorded.")),
    ("problems", gettext_lazy("Problems"), Category.HISTORY, "problem", gettext_lazy("No problems are recorded.")),
    (
        "medicines",
        gettext_lazy("Medicines"),
        Category.TREATMENT,
        "medicine",
        gettext_lazy("No medicines are recorded."),
    ),
    ("results", gettext_lazy("Results"), Category.LABS, "", gettext_lazy("No results are recorded.")),
    ("reports", gettext_lazy("Reports and scans"), Category.LABS, "", gettext_lazy("No reports are recorded.")),
    ("encounters", gettext_lazy("Visits"), Category.HISTORY, "", gettext_lazy("No visits are recorded.")),
    ("immunizations", gettext_lazy("Vaccinations"), Category.HISTORY, "", gettext_lazy("None are recorded.")),
    ("procedures", gettext_lazy("Procedures"), Category.HISTORY, "", gettext_lazy("No procedures are recorded.")),
    ("notes", gettext_lazy("Notes and documents"), Category.HISTORY, "note", gettext_lazy("No notes are recorded.")),
    (
        "dispensed",
        gettext_lazy("Handed out by pharmacies"),
        Category.TREATMENT,
        "",
        gettext_lazy("Nothing is recorded."),
    ),
    ("plans", gettext_lazy("Plans and referrals"), Category.TREATMENT, "plan", gettext_lazy("No plans are recorded.")),
    ("other", gettext_lazy("Everything else"), None, "", gettext_lazy("Nothing else is recorded.")),
)
_NONE_HERE = gettext_lazy("None in the parts you may see.")
SLUGS = frozenset(slug for slug, *_rest in _SECTIONS)


def _sections(chart: Chart, opened: Opened) -> list[Section]:
    """Return all sections in their fixed order, empty or not."""

    def rows(items: Iterable[Item]) -> list[Row]:
        return [row(item, item.line, opened) for item in items]

    def tests(results: Iterable[Result]) -> list[Test]:
        return [Test(result, rows(result.items)) for result in results]

    # Where a part is closed nobody can say that there is none.
    whole = set(opened.categories) == set(Category)
    found = {
        slug: Section(
            slug, str(name), part is None or part in opened.categories, kind, str(none if whole else _NONE_HERE)
        )
        for slug, name, part, kind, none in _SECTIONS
    }
    for slug in ("allergies", "dispensed", "reports", "encounters", "immunizations", "procedures", "notes", "plans"):
        found[slug].rows = rows(getattr(chart, slug))
    if chart.no_known_allergies:
        found["allergies"].none = _("No known allergies: somebody asked and wrote that down.")
    found["problems"].rows, found["problems"].past = rows(chart.problems), rows(chart.past_problems)
    found["problems"].past_name = _("Past problems")
    found["medicines"].rows = [*rows(chart.not_given), *rows(chart.medicines)]
    found["medicines"].past = rows(chart.past_medicines)
    found["medicines"].past_name = _("Past medicines")
    found["results"].labs, found["results"].vitals = tests(chart.labs), tests(chart.vitals)
    struck = [row(item, item.line, opened, struck=True) for item in chart.struck]
    lost = [row(entry, Line(title=_("An entry that cannot be opened")), opened) for entry in chart.unreadable]
    rest = [*chart.family, *chart.answers, *chart.people, *chart.bills, *chart.other]
    found["other"].rows = [*lost, *rows(rest)]
    found["other"].past, found["other"].past_name = struck, _("Entered in error")
    return list(found.values())
