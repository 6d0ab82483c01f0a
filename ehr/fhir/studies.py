"""Searching for studies that anybody may know of: in nobody's record, and nothing of who joined.

Source: FHIR R4 researchstudy.html#search.
"""

from ehr.fhir import outcomes, search
from ehr.fhir.asking import Asking
from ehr.fhir.directory import STUDY, Directory, Listed
from ehr.fhir.search import Found, Question
from research import fhir as research


def find(asking: Asking, asked: Question) -> Found:
    """Return what of the studies answers a question. No record is opened for it. Raises Refusal."""
    if not asking.allow(asked.kind, "search-type"):
        raise outcomes.beyond_scope(asked.kind)
    there = Directory()
    for told, since in research.studies():
        there.add(Listed(there, STUDY, told["id"], lambda told=told: told, since))
    return search.listed(asking, asked, there)
