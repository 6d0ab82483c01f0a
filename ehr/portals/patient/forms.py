"""What a patient adds and asks: one small form each."""

import base64
import uuid
from datetime import datetime, timedelta

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.frame.forms import Moment, Words, known_year
from ehr.portals.patient.readings import LOINC, Reading, observation

LARGEST_FILE = 10 * 1024 * 1024
# What a file is, is told by how it begins, not by what it is called.
BEGINNINGS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def _when() -> forms.DateTimeField:
    return forms.DateTimeField(
        label=_("When was it?"),
        widget=Moment,
        validators=[known_year],
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        error_messages={
            "required": _("Say when it was."),
            "invalid": _("Write the day and the time, for example 20 November 2026, 8:30."),
        },
    )


class _Once(forms.Form):
    """A form that makes one entry, however often it is sent: its id is given out with the page."""

    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4, required=False)


class _Dated(_Once):
    """A form about something that was at some time, not later than now."""

    def clean_at(self) -> datetime:
        at = self.cleaned_data["at"]
        if at > clock.now() + timedelta(minutes=5):
            raise forms.ValidationError(_("This lies in the future. Choose a time that has been."))
        if at.year < 1900:
            raise forms.ValidationError(_("This lies too far back. Look at the year again."))
        return at


class ReadingForm(_Dated):
    """One reading: a number for each of its parts, a unit where there is a choice, and when it was."""

    def __init__(self, reading: Reading, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reading = reading
        units = reading.parts[0].units
        for part in reading.parts:
            label = part.name if len(units) > 1 else f"{part.name} ({units[0].shown})"
            self.fields[part.slug] = forms.DecimalField(
                label=label,
                max_digits=8,
                decimal_places=3,
                localize=True,
                widget=forms.TextInput({"inputmode": "decimal", "class": "short", "autocomplete": "off"}),
                error_messages={
                    "required": _("Write the number."),
                    "invalid": _("Write only the number here."),
                    "max_digits": _("This is too long for a reading. Look at the number again."),
                    "max_whole_digits": _("This is too long for a reading. Look at the number again."),
                    "max_decimal_places": _("Write at most three digits after the point."),
                },
            )
        if len(units) > 1:
            self.fields["unit"] = forms.ChoiceField(
                label=_("Unit"),
                choices=[(unit.ucum, unit.shown) for unit in units],
                widget=forms.RadioSelect,
                error_messages={"required": _("Choose the unit your meter shows.")},
            )
        self.fields["at"] = _when()
        self.fields["at"].initial = timezone.localtime(clock.now()).replace(second=0, microsecond=0)
        self.fields["note"] = Words(
            label=_("Anything to say about it?"),
            required=False,
            max_length=500,
            help_text=_("For example: after lunch"),
        )

    def _unit(self, part):
        chosen = self.cleaned_data.get("unit", part.units[0].ucum)
        return next((unit for unit in part.units if unit.ucum == chosen), None)

    def clean(self):
        """Refuse what nobody's body does: a slip of the finger or the wrong unit."""
        for part in self.reading.parts:
            value, unit = self.cleaned_data.get(part.slug), self._unit(part)
            if value is not None and unit and not unit.least <= value <= unit.most:
                limits = {"least": localize(unit.least), "most": localize(unit.most), "unit": unit.shown}
                self.add_error(
                    part.slug,
                    _("This should lie between %(least)s and %(most)s %(unit)s. Look at the number again.") % limits,
                )
        upper, lower = self.cleaned_data.get("upper"), self.cleaned_data.get("lower")
        if upper is not None and lower is not None and upper <= lower:
            self.add_error("lower", _("The lower number is smaller than the upper one. They may have changed places."))

    def resource(self) -> dict[str, object]:
        """Return the reading as a FHIR Observation."""
        numbers = {part.slug: (self.cleaned_data[part.slug], self._unit(part)) for part in self.reading.parts}
        at = timezone.localtime(self.cleaned_data["at"])
        return observation(self.reading, numbers, at=at, note=self.cleaned_data["note"])


class NoteForm(_Once):
    """A note in the patient's own words."""

    title = Words(
        label=_("What is it about?"),
        max_length=120,
        help_text=_("A few words, for example: headaches since Monday"),
        error_messages={"required": _("Write in a few words what it is about.")},
    )
    words = Words(
        label=_("Your note"),
        max_length=10_000,
        widget=forms.Textarea({"rows": 8}),
        error_messages={"required": _("Write your note.")},
    )

    def resource(self) -> dict[str, object]:
        """Return the note as a FHIR DocumentReference with its text inside."""
        data = base64.b64encode(self.cleaned_data["words"].encode()).decode()
        attachment = {"contentType": "text/plain; charset=utf-8", "data": data, "title": self.cleaned_data["title"]}
        return _document(("51855-5", "Patient Note"), self.cleaned_data["title"], attachment, at=clock.now())


class FileForm(_Once):
    """A PDF or a picture."""

    title = Words(
        label=_("What is it?"),
        max_length=120,
        help_text=_("For example: letter from the eye clinic"),
        error_messages={"required": _("Write in a few words what it is.")},
    )
    file = forms.FileField(
        label=_("The file"),
        help_text=_("A PDF, JPEG or PNG of at most 10 MB. Photos may hold the place where they were taken."),
        widget=forms.FileInput({"accept": "application/pdf,image/jpeg,image/png"}),
        error_messages={
            "required": _("Choose a file."),
            "empty": _("This file is empty. Choose another."),
            "missing": _("Choose a file."),
        },
    )

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(_("This file is larger than 10 MB. Choose a smaller one, or part it."))
        start = file.read(16)
        file.seek(0)
        kind = next((kind for beginning, kind in BEGINNINGS.items() if start.startswith(beginning)), None)
        if kind is None:
            raise forms.ValidationError(_("This is no PDF, JPEG or PNG. Save it as one of these and choose it again."))
        file.content_type = kind
        return file

    def resource(self) -> dict[str, object]:
        """Return the FHIR DocumentReference that stands for the file; its bytes are sealed beside it."""
        file = self.cleaned_data["file"]
        attachment = {"contentType": file.content_type, "size": file.size, "title": self.cleaned_data["title"]}
        return _document(("51855-5", "Patient Note"), self.cleaned_data["title"], attachment, at=clock.now())


def _document(kind: tuple[str, str], title: str, attachment: dict[str, object], *, at: datetime) -> dict[str, object]:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": LOINC, "code": kind[0], "display": kind[1]}], "text": kind[1]},
        "date": at.isoformat(timespec="seconds"),
        "description": title,
        "content": [{"attachment": attachment}],
    }


class AskForm(forms.Form):
    """What a person does not recognise about a line of their log."""

    words = forms.CharField(
        label=_("What seems wrong to you?"),
        help_text=_("The privacy officer reads this and nobody else. One sentence is enough."),
        max_length=2_000,
        widget=forms.Textarea({"rows": 5}),
        error_messages={"required": _("Write one sentence, for example: I have never been to this place.")},
    )


class MistakeForm(forms.Form):
    """Why an entry of one's own should not be there."""

    reason = Words(
        label=_("What is wrong with it?"),
        required=False,
        max_length=500,
        help_text=_("For example: I misread the meter"),
    )
