"""fhir-kit-client (npm) against a running server."""

import pytest

pytestmark = pytest.mark.clients


def test_it_reads_what_the_server_can_searches_pages_makes_and_patches(node, running):
    told = node("kit.mjs", running.token(), str(running.ana.patient.pk))
    assert told["version"] == "4.0.1"
    assert (told["total"], told["pages"]) == (5, [2, 2])
    assert (told["status"], told["versions"], told["missing"]) == ("amended", 2, 404)
    assert told["authorize"].startswith(running.url)
