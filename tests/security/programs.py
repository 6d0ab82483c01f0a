"""The FHIR interface in the world of the doors: what stands in its addresses, and a clinician's program."""

from collections.abc import Mapping
from uuid import UUID

from ehr.fhir.naming import version_id
from ehr.smart.models import App
from tests import people
from tests.smart.walking import Walk, told


def places(sharer: people.Person, result: UUID) -> dict[str, Mapping[str, object]]:
    """Return what fills each parameter of the interface's addresses."""
    whole = {"fhir_id": sharer.patient.pk}
    one = {
        "kind": "Observation",
        "fhir_id": result,
        "version": version_id(str(result), 1),
        "address": "no/such/address/here",
    }
    # Nobody's: an export is there for whoever began it, which tests/fhir holds.
    one |= {"export_id": UUID(int=0), "name": "Observation.1.ndjson"}
    group = {"fhir_id": "mine"}
    return {
        "fhir": one,
        "fhir:everything": whole,
        "fhir:summary": whole,
        "fhir:compartment": whole,
        "fhir:export-group": group,
    }


def let_in(app: App, world, who: str) -> None:
    """Let an app in to work for a clinician in their session, with the first of their patients."""
    browser = world.browsers[who]
    walk = Walk(app, browser)
    walk.begin()
    form = browser.get(walk.page).context["form"]
    answer = {"ticket": form.fields["ticket"].initial, "things": form.fields["things"].initial, "until": "hour"}
    answer["patient"] = form.fields["patient"].choices[0][0]
    world.tokens[who] = walk.exchange(told(browser.post(walk.page, answer))["code"]).json()["access_token"]
