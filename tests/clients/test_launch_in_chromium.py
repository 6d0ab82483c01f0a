"""SMART's own client for JavaScript (npm fhirclient), in a browser: it sends Ana to us, she agrees, it reads."""

import json
import mimetypes
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Route, expect, sync_playwright

from ehr.smart.models import App
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.clients.conftest import HERE, Running

pytestmark = [pytest.mark.clients, pytest.mark.browser]
APP = "http://localhost:8999"  # answered from memory: another origin than the server's
# The app's pages come from memory, so the browser takes them for far away, and this machine for a network of its own.
NEAR = "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"
PATIENCE = 30_000  # milliseconds, on a busy machine
LIBRARY = HERE / "node_modules/fhirclient/build/fhir-client.min.js"
SCOPE = "launch/patient openid fhirUser offline_access patient/Observation.rs patient/Patient.rs"
LAUNCH = """<!doctype html><title>launch</title><script src="/library.js"></script><script>
FHIR.oauth2.authorize({clientId: %s, scope: %s, iss: %s, redirectUri: "/back", pkceMode: "required"});
</script>"""
BACK = """<!doctype html><title>back</title><pre id="told"></pre><script src="/library.js"></script><script>
const tell = (what) => { document.getElementById("told").textContent = JSON.stringify(what); };
FHIR.oauth2.ready().then(async (client) => {
  const person = await client.patient.read();
  const found = await client.request(`Observation?patient=${client.patient.id}&code=2345-7`);
  await client.refresh();
  const again = await client.request(`Observation?patient=${client.patient.id}`, {flat: true});
  tell({user: client.user.fhirUser, born: person.birthDate, found: found.total, again: again.length});
}).catch((problem) => tell({problem: String(problem), query: location.search.length}));
</script>"""


def cookies(running: Running) -> list[dict]:
    """Return what makes a browser the one that Ana is signed in with.

    A browser is handed secure cookies for https only, and sends them to this machine over http, too.
    """
    place = running.url.replace("http:", "https:")
    return [
        {"name": name, "value": one.value, "url": place, "secure": True, "httpOnly": True, "sameSite": "Lax"}
        for name, one in running.browser.cookies.items()
    ]


def static_of(folder: Path) -> Callable[[Route], None]:
    """Return what answers a browser's request for a file of ours."""

    def static(route: Route) -> None:
        file = folder / urlsplit(route.request.url).path.lstrip("/")
        kind = mimetypes.guess_type(file.name)[0] or "font/woff2"
        route.fulfill(status=200, content_type=kind, body=file.read_bytes())

    return static


@pytest.fixture
def chromium(running):
    """A browser in which Ana is signed in, and the app's pages at an origin of their own."""
    if not CHROMIUM.exists() or not LIBRARY.exists():
        pytest.skip("Chromium, or the packages in tests/clients, are not there.")
    App.objects.filter(pk=running.app.pk).update(redirect_uris=f"{APP}/back", scope=SCOPE)
    asked = (json.dumps(one) for one in (running.app.client_id, SCOPE, running.base))
    pages = {
        "/launch": ("text/html", (LAUNCH % tuple(asked)).encode()),
        "/back": ("text/html", BACK.encode()),
        "/library.js": ("text/javascript", LIBRARY.read_bytes()),
    }

    def answer(route) -> None:
        kind, body = pages.get(urlsplit(route.request.url).path, ("text/html", b""))
        route.fulfill(status=200, content_type=kind, body=body)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, NEAR])
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        context.add_cookies(cookies(running))
        context.route(f"{APP}/**", answer)
        context.route(f"{running.url}/static/**", static_of(settings.BASE_DIR))
        yield context.new_page()
        browser.close()


def test_an_app_in_a_browser_is_let_in_reads_refreshes_and_is_stopped(chromium, running):
    page = chromium
    page.goto(f"{APP}/launch")
    expect(page.get_by_role("heading", level=1)).to_contain_text("What may Blue Button see")
    for part in ("basic", "labs"):
        page.locator(f"input[name=ordinary][value={part}]").check()
    page.get_by_label("For 30 days").check()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".sentence")).to_contain_text("Blue Button")
    page.get_by_role("button", name="Let Blue Button in").click()
    page.wait_for_url(f"{APP}/back**")
    expect(page.locator("#told")).not_to_be_empty()
    told = json.loads(page.locator("#told").inner_text())
    assert told == {
        "user": f"Patient/{running.ana.patient.pk}",
        "born": "1984-05-03",
        "found": 5,
        "again": 5,
    }
    page.goto(running.url + reverse("smart:connected"))
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator("main")).to_contain_text("Blue Button is stopped")
    page.goto(f"{APP}/back")
    expect(page.locator("#told")).to_contain_text("problem")


def test_who_says_no_is_back_at_the_app_with_nothing(chromium):
    page = chromium
    page.goto(f"{APP}/launch")
    page.get_by_role("button", name="No, share nothing").click()
    page.wait_for_url(f"{APP}/back**")
    assert "error=access_denied" in page.url
    assert "code=" not in page.url
