"""Common situations: what patients are offered to begin with when they let somebody in."""

from functools import partial

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from consent import sentences
from consent.models import GrantTemplate
from consent.sharing import templates
from ehr.desk.worklist import Act, Facts, Line, Worklist
from ehr.words import Action, Category


def _parts() -> list[tuple[str, str]]:
    return [(str(part), capfirst(str(sentences.PARTS[part]))) for part in Category if not part.sensitive]


class NewSituation(forms.Form):
    """What is usually shared in a situation. Sensitive parts are not on offer."""

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("As a patient would call it."))
    description = forms.CharField(
        label=_("What it is for"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("One sentence under the name. The patient reads it."),
    )
    categories = forms.MultipleChoiceField(
        label=_("Parts"),
        choices=_parts,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Sensitive parts are never offered: patients choose them by hand."),
    )
    write = forms.BooleanField(label=_("They may also add to these parts"), required=False)
    days = forms.IntegerField(label=_("For how many days"), min_value=1, max_value=templates.MOST_DAYS)
    place = forms.IntegerField(
        label=_("Place in the list"), min_value=0, max_value=9_999, help_text=_("Small numbers come first.")
    )


class Situation(NewSituation):
    """The same, and whether it is on offer."""

    active = forms.BooleanField(label=_("Offer it to patients"), required=False)


@admin.register(GrantTemplate)
class Situations(Worklist):
    """What is on offer, in the order in which patients see it."""

    title = _("Common situations")
    lede = _("They fill a form. What a patient signed before stays as it is, whatever is changed here.")
    empty = _("No situation is in this list.")
    views = (("offered", _("On offer")), ("withdrawn", _("Not on offer")))
    new_form = NewSituation
    new_label = _("Add a situation")

    def rows(self, request: HttpRequest, view: str):
        return self.get_queryset(request).filter(active=view == "offered").order_by("place", "name")

    def found(self, rows, words: str):
        return rows.filter(Q(name__icontains=words) | Q(description__icontains=words))

    def line(self, row: GrantTemplate) -> Line:
        return Line(
            title=row.name,
            said=capfirst(sentences.parts(row.categories)),
            tag="" if row.active else gettext("not on offer"),
            look="plain",
        )

    def facts(self, row: GrantTemplate) -> Facts:
        writes = Action.WRITE in row.actions
        return [
            (_("What it is for"), row.description),
            (_("Parts"), sentences.parts(row.categories)),
            (_("May they write?"), _("yes") if writes else _("no, only read")),
            (_("How long"), ngettext("%(days)s day", "%(days)s days", row.days) % {"days": row.days}),
            (_("Place in the list"), row.place),
            (_("Last changed"), row.changed_at),
        ]

    def acts(self, request: HttpRequest, row: GrantTemplate) -> list[Act]:
        now = {
            "name": row.name,
            "description": row.description,
            "categories": row.categories,
            "write": Action.WRITE in row.actions,
            "days": row.days,
            "place": row.place,
            "active": row.active,
        }
        change = Act(
            "change",
            _("Save"),
            templates.change,
            _("Saved. Patients see it like this from now on."),
            form=partial(Situation, initial=now),
        )
        return [change] if self.may_make(request) else []

    def may_make(self, request: HttpRequest) -> bool:
        return request.user.has_perm(templates.PERMISSION)

    def make(self, request: HttpRequest, **asked):
        return templates.add(by=request.user, **asked)
