"""The developers' page: addresses of this very server, and a sandbox only where everybody is made up."""

import pytest
from django.urls import reverse

from ehr.demo import cast
from ehr.smart import sandbox
from ehr.smart.models import App
from tests import people
from tests.research import studying
from tests.security.world import browser_of

pytestmark = pytest.mark.django_db
PAGE, REGISTER = "/developers/", "/developers/sandbox/"


@pytest.fixture
def demo(settings, tmp_path):
    """A server of made-up people, as the demo leaves it."""
    settings.DATA_DIR = tmp_path
    ana = cast.Player(people.account("Ana Costa").user, None, "patient")
    lee = cast.Player(
        people.account("Mei Lee").user, None, "primary physician", authenticator="NEVERSHOWN", backup_codes=["X"]
    )
    (tmp_path / "demo.txt").write_text(cast.sign_ins([lee, ana], "CODE"), encoding="utf-8")
    return ana


def test_anybody_reads_where_this_server_is(client, settings):
    settings.SITE_URL = "https://hub.example"
    page = client.get(PAGE).content.decode()
    assert "https://hub.example/fhir" in page
    assert "https://hub.example/api/v1" in page
    assert "https://hub.example/in/hl7v2" in page


def test_every_page_leads_there(client):
    assert f'href="{PAGE}"' in client.get("/").content.decode()


def test_a_server_of_real_people_says_so_and_has_no_sandbox(client):
    page = client.get(PAGE).content.decode()
    assert "records of real people" in page
    assert "CLIENT_ID" in page
    maker = browser_of(people.account("Max Maker"), second_step=False)
    assert maker.post(REGISTER, {"name": "Curves"}).status_code == 404
    assert not App.objects.exists()


def test_a_server_of_made_up_people_tells_how_to_sign_in_as_one(client, demo):
    page = client.get(PAGE).content.decode()
    assert "This server is a sandbox" in page
    assert sandbox.somebody() == sandbox.Invented(demo.user.email, cast.PASSPHRASE)
    assert demo.user.email in page
    assert "NEVERSHOWN" not in page  # nobody's second step


def test_production_is_never_a_sandbox(settings, demo):
    settings.PRODUCTION = True
    assert sandbox.somebody() is None


def test_in_a_sandbox_an_app_is_registered_in_one_step(demo):
    maker = browser_of(people.account("Max Maker"), second_step=False)
    assert maker.post(REGISTER, {"name": "Curves"})["Location"] == PAGE
    app = App.objects.get()
    assert (app.name, app.is_public, app.redirect_uris.split(), app.reviewed_at) == (
        "Curves", True, list(sandbox.BACK), None,
    )  # fmt: skip
    assert maker.get(PAGE).content.decode().count(app.client_id) >= 3


def test_in_a_sandbox_too_registering_takes_an_account(client, demo):
    assert client.post(REGISTER, {"name": "Curves"})["Location"].startswith(reverse("front:sign-in"))
    assert not App.objects.exists()


def test_an_app_needs_a_name(demo):
    maker = browser_of(people.account("Max Maker"), second_step=False)
    answer = maker.post(REGISTER, {"name": " "})
    assert answer.status_code == 200
    assert "To correct" in answer.content.decode()
    assert not App.objects.exists()


def test_who_has_as_many_apps_as_one_may_is_told(demo):
    person = people.account("Max Maker")
    for number in range(20):
        sandbox.register(person.user, name=f"App {number}")
    answer = browser_of(person, second_step=False).post(REGISTER, {"name": "Curves"})
    assert "Take one out of use first" in answer.content.decode()
    assert App.objects.count() == 20


def test_no_script_is_needed_and_none_of_an_example_runs(client):
    page = client.get(PAGE).content.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_an_account_for_research_has_no_app_and_registers_none(demo):
    rosa = studying.researcher(agreed=False)
    sandbox.register(rosa.user, name="From before")
    browser = browser_of(rosa)
    page = browser.get(PAGE).content.decode()
    assert "for research alone" in page
    assert REGISTER not in page
    assert "From before" not in page
    assert browser.post(REGISTER, {"name": "Curves"}).status_code == 404
    assert App.objects.count() == 1
