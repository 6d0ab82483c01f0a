"""What a researcher types who proposes figures of a population: the same as of any study, and which figures."""

from django import forms
from django.utils.translation import gettext_lazy

from ehr.frame.forms import Option
from ehr.portals.researcher.forms import ProposalForm
from ehr.words import Category
from research.figures.words import WORDS
from research.measures.definitions import needs
from research.studies.proposing import Asked


class FiguresForm(ProposalForm):
    """Which figures. The parts of the record follow from them, and no rows leave, so that there are no views."""

    same = (*ProposalForm.same, "measures")

    measures = forms.MultipleChoiceField(
        label=gettext_lazy("Which figures"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Tick at least one of the figures.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        offered = [(name, Option(str(words.title), str(words.counted))) for name, words in WORDS.items()]
        self.fields["measures"].choices = offered

    def asked(self) -> Asked:
        """Return what the study asks."""
        needed = needs(self.cleaned_data["measures"])
        parts = tuple(str(part) for part in Category if part in needed)
        return Asked(**self.terms(), categories=parts, views=(), pay=0, currency="USD")
