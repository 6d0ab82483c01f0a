"""docs/api.md says what there is: no verb without an endpoint and a test, no endpoint that nobody told of."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from ehr.api.urls import urlpatterns

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([\w-]+) \| `(GET|POST|PUT|DELETE) ([^`]+)` \| [^|]+ \| `([^`]+)::(\w+)` \|$", re.M)
VERBS = {
    "addHealthRecord", "grantAccess", "accessPatientRecord", "updateHealthRecord", "grant-consent", "revoke-consent",
    "emergency-override", "get-consent-status", "update-consent", "register-provider", "verify-credentials",
    "request-access", "grant-temporary-access", "log-access-event", "scheduleAppointment",
}  # fmt: skip
ROWS = ROW.findall(PAGE)
# The document itself, and what is for one company's machines, by their signature.
NOT_FOR_PROGRAMS = {"openapi.json", "payments/stripe"}
THERE = [one for one in urlpatterns if one.name != "nowhere"]


def plain(route: object) -> str:
    """Return an address without its parameters' types: "consents/{grant}"."""
    return re.sub(r"<\w+:(\w+)>", r"{\1}", str(route))


def test_every_verb_has_an_endpoint():
    assert {verb for verb, *_ in ROWS} == VERBS


@pytest.mark.parametrize(("address", "file", "test"), [(row[2], row[3], row[4]) for row in ROWS])
def test_every_row_names_an_address_and_a_test_that_are_there(address, file, test):
    assert address in {plain(one.pattern) for one in urlpatterns}
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_address_is_left_out_of_the_page():
    assert [one for one in (plain(one.pattern) for one in THERE) if one not in PAGE] == []


def test_the_schema_leaves_no_doubt(client, capsys):
    client.get("/api/v1/openapi.json")
    assert capsys.readouterr().err == ""


def test_the_schema_names_every_address_and_is_openapi_3(client):
    told = client.get("/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.")
    shown = {address.removeprefix("/api/v1/") for address in told["paths"]}
    assert shown == {plain(one.pattern) for one in THERE} - NOT_FOR_PROGRAMS


def test_the_schema_says_of_every_operation_what_a_refusal_looks_like(client):
    told = client.get("/api/v1/openapi.json").json()
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for address, operations in told["paths"].items():
        for method, operation in operations.items():
            refusals = {code: one.get("content") for code, one in operation["responses"].items() if code[0] in "4d"}
            assert refusals.keys() >= {"400", "401", "403", "404", "409", "423", "429", "default"}, (address, method)
            assert all(content == problem for content in refusals.values()), (address, method)


@pytest.mark.parametrize("address", ["", "no/such/thing", "consents/null,null", "consents/", "consents/a%0Ab/proof"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
def test_what_is_nowhere_is_told_by_a_problem(client, address, method):
    answer = getattr(client, method)(f"/api/v1/{address}")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["type"] == "urn:chartseal:problem:not-here"
