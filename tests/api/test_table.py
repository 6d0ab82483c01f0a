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
    "request-access", "grant-temporary-access", "log-access-event",
}  # fmt: skip
ROWS = ROW.findall(PAGE)


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
    assert [one for one in (plain(one.pattern) for one in urlpatterns) if one not in PAGE] == []


def test_the_schema_leaves_no_doubt(client, capsys):
    client.get("/api/v1/openapi.json")
    assert capsys.readouterr().err == ""


def test_the_schema_names_every_address_and_is_openapi_3(client):
    told = client.get("/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.")
    shown = {address.removeprefix("/api/v1/") for address in told["paths"]}
    assert shown == {plain(one.pattern) for one in urlpatterns} - {"openapi.json"}
