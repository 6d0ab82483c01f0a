"""Who is to be counted, as a form of plain lines: age, sex, and what somebody had, was given or underwent; results."""

import re
from collections.abc import Iterable, Mapping, Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import DayField
from research import criteria

LINES, MOST_LINES = 1, 8
_PART = re.compile(r"who\.all\[(\d+)\](.*)")
# Where a problem stands, by the end of its path.
_FIELDS = {"from": "least", "to": "most", "code": "code", "system": "system", "display": "name"}
_FIELDS |= {name: name for name in ("unit", "since", "until")}


class PeopleForm(forms.Form):
    """Age and sex; nothing chosen is everybody."""

    least = forms.IntegerField(label=gettext_lazy("From age"), required=False, min_value=0, max_value=130)
    most = forms.IntegerField(label=gettext_lazy("To age"), required=False, min_value=0, max_value=130)
    sex = forms.MultipleChoiceField(
        label=gettext_lazy("Sex"),
        help_text=gettext_lazy("None chosen means any."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=(
            ("female", gettext_lazy("female")),
            ("male", gettext_lazy("male")),
            ("other", gettext_lazy("another sex")),
            ("unknown", gettext_lazy("not recorded")),
        ),
    )

    def nodes(self) -> list[dict[str, object]]:
        """Return what was chosen, as criteria have it."""
        told = self.cleaned_data
        age = {name: told[key] for name, key in (("from", "least"), ("to", "most")) if told.get(key) is not None}
        return ([{"age": age}] if age else []) + ([{"sex": told["sex"]}] if told.get("sex") else [])


class LineForm(forms.Form):
    """One thing more that must be so, or must not."""

    kind = forms.ChoiceField(
        label=gettext_lazy("What"),
        required=False,
        choices=(
            ("", gettext_lazy("Nothing more")),
            ("condition", gettext_lazy("A condition")),
            ("medication", gettext_lazy("A medicine")),
            ("procedure", gettext_lazy("A procedure")),
            ("lab", gettext_lazy("A result, ever")),
            ("latest", gettext_lazy("The latest result")),
        ),
    )
    lacks = forms.BooleanField(label=gettext_lazy("People who do not have it"), required=False)
    system = forms.ChoiceField(
        label=gettext_lazy("Coded in"),
        required=False,
        choices=(
            ("http://snomed.info/sct", "SNOMED CT"),
            ("http://loinc.org", "LOINC"),
            ("http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm"),
            ("http://hl7.org/fhir/sid/icd-10-cm", "ICD-10-CM"),
            ("http://hl7.org/fhir/sid/icd-10", "ICD-10"),
            ("http://www.ama-assn.org/go/cpt", "CPT"),
        ),
    )
    code = forms.CharField(label=gettext_lazy("Code"), required=False, max_length=100)
    name = forms.CharField(
        label=gettext_lazy("What it is called"),
        help_text=gettext_lazy("For your own reading; it changes no number."),
        required=False,
        max_length=200,
    )
    least = forms.CharField(label=gettext_lazy("Result from"), required=False, max_length=30)
    most = forms.CharField(label=gettext_lazy("Result to"), required=False, max_length=30)
    unit = forms.CharField(
        label=gettext_lazy("Unit"),
        help_text=gettext_lazy("As the laboratory codes it, for example % or mmol/L"),
        required=False,
        max_length=50,
    )
    since = DayField(label=gettext_lazy("Since"), required=False)
    until = DayField(label=gettext_lazy("Up to"), required=False)

    def clean(self) -> dict[str, object]:
        told = super().clean()
        if told.get("kind") and not told.get("code"):
            self.add_error("code", _("Type the code that is meant."))
        return told

    @property
    def open(self) -> bool:
        """Whether the rarer fields say something, or are to be corrected."""
        return any(self[name].value() or self[name].errors for name in ("least", "most", "unit", "since", "until"))

    def node(self) -> dict[str, object] | None:
        """Return the line, as criteria have it; None for a line that says nothing."""
        told = self.cleaned_data
        kind = told["kind"]
        if not kind:
            return None
        inside: dict[str, object] = {"codes": [_given(told, system="system", code="code", display="name")]}
        inside |= {name: told[name].isoformat() for name in ("since", "until") if told.get(name)}
        if kind in {"lab", "latest"}:
            inside |= _given(told, **{"from": "least", "to": "most", "unit": "unit"})
            inside |= {"which": "latest"} if kind == "latest" else {}
            kind = "lab"
        node: dict[str, object] = {kind: inside}
        return {"not": node} if told.get("lacks") else node


def _given(told: Mapping[str, object], **names: str) -> dict[str, object]:
    return {name: told[key] for name, key in names.items() if told.get(key)}


class Asked:
    """The whole form: people, and lines one after another."""

    def __init__(self, data: QueryDict | None = None, *, document: Mapping[str, object] | None = None) -> None:
        people, lines = _initial(document) if document else ({}, [])
        count = max(LINES, len(lines))
        if data is not None:
            count = sum(f"line{number}-kind" in data for number in range(MOST_LINES)) + ("more" in data)
        self.people = PeopleForm(data, prefix="who", initial=people)
        lines += [{}] * MOST_LINES
        # A line that was only just asked for is empty, not wrong.
        self.lines = [
            LineForm(
                data if data is None or f"line{number}-kind" in data else None, prefix=f"line{number}", initial=one
            )
            for number, one in enumerate(lines[: min(max(count, 1), MOST_LINES)])
        ]
        self.can_have_more = len(self.lines) < MOST_LINES

    def read(self) -> dict[str, object] | None:
        """Return the criteria as a document, or None where a form says what is missing."""
        sent = [one for one in self.lines if one.is_bound]
        if not all([self.people.is_valid(), *(one.is_valid() for one in sent)]):
            return None
        parts: list[tuple[forms.Form, dict[str, object]]] = [(self.people, node) for node in self.people.nodes()]
        parts += [(one, node) for one in sent if (node := one.node())]
        if not parts:
            self.people.add_error(None, _("Choose an age, a sex, or at least one thing below."))
            return None
        document = {"version": 1, "who": {"all": [node for _form, node in parts]}}
        try:
            criteria.read(document)
        except criteria.NotUnderstood as problem:
            self._tell(problem.problems, [form for form, _node in parts])
            return None
        return document

    def _tell(self, problems: Iterable[criteria.Problem], of: Sequence[forms.Form]) -> None:
        """Say each problem at the field that it is about."""
        for one in problems:
            found = _PART.match(one.path)
            form = of[int(found[1])] if found else self.people
            field = _FIELDS.get(found[2].rpartition(".")[2]) if found else None
            form.add_error(field if field in form.fields else None, one.said(_))


def _initial(document: Mapping[str, object]) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Return what this form was filled in with, from the criteria that it made."""
    people: dict[str, object] = {}
    lines: list[dict[str, object]] = []
    for part in document["who"].get("all", []):
        if "age" in part:
            people |= {"least": part["age"].get("from"), "most": part["age"].get("to")}
        elif "sex" in part:
            people["sex"] = part["sex"]
        else:
            lines.append(_line(part))
    return people, lines


def _line(part: Mapping[str, object]) -> dict[str, object]:
    lacks, node = "not" in part, part.get("not", part)
    ((kind, inside),) = node.items()
    code = inside["codes"][0]
    return {
        "kind": "latest" if inside.get("which") == "latest" else kind,
        "lacks": lacks,
        "system": code["system"],
        "code": code["code"],
        "name": code.get("display", ""),
        "least": inside.get("from", ""),
        "most": inside.get("to", ""),
        "unit": inside.get("unit", ""),
        "since": inside.get("since"),
        "until": inside.get("until"),
    }
