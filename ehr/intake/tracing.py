"""Where entries come from: a Provenance for each part that a delivery touched, in that part and with its labels.

One for all would tell who may see one part that something came for another, and how much.
"""

from collections.abc import Callable, Iterable

from consent.access import Draft
from ehr.r4 import labels, references
from ehr.r4.labels import CONFIDENTIALITY, RANKS, Labels
from patients import naming
from patients.models import Patient

from . import drafts


def provenances(
    patient: Patient,
    fresh: Iterable[Draft],
    resources: Iterable[dict],
    *,
    source: str,
    about: Callable[[list[str]], dict],
    context: Iterable[dict] | None = None,
) -> list[Draft]:
    """Return the drafts of what says where fresh entries come from; `about` makes it for a list of "Type/id".

    `resources` are those that the fresh drafts were made of, `context` what else came along and counts for labels.
    """
    named = {naming.logical_id(patient.pk, source, references.name_of(one)): one for one in resources}
    groups: dict[tuple[str, ...], list[dict]] = {}
    for draft in fresh:
        groups.setdefault(draft.parts, []).append(named[draft.logical_id])
    around = {references.name_of(one): one for one in (*named.values(), *(context or ()))}
    made, belonging = [], {}
    for members in groups.values():
        provenance = about([references.name_of(one) for one in members])
        made.append(provenance)
        belonging[references.name_of(provenance)] = _strictest(members, around)
    return [draft for _kind, draft in drafts.make(patient, made, source=source, belonging=belonging)]


def _strictest(members: list[dict], around: dict[str, dict]) -> Labels:
    return max((labels.label(one, context=around) for one in members), key=_rank)


def _rank(found: Labels) -> int:
    return max(RANKS.index(one["code"]) for one in found.security if one["system"] == CONFIDENTIALITY)
