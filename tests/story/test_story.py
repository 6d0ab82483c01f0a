"""The product's one essential story, walked in a real browser on a real record, start to end.

A patient signs up; their record comes in from another system as FHIR; they let a doctor see their lab results until
a date; the doctor reads them; the patient sees that line under "Who looked", stops sharing, the doctor is refused at
once, and the patient proves on their own computer that the list is whole.
"""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.story.product import ROOT, eventually

pytestmark = [pytest.mark.browser, pytest.mark.point(9)]

SYNTHEA = ROOT.parent / "shared" / "data" / "synthea"
SSN = "http://hl7.org/fhir/sid/us-ssn"
EMAIL = "ammie@story.example"
PASSPHRASE = "harbour lanterns over quiet water"


@pytest.fixture(scope="module")
def record() -> Path:
    """Somebody's record, as another hospital sends it."""
    found = sorted(SYNTHEA.glob("Ammie_Huels*.json.gz"))
    if not found:
        pytest.skip("../shared/data/synthea is not there, so there is no record from elsewhere to import.")
    return found[0]


def person_in(record: Path) -> dict:
    bundle = json.loads(gzip.decompress(record.read_bytes()))
    resources = (entry["resource"] for entry in bundle["entry"])
    about = next(one for one in resources if one["resourceType"] == "Patient")
    ssn = next(one["value"] for one in about["identifier"] if one["system"] == SSN)
    return {"name": "Ammie Huels", "born": about["birthDate"], "sex": about["gender"], "ssn": ssn}


def sign_up(device, product, person) -> None:
    """From a stranger to somebody with an empty record of their own, in seven screens."""
    device.go("/sign-up/")
    device.page.get_by_label("full name").fill(person["name"])
    device.page.get_by_label("E-mail address").fill(EMAIL)
    device.page.get_by_label("passphrase").fill(PASSPHRASE)
    device.press("Sign up")
    link = re.search(r"http://\S+/verify/\S+", product.letter(EMAIL))[0]
    device.page.goto(link)
    device.page.locator("input[type=password]").fill(PASSPHRASE)
    device.press("Go on")
    device.page.get_by_label("Your full name").fill(person["name"])
    device.page.locator("input[name=birth_date]").fill(person["born"])
    device.page.locator("select[name=sex]").select_option(person["sex"])
    device.page.locator("select[name=system]").select_option(SSN)
    device.page.locator("input[name=number]").fill(person["ssn"])
    device.press("Begin my record")
    groups = device.page.locator("ol.codes code").all_inner_texts()
    device.page.get_by_role("link", name="I have written it down").click()
    device.page.wait_for_load_state()
    for field in device.page.locator("main input[type=text]").all():
        label = device.page.locator(f"label[for={field.get_attribute('id')}]").inner_text()
        field.fill(groups[int(re.search(r"\d+", label)[0]) - 1])
    device.press("Confirm")


def confirm_identity(desk, person) -> None:
    """A member of staff sees the document and types its number."""
    desk.go("/desk/patients/identifier/")
    desk.page.get_by_role("link", name=person["name"]).first.click()
    desk.page.locator("input[type=radio]").first.check()
    desk.page.locator("input[name$=number]").fill(person["ssn"])
    desk.press("I saw this person and their document")


def share_labs(device, doctor: str) -> str:
    """Let a doctor see the lab results for a month; return the sentence that was confirmed."""
    device.go("/patient/sharing/find/?words=Lee")
    device.press(f"Choose {doctor}")
    device.page.locator("input[value=labs]").check()
    device.press("Go on")
    device.page.locator("input[value=month]").check()
    device.press("Go on")
    sentence = device.page.locator("p.sentence").inner_text()
    device.page.get_by_role("button", name=re.compile("^Let ")).click()
    device.page.wait_for_load_state()
    return sentence


def test_the_whole_story(product, device, member, record, tmp_path):
    person = person_in(record)
    ammie = device(width=390)
    sign_up(ammie, product, person)
    for email in ("vera@demo.example", "iris@demo.example"):
        confirm_identity(member(email), person)

    # Their record comes in from another system, with nobody's reading key at hand.
    told = product.manage("import_fhir", record)
    assert "Observation" in told
    ammie.go("/patient/record/labs/")
    assert "mmHg" in ammie.page.locator("main").inner_text()

    # They let a doctor see their lab results until a date.
    sentence = share_labs(ammie, "Dr Mei Lee")
    assert "see your lab results and measurements until" in sentence
    assert re.search(r"until \d+ \w+ \d{4}, 23:59", sentence)

    # The doctor reads them, and nothing else.
    lee = member("lee@demo.example")
    lee.go("/clinician/")
    lee.page.get_by_role("link", name="Ammie Huels").click()
    lee.page.wait_for_load_state()
    chart = lee.page.url
    assert "mmHg" in lee.page.inner_text("main")
    assert "Not shared with you." in lee.page.inner_text("main")

    # The patient sees that line within seconds.
    def the_line():
        ammie.go("/patient/looked/")
        return "Dr Mei Lee" in ammie.page.inner_text("main")

    eventually(the_line, seconds=5)

    # They stop sharing; the doctor is refused at once, in the tab that is still open.
    ammie.go("/patient/sharing/")
    ammie.page.get_by_role("link", name=re.compile("Stop sharing")).first.click()
    ammie.page.get_by_role("button", name=re.compile("^Stop sharing with")).click()
    lee.page.goto(chart)
    assert "mmHg" not in lee.page.inner_text("body")
    assert lee.says("has stopped sharing this with you")

    # The browser computes the list anew and finds it whole.
    def checked():
        ammie.go("/patient/check/")
        ammie.press("Check my list now")
        result = ammie.page.locator("[data-check-result]")
        expect(result).to_contain_text(re.compile("holds|checked"), timeout=30_000)
        return result.inner_text() if "Everything holds" in result.inner_text() else None

    assert "in order and unchanged" in eventually(checked, seconds=60)

    # And so does their own computer, with two files and nothing else.
    def saved(link, name):
        with ammie.page.expect_download() as download:
            ammie.page.get_by_role("link", name=re.compile(link)).click()
        download.value.save_as(tmp_path / name)
        return (tmp_path / name).read_bytes()

    assert b"import" in saved("Save the checker", "verify.py")
    # A head is signed every ten seconds: the doctor's look is in the next one at the latest.
    eventually(lambda: b"Mei Lee" in saved("Save your list", "my-log.json"), seconds=90)
    verify = [sys.executable, "-I", "verify.py", "my-log.json"]
    good = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True)
    assert good.returncode == 0, good.stdout + good.stderr
    (tmp_path / "my-log.json").write_bytes((tmp_path / "my-log.json").read_bytes().replace(b"Mei Lee", b"Max Lee"))
    bad = subprocess.run(verify, cwd=tmp_path, capture_output=True, text=True)
    assert bad.returncode == 1
    # A list that is not signed yet is 503, and asked for again.
    assert [one for one in ammie.complaints if "503" not in one] == []
    assert lee.complaints == ["Failed to load resource: the server responded with a status of 403 (Forbidden)"]
