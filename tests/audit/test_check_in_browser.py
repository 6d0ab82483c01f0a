"""The same check in a browser, in a real one."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import sync_playwright

from audit import notes, proofs
from tests.audit.tampering import blanked, dump

SCRIPT = Path(settings.BASE_DIR) / "static" / "js" / "check-log.js"
ADDRESS = "http://localhost:1/"
PAGE = """<!doctype html><html lang="en"><title>Check</title><script type="module" src="/check-log.js"></script>
<section data-check-log-url="/my-log.json" data-check-log-key="{key}">
<button type="button" data-check-log>Check</button>
<p role="status" data-check-result data-checking="Checking" data-holds="{{count}} lines of {{size}} hold"
   data-erased="{{gone}} of {{count}} have no words: {{lines}}"
   data-wrong="Wrong: {{problem}}" data-unable="Unable: {{problem}}"></p></section></html>"""


def damages(data):
    """Each way to spoil the list, with what the page then says."""
    file = json.loads(data)

    def spoilt(change):
        copy = json.loads(data)
        change(copy)
        return dump(copy)

    def changed(copy):
        copy["lines"][2]["body"] = copy["lines"][2]["body"].replace("opened", "closed")

    def swapped(copy):
        copy["lines"][1], copy["lines"][2] = copy["lines"][2], copy["lines"][1]

    name = file["lines"][4]["time"]
    return {
        "Wrong: This line is not what was recorded: line 3 (": spoilt(changed),
        "Wrong: Line 2 is missing: at place 2 stands line 3 (": spoilt(lambda copy: copy["lines"].pop(1)),
        "Wrong: The list ends after line 5 (" + name: spoilt(lambda copy: copy["lines"].pop()),
        "Wrong: Line 2 is missing: at place 2": spoilt(swapped),
        "Wrong: The file names another log's key": spoilt(lambda copy: copy.update(key="other" + copy["key"])),
        "Wrong: The head was not signed": data.replace(b"chartseal-time/1 2", b"chartseal-time/1 3"),
        "Wrong: What the file says about the length": spoilt(lambda copy: copy["map"].update(count=5)),
        "Wrong: The signed head does not continue": spoilt(lambda copy: copy["earlier"][0]["proof"].pop()),
        "Wrong: The file was written anew": json.dumps(file).encode(),
        "Wrong: The file is damaged: it is not JSON.": data[:-9],
    }


@pytest.fixture
def data(day):
    day.looks(4)
    day.ends()
    proofs.for_subject(day.patient)
    day.looks(2)
    day.ends()
    return proofs.for_subject(day.patient)


@pytest.mark.browser
def test_the_browser_finds_what_the_program_finds(data):
    page_text = PAGE.format(key=notes.public_key())
    answers = {"/": ("text/html", page_text.encode()), "/check-log.js": ("text/javascript", SCRIPT.read_bytes())}

    def answer(route):
        path = route.request.url.removeprefix(ADDRESS.rstrip("/"))
        kind, body = answers.get(path, ("text/plain", None))
        policy = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'"}
        route.fulfill(status=404 if body is None else 200, content_type=kind, body=body or b"", headers=policy)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.route("**/*", answer)
        page.goto(ADDRESS)
        result = page.get_by_role("status")

        def says(body):
            answers["/my-log.json"] = ("application/json", body)
            page.get_by_role("button").click()
            page.wait_for_selector("section:not([data-state=checking])")
            return result.inner_text()

        assert says(data) == "6 lines of 12 hold"
        assert page.locator("section").get_attribute("data-signature") == "holds"
        assert says(blanked(data, 2, 4)) == "2 of 6 have no words: 3, 5"
        assert result.get_attribute("data-state") == "erased"
        for sentence, spoilt in damages(data).items():
            assert says(spoilt).startswith(sentence)
            assert result.get_attribute("data-state") == "wrong"
        assert says(None).startswith("Unable: HTTP 404")
        browser.close()
