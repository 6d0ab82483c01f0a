"""The sections of an International Patient Summary: their codes, what of a chart belongs in each, what it says.

Source: HL7 IPS 2.0.0, Composition-uv-ips. Pure: a chart in, choices and XHTML out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.html import escape
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from ehr.lines import clinical
from ehr.lines.chart import Chart, Item
from ehr.lines.line import Line

LOINC = "http://loinc.org"
EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
XHTML = "http://www.w3.org/1999/xhtml"
MEDICINES = frozenset({"MedicationRequest", "MedicationStatement"})
# What people say was done to somebody is told by its latest time; a summary is no diary.
_ONCE = "once"


@dataclass(frozen=True)
class Section:
    """One section: its LOINC code and that code's name, its title, and how its entries are found in a chart."""

    slug: str
    code: str
    display: str
    title: object  # translated when shown
    chosen: Callable[[Chart], Iterable[Item]]
    nothing: object = ""  # what a required section says where nothing is known


def _allergies(chart: Chart) -> Iterable[Item]:
    return [*chart.allergies, *_denied(chart)]


def _denied(chart: Chart) -> list[Item]:
    """Return what says that there are no allergies, where somebody wrote that and nothing speaks against it."""
    return chart.denied_allergies if chart.no_known_allergies else []


def _medicines(chart: Chart) -> Iterable[Item]:
    return [item for item in chart.medicines if item.resource["resourceType"] in MEDICINES]


def _latest_labs(chart: Chart) -> Iterable[Item]:
    return [result.latest for result in chart.labs]


def _latest_vitals(chart: Chart) -> Iterable[Item]:
    return [result.latest for result in chart.vitals]


def _done(chart: Chart) -> Iterable[Item]:
    return _latest(item for item in chart.procedures if item.line.state != "not-done")


def _vaccinated(chart: Chart) -> Iterable[Item]:
    return [item for item in chart.immunizations if item.line.state == "completed"]


def _plans(chart: Chart) -> Iterable[Item]:
    """Return what is not to be given or done, then the plans; all of it in force."""
    wanted = [item for item in chart.plans if item.line.forbidden or item.line.kind == "plan"]
    return [item for item in [*chart.not_given, *wanted] if item.line.state == "active"]


def _habits(chart: Chart) -> Iterable[Item]:
    return _latest(item for item in chart.answers if item.line.kind == "social")


def _devices(chart: Chart) -> Iterable[Item]:
    return [item for item in chart.other if item.line.kind == "device" and item.resource.get("patient")]


def _latest(items: Iterable[Item]) -> list[Item]:
    """Return the first about each thing: of items newest first, the latest."""
    found: dict[str, Item] = {}
    for item in items:
        found.setdefault(item.about, item)
    return list(found.values())


# Required sections first, always there; the others only where they hold something.
SECTIONS = (
    Section(
        "allergies",
        "48765-2",
        "Allergies and adverse reactions Document",
        gettext_lazy("Allergies"),
        _allergies,
        gettext_lazy("There is no information about allergies."),
    ),
    Section(
        "medicines",
        "10160-0",
        "History of Medication use Narrative",
        gettext_lazy("Medicines"),
        _medicines,
        gettext_lazy("There is no information about medicines."),
    ),
    Section(
        "problems",
        "11450-4",
        "Problem list - Reported",
        gettext_lazy("Conditions"),
        lambda chart: chart.problems,
        gettext_lazy("There is no information about conditions."),
    ),
    Section(
        "immunizations",
        "11369-6",
        "History of Immunization Narrative",
        gettext_lazy("Vaccinations"),
        _vaccinated,
    ),
    Section(
        "results",
        "30954-2",
        "Relevant diagnostic tests/laboratory data Narrative",
        gettext_lazy("Test results"),
        _latest_labs,
    ),
    Section("vitals", "8716-3", "Vital signs", gettext_lazy("Measurements"), _latest_vitals),
    Section(
        "procedures",
        "47519-4",
        "History of Procedures Document",
        gettext_lazy("Operations and procedures"),
        _done,
    ),
    Section("devices", "46264-8", "History of medical device use", gettext_lazy("Devices"), _devices),
    Section("plans", "18776-5", "Plan of care note", gettext_lazy("Plans"), _plans),
    Section("social", "29762-2", "Social history Narrative", gettext_lazy("Habits"), _habits),
    Section(
        "past",
        "11348-0",
        "History of Past illness Narrative",
        gettext_lazy("Past conditions"),
        lambda chart: _latest(chart.past_problems),
    ),
)


def said(section: Section, items: Sequence[Item]) -> str:
    """Return a section's narrative: its lines as a list, or what is not known. Every text is escaped."""
    if not items:
        return _div(f"<p>{escape(section.nothing)}</p>")
    if section.slug == "allergies" and all(clinical.no_known_allergies(item.resource) for item in items):
        return _div(f"<p>{escape(_('Somebody wrote down that there are no known allergies.'))}</p>")
    return _div("<ul>" + "".join(f"<li>{_line(item.line)}</li>" for item in items) + "</ul>")


def _div(inside: str) -> str:
    language = escape(get_language() or "en")
    return f'<div xmlns="{XHTML}" lang="{language}" xml:lang="{language}">{inside}</div>'


def _line(line: Line) -> str:
    found = " ".join(part for part in (line.value, line.unit) if part)
    rest = (found, line.abnormal_word, line.range_text, line.status, line.detail, line.date)
    told = " · ".join(_printable(part) for part in rest if part)
    return f"<b>{_printable(line.title)}</b>" + (f" {told}" if told else "")


def _printable(text: str) -> str:
    """Return a text as XHTML can hold it: escaped, without the control characters that XML has no place for."""
    return escape("".join(one for one in text if one >= " " or one in "\t\n"))
