"""Every page that has an address, in a real browser: whoever adds one finds it looked at here, or says where it is."""

import pytest

from tests.security import world as worlds

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
LARGEST_KILOBYTES = 100
NARROWER = (390, 320)
# Who sees the pages of a portal. Pages of who acts for somebody begin alike.
VISITORS = {
    "front": ("anonymous", "patient", "clinician with grant"),
    "patient": ("patient", "who acts for the patient"),
    "clinician": ("clinician with grant", "clinician without standing"),
    "frontdesk": ("front desk",),
    "researcher": ("researcher",),
}
# Pages that appear only at a step of a story, and the test that takes that step and looks at them.
ELSEWHERE = {
    "clinician:change": "test_clinician_pages.py",
    "clinician:copy": "test_moving_story.py",
    "clinician:prescription": "test_passing_on_story.py",
    "clinician:prescription-correct": "test_passing_on_story.py",
    "clinician:register": "test_clinician_pages.py",
    "clinician:report": "test_passing_on_story.py",
    "clinician:stop": "test_clinician_pages.py",
    "front:bedside": "test_beginnings_story.py",
    "front:add-email": "test_unmailed_story.py",
    "front:backup-codes": "test_front_pages.py",
    "front:email": "test_unmailed_story.py",
    "front:recover-stop-letter": "test_losing_pages.py",
    "front:recovery-confirm": "test_front_pages.py",
    "front:reset": "test_front_pages.py",
    "front:second-factor": "test_front_pages.py",
    "front:stop-second-step": "test_front_pages.py",
    "front:unlock": "test_losing_pages.py",
    "front:verify": "test_front_pages.py",
    "front:visit-offered": "test_offer_pages.py",
    "front:visit-reminder": "test_reminder_pages.py",
    "patient:answer-confirm": "test_sharing_story.py",
    "patient:delegate-sign": "test_delegate_pages.py",
    "patient:move-done": "test_moving_story.py",
    "patient:pharmacy": "test_passing_on_story.py",
    "patient:pharmacy-confirm": "test_passing_on_story.py",
    "patient:pharmacy-days": "test_passing_on_story.py",
    "patient:referral-confirm": "test_passing_on_story.py",
    "researcher:register": "test_study_story.py",
}
# What programs fetch: a sealed file, a number, a calendar, a made-up table where there are views for one.
NO_PAGE = {"front:health-link-file", "front:notices-stream", "front:calendar", "researcher:synthetic"}


@pytest.fixture(params=sorted(VISITORS))
def portal(request, db):
    """Return, by address name, what each page of a portal answers, and the names of those that show none."""
    world, portal = worlds.build(), request.param
    shown, silent = {}, set()
    for name in worlds.addresses():
        if name.startswith(f"{portal}:"):
            answers = [world.ask(who, "GET", world.address(name)) for who in VISITORS[portal]]
            pages = [one for one in answers if one.status_code == 200 and one["Content-Type"].startswith("text/html")]
            if pages:
                shown[name] = (dict(pages[0].items()), pages[0].content)
            elif not any(one.status_code == 405 or _is_file(one) for one in answers):
                silent.add(name)
    return shown, silent, portal


def _is_file(answer) -> bool:
    return answer.status_code == 200 and not answer["Content-Type"].startswith("text/html")


def test_every_page_is_looked_at(portal, open_window):
    shown, silent, name = portal
    assert silent == {one for one in {*ELSEWHERE, *NO_PAGE} if one.startswith(f"{name}:")}
    # An address of its own for each: a page that reloads itself would otherwise come back as another.
    answers = {f"/{one.replace(':', '/')}/": page for one, page in shown.items()}
    for headers, _body in answers.values():
        headers.pop("Refresh", None)
    window = open_window(answers)
    wrong: list[str] = []
    for path in answers:
        seen = window.show(path, width=1200, axe=True)
        wrong += seen.complaints + seen.violations
        wrong += [f"{path} is wider than 1200"] if seen.too_wide > 0 else []
        wrong += [f"{path} weighs {seen.kilobytes:.0f} kB"] if seen.kilobytes > LARGEST_KILOBYTES else []
        for width in NARROWER:
            window.page.set_viewport_size({"width": width, "height": 900})
            if window.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wrong.append(f"{path} is wider than {width}")
    assert wrong == []
