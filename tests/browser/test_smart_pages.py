"""Letting an app in, from both sides and the desk, in a real browser: all fits each width, and axe finds nothing."""

import pytest
from django.urls import reverse

from ehr.desk.roles import DeskRole
from ehr.smart import registering
from ehr.words import Category
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.security.world import browser_of, staff
from tests.smart import walking
from tests.smart.signing import jwks
from tests.smart.walking import Walk, registered

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
EVERYTHING = f"{walking.ASKED} patient/*.cruds patient/AuditEvent.rs patient/Consent.rs"
EVERYTHING += " patient/Appointment.rs user/Condition.rs launch"


@pytest.fixture
def pages(db):
    """Return what Ana, Dr Lee, the app's maker and the desk saw on the way."""
    people.prepare_ground()
    ana, lee, maker = people.patient("Ana Costa"), people.clinician("Mei Lee"), people.account("Max Maker")
    people.give(ana, lee, Category.LABS)
    app = registered(maker, scope=EVERYTHING, launch_uri="https://app.example/start")
    hers, works, makes = (Answers(browser_of(one)) for one in (ana, lee, maker))
    seen = hers.answers
    hers.get(reverse("smart:connected"), at="/hers/none/")
    walk = Walk(app, hers.client, scope=EVERYTHING)
    walk.begin()
    hers.get(walk.page, at="/hers/ask/")
    hers.post(walk.page, {}, "wrong/")
    walk.choose(ordinary=["labs", "history"], sensitive=["genetic"], write="on", log="on", visits="on", until="year")
    confirm = f"{walk.page}confirm/"
    hers.get(confirm, at="/hers/confirm/")
    hers.post(confirm, {"ticket": "a" * 43}, "wrong/")
    walk.confirm(**{"also-genetic": "on"})
    hers.get(reverse("smart:connected"), at="/hers/connected/")
    hers.get(reverse("smart:launch", args=[ana.patient.pk]), at="/hers/open/")
    hers.get(reverse("smart:authorize"), at="/hers/unknown/", expected=400)
    service = registering.register_reading_service(
        maker.user,
        name="Registry of diabetes",
        words="Counts who is treated how.",
        institution=people.institution(),
        jwks=jwks(),
        scope="system/*.rs",
    )
    hers.get(reverse("smart:services"), at="/hers/services/")
    asked = hers.client.post(reverse("smart:begin-service", args=[service.client_id]))["Location"]
    hers.get(asked, at="/hers/ask-service/")
    hers.client.post(asked, {"ordinary": ["labs"], "until": "month", "things": ["system/*.rs"]})
    hers.get(f"{asked}confirm/", at="/hers/confirm-service/")
    work = Walk(app, works.client, scope="launch/patient openid offline_access user/*.rs patient/Observation.rs")
    work.begin()
    works.get(work.page, at="/works/ask/")
    works.post(work.page, {}, "wrong/")
    works.get(reverse("smart:launch", args=[ana.patient.pk]), at="/works/open/")
    makes.get(reverse("smart:apps"), at="/makes/apps/")
    makes.get(reverse("smart:new-app"), at="/makes/new/")
    makes.post(reverse("smart:new-app"), {}, "wrong/")
    makes.get(reverse("smart:app", args=[app.client_id]), at="/makes/app/")
    desk = Answers(browser_of(staff("Vega Cho", DeskRole.VERIFIER)))
    desk.get(reverse("admin:smart_app_changelist"), at="/desk/apps/")
    desk.get(reverse("admin:smart_app_change", args=[app.pk]), at="/desk/app/")
    desk.get(reverse("admin:smart_app_add"), at="/desk/service/")
    return seen | works.answers | makes.answers | desk.answers


def test_every_page_fits_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)
