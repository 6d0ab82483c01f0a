"""Who is asked about: criteria as JSON of one version, as a sentence, as a digest, and as a question to a record.

The JSON, version 1, is `{"version": 1, "who": NODE}`, and `"on"`, a day, where ages and "in the last days" are not to
be counted from the day of the asking. A node is one of

    {"all": [NODE, …]}   {"any": [NODE, …]}   {"not": NODE}
    {"age": {"from": 40, "to": 64}}                       whole years, both included
    {"sex": ["female"]}                                   female, male, other, unknown: as FHIR has them
    {"condition": {"codes": [CODE, …], WHEN}}             also "medication" and "procedure": any of these codes
    {"lab": {"codes": [CODE, …], "from": "5.5", "to": "7", "unit": "mmol/L", "which": "latest", WHEN}}

CODE is `{"system": …, "code": …, "display": …}`; the display is for people and changes no answer. WHEN is "since" and
"until", days that are both included, or "days", the last so many, or nothing. "which" is "any", or "latest".

Plain Python: no Django, no network, no state.
"""

from research.criteria.matching import asks_for, matches
from research.criteria.normal import digest
from research.criteria.reading import NotUnderstood, Problem, read
from research.criteria.sentences import sentence
from research.criteria.tree import Criteria, written

__all__ = ["Criteria", "NotUnderstood", "Problem", "asks_for", "digest", "matches", "read", "sentence", "written"]
