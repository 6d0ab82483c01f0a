"""Take the README's pictures of the real thing: `make screenshots`.

Starts the product with its demo people, walks to five pages in a real Chromium at a desk's and at a telephone's width,
and writes docs/images/NAME-{d,m}.png. Whatever the pages look like is what the pictures show; nothing is arranged.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.story.conftest import CHROMIUM, FLAGS, Device
from tests.story.product import ROOT, Product, eventually, running

IMAGES = ROOT / "docs" / "images"
WIDTHS = {"d": 1200, "m": 390}
PATIENT, DOCTOR = "patient1@demo.example", "lee@demo.example"


@contextmanager
def signed_in(browser: Browser, product: Product, email: str, width: int) -> Iterator[Device]:
    device, told = Device(browser, product, width=width), product.people[email]
    codes = json.loads(told.get("backup", "[]"))
    with closing(device.context):
        device.sign_in(email, told["passphrase"], backup=codes)
        told["backup"] = json.dumps(codes)
        yield device


def patient_home(device: Device) -> None:
    device.go("/patient/")


def who_looked(device: Device) -> None:
    device.go("/patient/looked/")


def grant(device: Device) -> None:
    """The last of the four steps of sharing: the sentence that the patient is about to sign."""
    device.go("/patient/sharing/find/?words=Haddad")
    device.press("Choose Dr Omar Haddad")
    device.page.locator("input[value=labs]").check()
    device.press("Go on")
    device.page.locator("input[value=month]").check()
    device.press("Go on")
    expect(device.page.locator("p.sentence")).to_be_visible()


def check(device: Device) -> None:
    """The browser's own proof, once the first head is signed and anchored."""

    def holds() -> bool:
        device.go("/patient/check/")
        if not device.page.get_by_role("button", name="Check my list now").count():
            return False
        device.press("Check my list now")
        result = device.page.locator("[data-check-result]")
        expect(result).not_to_be_empty()
        return "Everything holds" in result.inner_text()

    eventually(holds, seconds=90)


def chart(device: Device) -> None:
    device.go("/clinician/")
    device.page.get_by_role("link", name="Ana Costa").first.click()


PAGES: dict[str, tuple[str, Callable[[Device], None]]] = {
    "patient-home": (PATIENT, patient_home),
    "who-looked": (PATIENT, who_looked),
    "grant": (PATIENT, grant),
    "check": (PATIENT, check),
    "chart": (DOCTOR, chart),
}


def take(browser: Browser, product: Product, images: Path) -> None:
    """Write every page's picture at every width."""
    for email in (DOCTOR, PATIENT):
        for letter, width in WIDTHS.items():
            with signed_in(browser, product, email, width) as device:
                for name, (whose, walk) in PAGES.items():
                    if whose == email:
                        walk(device)
                        device.page.evaluate("document.fonts.ready.then(() => scrollTo(0, 0))")
                        device.page.screenshot(path=images / f"{name}-{letter}.png")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as product,
        sync_playwright() as playwright,
        closing(playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)) as browser,
    ):
        take(browser, product, IMAGES)


if __name__ == "__main__":
    main()
