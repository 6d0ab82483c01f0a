"""The examples of the developers' page run as they stand there, once credentials and a free port are filled in."""

import html
import os
import re
import subprocess
import sys
from urllib.request import urlopen

import pytest
from django.conf import settings as configured
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect, sync_playwright

from ehr.smart import sandbox
from ehr.smart.models import App
from tests import people
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.clients.conftest import HERE, Running
from tests.clients.test_launch_in_chromium import LIBRARY, NEAR, PATIENCE, cookies, static_of
from tests.free_ports import free_port
from tests.smart.walking import BACK, Walk

pytestmark = pytest.mark.clients
BLOCK = re.compile(r'<code id="([a-z-]+)">(.*?)</code>', re.DOTALL)
PORT = "8010"
NEWEST = [f"2026-03-0{day} Glucose {4 + day}" for day in (5, 4, 3, 2, 1)]  # of the conftest's results


@pytest.fixture
def examples(running: Running) -> dict[str, str]:
    """Return the code on the page by its id, and let it come back to a free port."""
    port = str(free_port())
    back = " ".join(sandbox.BACK).replace(PORT, port)
    App.objects.filter(pk=running.app.pk).update(redirect_uris=f"{back} {BACK}", scope=sandbox.SCOPE)
    page = Client().get(reverse("front:developers")).content.decode()
    found = {name: html.unescape(code) for name, code in BLOCK.findall(page)}
    assert set(found) == {"ask", "launch-py", "token", "launch-html", "back-html"}
    return {name: code.replace(PORT, port).replace("CLIENT_ID", running.app.client_id) for name, code in found.items()}


def shell(script: str) -> str:
    """Return what a shell script says. Nothing in it may fail."""
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_first_look_with_curl(examples, running):
    ana = running.ana.user.email
    told = shell(examples["ask"].replace("EMAIL", ana).replace("PASSPHRASE", people.PASSPHRASE))
    assert "Chartseal" in told
    assert "authorization_endpoint" in told
    assert '"total"' in told


def test_searching_and_writing_with_curl(examples, running):
    script = examples["token"].replace("ACCESS_TOKEN", running.token(), 1)
    told = shell(script.replace("PATIENT_ID", str(running.ana.patient.pk), 1))
    assert told.count('"resourceType":"Bundle"') == 2
    assert '"amended"' in told


def test_a_whole_launch_in_python_with_fhirpy(examples, running, tmp_path):
    program = tmp_path / "launch.py"
    program.write_text(examples["launch-py"], encoding="utf-8")
    # What Python would open a browser with does nothing: this test is the browser.
    environment = os.environ | {"BROWSER": "true"}
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as going:
        try:
            address = going.stdout.readline().rpartition(" ")[2].strip()
            walk = Walk(running.app, running.browser)
            walk.page = running.browser.get(address.removeprefix(running.url))["Location"]
            walk.choose(write="on")
            urlopen(walk.confirm()["Location"], timeout=30).close()
            told, wrong = going.communicate(timeout=180)
        finally:
            going.kill()
    assert going.returncode == 0, wrong[-2000:]
    assert f"PATIENT_ID {running.ana.patient.pk}" in told
    assert told.splitlines()[-len(NEWEST) :] == NEWEST


@pytest.mark.browser
def test_an_app_in_a_browser_with_fhirclient(examples, running):
    if not CHROMIUM.exists() or not LIBRARY.exists():
        pytest.skip("Chromium, or the packages in tests/clients, are not there.")
    place = App.objects.get(pk=running.app.pk).redirect_uris.partition("/back")[0]
    pages = {"/launch.html": examples["launch-html"], "/back.html": examples["back-html"]}

    def answer(route) -> None:
        path = route.request.url.removeprefix(place).partition("?")[0]
        if path in pages:
            route.fulfill(status=200, content_type="text/html", body=pages[path])
        else:
            route.fulfill(status=200, content_type="text/javascript", body=(HERE / path.lstrip("/")).read_bytes())

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, NEAR])
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        context.add_cookies(cookies(running))
        context.route(f"{place}/**", answer)
        context.route(f"{running.url}/static/**", static_of(configured.BASE_DIR))
        page = context.new_page()
        page.goto(f"{place}/launch.html")
        for part in ("basic", "labs"):
            page.locator(f"input[name=ordinary][value={part}]").check(timeout=PATIENCE)
        page.get_by_label("For 30 days").check()
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Let Blue Button in").click()
        page.wait_for_url(f"{place}/back.html**")
        expect(page.locator("#results li")).to_have_text(NEWEST, timeout=PATIENCE)
        browser.close()
