"""fhirclient (PyPI), SMART's own for Python: it is let in by a person, then reads."""

from urllib.parse import urlsplit

import pytest
from fhirclient import client as smart
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient

from tests.clients.conftest import SCOPE
from tests.smart.walking import BACK, Walk

pytestmark = pytest.mark.clients


@pytest.fixture
def let_in(running):
    """The client after a launch: it asked, Ana agreed, and it was sent back with a code."""
    made = smart.FHIRClient(
        settings={"app_id": running.app.client_id, "api_base": running.base, "redirect_uri": BACK, "scope": SCOPE}
    )
    assert made.prepare() is False
    walk = Walk(running.app, running.browser, scope=SCOPE)
    asked = urlsplit(made.authorize_url)
    walk.page = running.browser.get(f"{asked.path}?{asked.query}")["Location"]
    walk.choose(ordinary=["basic", "labs"], write="on")
    made.handle_callback(walk.confirm()["Location"])
    return made


def test_after_a_launch_it_is_ready_and_knows_whose_record(let_in, running):
    assert let_in.ready
    assert let_in.patient_id == str(running.ana.patient.pk)


def test_it_reads_the_patient_and_their_results(let_in):
    assert Patient.read(let_in.patient_id, let_in.server).birthDate.isostring == "1984-05-03"
    found = Observation.where({"patient": let_in.patient_id, "code": "2345-7"}).perform_resources_iter(let_in.server)
    assert {one.valueQuantity.value for one in found} == {5, 6, 7, 8, 9}
