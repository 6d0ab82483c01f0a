"""What a researcher types: who they are, and what a study asks."""

import json
from datetime import datetime, time
from decimal import Decimal
from typing import Self

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.payments import amounts
from ehr.frame.forms import DayField, NameField
from ehr.frame.licence_forms import HandedIn, country, document, last_day, line
from ehr.frame.part_forms import PartsForm
from ehr.words import SENSITIVE
from providers.credentials import Licence
from providers.roles import Role
from providers.rules import NotPossible
from research import queries
from research.models import Study
from research.models.studies import currency_code
from research.studies import proposing
from research.studies.proposing import FILE_BYTES, Asked

_EXAMPLE = """{
  "resource": "Observation",
  "select": [{"column": [{"name": "code", "path": "code.coding.first().code"}]}]
}"""


def _text(label, missing, *, rows: int, **more) -> forms.CharField:
    return line(label, missing, widget=forms.Textarea({"rows": rows}), **more)


class TrainingForm(HandedIn):
    """What shows that somebody may do research: who vouches for them, and their training."""

    over = gettext_lazy("This has ended already. Hand in the renewed one.")
    number = line(
        gettext_lazy("Number of your staff card or registration"),
        gettext_lazy("Type the number under which your institution knows you."),
        max_length=100,
    )
    issuing_body = line(
        gettext_lazy("Issued by"),
        gettext_lazy("Name who issued it."),
        help_text=gettext_lazy("For example: City University, Research Office"),
    )
    country = country()
    expires = last_day(gettext_lazy("Give the last day on which it counts."))
    training = _text(
        gettext_lazy("Training"),
        gettext_lazy("Say which training in research with people’s data you have had."),
        rows=3,
        max_length=2_000,
        help_text=gettext_lazy("In research with people and in the protection of their data: where, and when"),
    )
    evidence = document(
        gettext_lazy("A picture of your certificate"),
        gettext_lazy("Choose a scan or photo of your certificate."),
        gettext_lazy("A PDF, JPEG or PNG of at most 5 MB. Verifiers see it, nobody else."),
    )

    def licence(self) -> Licence:
        """Return what was said, for the role of a researcher."""
        return self.said_of(Role.RESEARCHER)


class RegisterForm(TrainingForm):
    """Who somebody is as a researcher, where they work, and their training."""

    title = NameField(
        label=gettext_lazy("Title"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("For example: Dr"),
        widget=forms.TextInput({"class": "short", "autocomplete": "honorific-prefix"}),
    )
    professional_name = NameField(
        label=gettext_lazy("Name, as people read it"),
        max_length=200,
        error_messages={"required": gettext_lazy("Type your name.")},
    )
    institution = forms.ModelChoiceField(
        label=gettext_lazy("You work at"),
        queryset=None,
        empty_label=gettext_lazy("Choose one"),
        help_text=gettext_lazy("Yours is not listed? Ask it to sign up first."),
        error_messages={"required": gettext_lazy("Choose where you work.")},
    )
    field_order = ("title", "professional_name", "institution")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = queries.places()


class ProposalForm(forms.Form):
    """What every study says: what it is about, until when, who earns, what an ethics board said.

    `kept` says that a document is on file already.
    """

    # What of a study stands in a field of the same name.
    same: tuple[str, ...] = ("title", "plain", "purpose", "commercial", "ethics_body", "ethics_reference")

    once = forms.UUIDField(widget=forms.HiddenInput, required=False)
    title = line(gettext_lazy("Title, as people read it"), gettext_lazy("Give the study a title."), max_length=160)
    plain = _text(
        gettext_lazy("What you want to find out, in plain words"),
        gettext_lazy("Say in a few sentences what you want to find out."),
        rows=4,
        max_length=1_500,
        help_text=gettext_lazy("Everybody who may join reads this. No technical words; say what it is good for."),
    )
    purpose = _text(
        gettext_lazy("Purpose and method, for the committee"),
        gettext_lazy("Say what the data are for, and how they are analysed."),
        rows=6,
        max_length=4_000,
    )
    commercial = forms.BooleanField(label=gettext_lazy("Somebody may earn money with the results"), required=False)
    until = DayField(
        label=gettext_lazy("Last day of the study"),
        help_text=gettext_lazy("After it nothing is read any more. Five years at most."),
        error_messages={
            "required": gettext_lazy("Give the last day of the study."),
            "invalid": gettext_lazy("Write a day, for example 31 December 2027."),
        },
    )
    ethics_body = line(gettext_lazy("Ethics board"), gettext_lazy("Name the board that approved the study."))
    ethics_reference = line(
        gettext_lazy("Its reference"), gettext_lazy("Type the reference of its approval."), max_length=100
    )
    ethics = document(
        gettext_lazy("Its approval"),
        gettext_lazy("Choose a scan of the approval."),
        gettext_lazy("A PDF, JPEG or PNG of at most 5 MB. The committee sees it, nobody else."),
    )

    def __init__(self, *args, kept: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        if kept:
            self.fields["ethics"].required = False
            self.fields["ethics"].help_text = _("One is on file. Choose another only to replace it.")

    @classmethod
    def of(cls, study: Study) -> Self:
        """Return the form as a study fills it in."""
        return cls(initial=cls.said_by(study), kept=True)

    @classmethod
    def said_by(cls, study: Study) -> dict[str, object]:
        """Return what each field says of a study."""
        said = {name: getattr(study, name) for name in cls.same}
        return said | {"until": timezone.localtime(study.ends).date()}

    def clean_ethics(self):
        document = self.cleaned_data["ethics"]
        if document and document.size > FILE_BYTES:
            raise forms.ValidationError(_("This file is larger than 5 MB. Choose a smaller scan."))
        return document

    def document(self) -> bytes:
        """Return the ethics board's document; empty where none was chosen."""
        sent = self.cleaned_data["ethics"]
        return sent.read() if sent else b""

    def terms(self) -> dict[str, object]:
        """Return what is asked, but for what is. It goes on until the last minute of its last day, where one is."""
        told = self.cleaned_data
        ends = timezone.make_aware(datetime.combine(told["until"], time(23, 59)))
        return {name: told[name] for name in self.same} | {"ends": ends}


class StudyForm(ProposalForm, PartsForm):
    """What a study asks of whom, and for what pay."""

    asks = gettext_lazy("Parts of the record the study needs")
    warns = gettext_lazy("People are asked about these on their own. Ask only if the study cannot do without.")
    same = (*ProposalForm.same, "determination", "local_recoding", "currency")

    views = _text(
        gettext_lazy("Views: which columns you need"),
        gettext_lazy("Paste the views of your study."),
        rows=8,
        max_length=proposing.VIEWS_BYTES,
        help_text=gettext_lazy("SQL on FHIR ViewDefinitions as JSON: one, or a list. Free text never leaves."),
    )
    determination = forms.CharField(
        label=gettext_lazy("Whole days instead of years: by whose determination"),
        max_length=300,
        required=False,
        help_text=gettext_lazy(
            "Leave this empty, and dates leave as years. Days leave only if an expert has determined in writing that "
            "nobody is recognised by them: name the expert and the document. Each person’s days are then moved by a "
            "number of days of their own, and are as coarse as they must be for people to look alike."
        ),
    )
    local_recoding = forms.BooleanField(
        label=gettext_lazy("Spans of different width, and nobody left out"),
        required=False,
        help_text=gettext_lazy(
            "Without this a whole column of ages, years or areas becomes coarser alike, and the few who would still "
            "stand alone are left out. With it (Mondrian) spans are narrow where many people are alike and wide where "
            "few are; your program must bear that."
        ),
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Pay for each person and release"),
        min_value=0,
        max_digits=9,
        initial=Decimal(0),
        help_text=gettext_lazy("0 for none. Whoever withdraws keeps what was due until then."),
        error_messages={
            "required": gettext_lazy("Give an amount, 0 for none."),
            "invalid": gettext_lazy("Write an amount such as 5 or 7.50."),
        },
    )
    currency = line(
        gettext_lazy("Currency"),
        gettext_lazy("Give the currency as three capital letters, such as CAD or EUR."),
        max_length=3,
        widget=forms.TextInput({"class": "short", "autocapitalize": "characters"}),
    )
    by_contract = forms.BooleanField(
        label=gettext_lazy("Pay through the contract"),
        required=False,
        help_text=gettext_lazy(
            "What people are due is set aside in public when data leave, and each has it sent to an account of theirs "
            "or leaves it with your institution. Without it your institution pays everybody from a file."
        ),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offer()
        if not settings.RESEARCH_PAY_WEI:
            del self.fields["by_contract"]
        self.fields["views"].widget.attrs |= {"class": "code", "spellcheck": "false", "dir": "ltr"}
        self.fields["views"].initial = self.initial.get("views", _EXAMPLE)

    @classmethod
    def said_by(cls, study: Study) -> dict[str, object]:
        chosen = set(study.categories)
        said = {"ordinary": sorted(chosen - SENSITIVE), "sensitive": sorted(chosen & SENSITIVE)}
        said["views"] = json.dumps(study.views, indent=2, ensure_ascii=False)
        said["by_contract"] = bool(study.unit)
        said["amount"] = Decimal(study.pay).scaleb(-amounts.digits(study.currency))
        return super().said_by(study) | said

    def clean_currency(self) -> str:
        currency = self.cleaned_data["currency"].upper()
        currency_code(currency)
        return currency

    def clean_views(self) -> tuple[dict, ...]:
        try:
            return proposing.read_views(self.cleaned_data["views"])
        except NotPossible as problem:
            raise forms.ValidationError(str(problem)) from problem

    def clean(self):
        if "ordinary" not in self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part that the study needs."))
        if not self.errors:
            minor = self.cleaned_data["amount"].scaleb(amounts.digits(self.cleaned_data["currency"]))
            if minor != minor.to_integral_value():
                self.add_error("amount", _("This amount has more digits than the currency has."))
            self.cleaned_data["minor"] = int(minor)
            self.cleaned_data["unit"] = self._unit()

    def _unit(self) -> int:
        """Return how many wei stand for the smallest unit of the pay; 0 where the institution pays."""
        told, units = self.cleaned_data, settings.RESEARCH_PAY_WEI
        if not told.get("by_contract") or not told["amount"]:
            return 0
        if told["currency"] not in units:
            said = _("The contract pays in these currencies: %(known)s. Choose one, or let your institution pay.")
            self.add_error("by_contract", said % {"known": ", ".join(sorted(units))})
        return units.get(told["currency"], 0)

    def asked(self) -> Asked:
        """Return what the study asks."""
        told = self.cleaned_data
        parts = tuple(self.categories())
        return Asked(**self.terms(), categories=parts, views=told["views"], pay=told["minor"], unit=told["unit"])


class AnswerForm(forms.Form):
    """What a researcher answers the committee."""

    answer = _text(
        gettext_lazy("Your answer"),
        gettext_lazy("Write an answer first."),
        rows=4,
        max_length=4_000,
    )
