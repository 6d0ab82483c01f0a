"""A Consent that is sent becomes a draft for its patient to sign, and opens nothing; the log is written by nobody else.

Source: FHIR R4 http.html#create: 202, accepted and not done.
"""

from consent.sharing import incoming
from ehr.fhir import outcomes, writing
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Issue, Refusal
from ehr.fhir.wire import Answer

WAITS = (
    "It waits in the patient's inbox as a draft. It opens nothing: what the patient signs there counts, and whether "
    "they do is not told here."
)
NOTHING = (
    "There is nothing here for the patient to sign: a draft takes an active consent that permits something and is not "
    "over, and no more than 20 wait at a time. To deny somebody, the patient keeps them out by name."
)


def create(asking: Asking, kind: str, resource: dict) -> Answer:
    """Keep a valid Consent as a draft. Raises Refusal, for an AuditEvent always."""
    if kind == "AuditEvent":
        words = "This server writes its log itself, and takes no lines for it from anybody. It can be read."
        raise Refusal(405, "not-supported", words, headers={"Allow": "GET"})
    owner = writing.checked(asking, writing.new(kind, resource))
    if not incoming.receive_from(owner, resource, caller=asking.caller):
        raise Refusal(422, "business-rule", NOTHING, at=kind)
    return Answer(202, outcomes.outcome([Issue("informational", WAITS, severity="information")]))
