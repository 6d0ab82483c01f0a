"""Which of the six parts: two lists of ticks, the sensitive ones apart, and nothing ticked beforehand."""

from collections.abc import Collection

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from ehr.frame.categories import About, all_six
from ehr.frame.forms import Option


class PartsForm(forms.Form):
    """Some of the six parts. A form that asks for them says in its own words what for, and calls `offer`."""

    asks: str | Promise = gettext_lazy("Parts of the record")
    warns: str | Promise = gettext_lazy("They stay closed unless you tick them here, and are asked about again.")

    ordinary = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False)
    sensitive = forms.MultipleChoiceField(
        label=gettext_lazy("Sensitive parts"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def offer(self, among: Collection[str] | None = None) -> None:
        """Offer the six, or those of them; a list that would be empty is not there."""
        self.fields["ordinary"].label, self.fields["sensitive"].help_text = self.asks, self.warns
        for name, sensitive in (("ordinary", False), ("sensitive", True)):
            self.fields[name].choices = [
                (part.slug, Option(part.name, self.hint(part)))
                for part in all_six()
                if part.sensitive is sensitive and (among is None or part.slug in among)
            ]
            if not self.fields[name].choices:
                del self.fields[name]

    def hint(self, part: About) -> str:
        """Return what a part holds, as it stands below its name."""
        return f"{part.holds}."

    def categories(self) -> list[str]:
        """Return the parts that were ticked."""
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]
