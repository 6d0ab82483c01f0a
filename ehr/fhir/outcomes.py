"""What is said when something is not done: an OperationOutcome with a place and a sentence, whatever went wrong.

A sentence names elements, parameters and what to do next. It never repeats what was sent or what a record holds, and
what is hidden reads like what is not there. Source: FHIR R4 operationoutcome.html, issue types of `issue-type`.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ehr.r4.problems import Problem


class Issue(NamedTuple):
    """One thing to say: its severity, its type, the sentence and where."""

    code: str
    words: str
    expression: str = ""
    severity: str = "error"


class Refusal(Exception):
    """A request that is not done, with its HTTP status, what to say, and headers that belong to it."""

    def __init__(
        self, status: int, code: str, words: str, *, at: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.issues: list[Issue] = [Issue(code, words, at)]
        self.headers = dict(headers or {})

    @property
    def resource(self) -> dict:
        """The OperationOutcome."""
        return outcome(self.issues)


def outcome(issues: Iterable[Issue]) -> dict:
    """Return an OperationOutcome. One that has nothing to say says that all is well."""
    told = list(issues) or [Issue("informational", "Nothing is wrong with it.", severity="information")]
    return {"resourceType": "OperationOutcome", "issue": [_issue(one) for one in told]}


def _issue(one: Issue) -> dict:
    said: dict[str, object] = {"severity": one.severity, "code": one.code, "diagnostics": one.words}
    return said | {"expression": [one.expression]} if one.expression else said


# --- Each refusal once ---------------------------------------------------------------------------
def not_there() -> Refusal:
    """Return the one answer for what does not exist, what is hidden, and what lies beyond reach."""
    return Refusal(404, "not-found", "Nothing is here that you may read. Look at the address, or search for it.")


def no_such_address() -> Refusal:
    """Return the answer for an address that this server does not know."""
    return Refusal(404, "not-found", "This server has no such address. GET metadata lists what it has.")


def no_such_type() -> Refusal:
    """Return the answer for a type that is nobody's record, or none at all."""
    return Refusal(404, "not-supported", "This server keeps no resources of this type. GET metadata lists the types.")


def gone() -> Refusal:
    """Return the answer for what was deleted; its versions before that can still be read."""
    return Refusal(410, "deleted", "This was deleted. Its history has the versions before.")


def method_not_here(allowed: Iterable[str]) -> Refusal:
    """Return the answer for a method that an address does not know."""
    listed = ", ".join(sorted(allowed))
    words = f"This address does not answer that method. It answers {listed}."
    return Refusal(405, "not-supported", words, headers={"Allow": listed})


def changed_elsewhere() -> Refusal:
    """Return the answer for a change to what is told here and stored as none."""
    words = (
        "This server tells this itself, from what was booked or signed. It is changed there: visits by /api/v1, taking "
        "part in a study by its patient, in their portal."
    )
    return Refusal(405, "not-supported", words, headers={"Allow": "GET"})


def not_understood(words: str, *, at: str = "", code: str = "invalid") -> Refusal:
    """Return the answer for a request that cannot be read or makes no sense."""
    return Refusal(400, code, words, at=at)


def who_are_you(words: str = "") -> Refusal:
    """Return the answer for a request without a token that holds."""
    words = words or "A valid access token is needed. Send it as “Authorization: Bearer …”, or let the app begin anew."
    return Refusal(401, "login", words, headers={"WWW-Authenticate": 'Bearer realm="fhir", error="invalid_token"'})


def beyond_scope(kind: str) -> Refusal:
    """Return the answer for what the token's own scopes leave out: about the app, never about the record."""
    words = f"This app was not let do that with {kind}. Ask for the scope when the app is next let in."
    return Refusal(403, "forbidden", words, headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'})


def may_not(words: str) -> Refusal:
    """Return the answer of the rules to a writer who may read."""
    return Refusal(403, "forbidden", words)


def wrong_with(problems: Iterable[Problem], *, inside: str = "") -> Refusal:
    """Return what validation found, each with its path; `inside` is where the resource stands in a Bundle."""
    refusal = Refusal(422, "processing", "")
    refusal.issues = from_problems(problems, inside=inside)
    return refusal


_LAYERS = {"schema": "structure", "model": "structure", "rules": "invariant", "checks": "invalid"}


def from_problems(problems: Iterable[Problem], *, inside: str = "") -> list[Issue]:
    """Return problems as issues."""
    before = f"{inside}: " if inside else ""
    return [
        Issue(_LAYERS.get(one.layer, "invalid"), f"{before}{one.message}", _placed(one.path, inside))
        for one in problems
    ]


def _placed(path: str, inside: str) -> str:
    inner = path.partition(".")[2]
    return f"{inside}.{inner}" if inside and inner else inside or path
