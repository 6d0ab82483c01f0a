"""The one sentence that states a delegation, and the words for what it lets somebody do."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from consent import sentences
from consent.acting import Right
from consent.models import Delegation

Basis = Delegation.Basis


def delegation_sentence(
    *,
    name: str,
    basis: str,
    rights: Iterable[str],
    categories: Iterable[str],
    ends: datetime,
    zone: str,
    language: str,
    patient_name: str = "",
) -> str:
    """Return the sentence that a patient confirms, or, with `patient_name`, the one that verifiers sign for them."""
    held = set(rights)
    with override(language):
        facts = {
            "name": name,
            "patient": patient_name,
            "basis": sentences.AS_YOUR[basis],
            "until": date_format(ends.astimezone(ZoneInfo(zone)), "j F Y, H:i"),
            "doings": sentences.listed(_doings(held, sentences.parts(categories), whose=patient_name)),
        }
        if patient_name:
            return _("%(name)s may act for %(patient)s, as %(basis)s, until %(until)s: %(doings)s.") % facts
        return (
            _("%(name)s may act for you, as your %(basis)s, until %(until)s: %(doings)s. You can end this at any time.")
            % facts
        )


def _doings(held: set[str], parts: str, *, whose: str) -> list[str]:
    about = {"parts": parts}
    told = []
    if {Right.READ, Right.ADD} <= held:
        told.append((_("see and add to the %(parts)s") if whose else _("see and add to your %(parts)s")) % about)
    elif Right.READ in held:
        told.append((_("see the %(parts)s") if whose else _("see your %(parts)s")) % about)
    elif Right.ADD in held:
        told.append((_("add to the %(parts)s") if whose else _("add to your %(parts)s")) % about)
    if Right.SHARE in held:
        told.append(_("let clinicians see these parts"))
    if Right.LOG in held:
        told.append(_("see who looked"))
    if Right.BOOK in held:
        told.append(_("see, book, move and cancel appointments"))
    elif Right.APPOINTMENTS in held:
        told.append(_("see appointments"))
    return told
