"""Acting for somebody, from both sides and the desk, in a real browser: all fits each width, and axe finds nothing."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consent import access
from consent.delegates import naming
from consent.models import Delegation
from consent.sharing import arrivals
from consent.sharing.asking import ask
from ehr import clock
from ehr.frame.drafting import draft
from patients.operations import source_signer
from tests import people
from tests.browser.conftest import Answers
from tests.browser.test_front_pages import calm
from tests.desk.test_delegations import checker
from tests.patient.conftest import browser_of
from tests.patient.test_delegates import RESULT, answers
from tests.security.world import browser_of as with_second_step

pytestmark = [pytest.mark.django_db, pytest.mark.browser]


@pytest.fixture
def pages(db):
    """Return what Ana, her carer Rui, and two at the desk saw on the way."""
    people.prepare_ground()
    ana, rui, lee = people.patient("Ana Costa"), people.account("Rui Costa"), people.clinician("Mei Lee")
    access.add_own(ana.patient, [draft(ana.patient, RESULT)], keyring=ana.keyring)
    hers, his = Answers(browser_of(ana)), Answers(browser_of(rui))
    seen = hers.answers
    hers.get(reverse("patient:delegates"), at="/hers/nobody/")
    hers.get(reverse("patient:delegate-name"), at="/hers/name/")
    hers.post(reverse("patient:delegate-name"), {}, "wrong/")
    every = {"rights": ["read", "add", "share", "log", "appointments"], "sensitive": ["genetic"]}
    hers.client.post(reverse("patient:delegate-name"), answers(rui, **every))
    one = Delegation.objects.get()
    hers.get(reverse("patient:delegate", args=[one.pk]), at="/hers/asked/")
    his.get(reverse("patient:acting"), at="/his/asked/")
    his.client.post(reverse("patient:acting-answer", args=[one.pk]), {"how": "agree"})
    his.get(reverse("patient:acting"), at="/his/waits/")
    hers.get(reverse("patient:delegates"), at="/hers/agreed/")
    sign = reverse("patient:delegate-sign", args=[one.pk])
    hers.get(sign, at="/hers/sign/")
    hers.post(sign, {}, "wrong/")
    hers.client.post(sign, {"also-genetic": "on"})
    hers.get(reverse("patient:delegate", args=[one.pk]), at="/hers/signed/")
    hers.get(reverse("patient:sharing"), at="/hers/sharing/")
    hers.get(reverse("patient:delegate-end", args=[one.pk]), at="/hers/end/")
    his.get(reverse("patient:acting"), at="/his/may/")
    his.client.post(reverse("patient:acting-begin", args=[one.pk]))
    his.get(reverse("patient:acting-home"), at="/his/home/")
    his.get(reverse("patient:acting-part", args=["labs"]), at="/his/part/")
    his.get(reverse("patient:acting-add", args=["weight"]), at="/his/add/")
    at = timezone.localtime(clock.now()).strftime("%Y-%m-%dT%H:%M")
    his.client.post(reverse("patient:acting-add", args=["weight"]), {"value": "71.5", "unit": "kg", "at": at})
    his.get(reverse("patient:acting-share"), at="/his/share/")
    chosen = reverse("patient:acting-share-with", args=[lee.user.pk])
    his.get(chosen, at="/his/share-with/")
    confirm = his.client.post(chosen, {"ordinary": ["labs"], "days": "7"})["Location"]
    his.get(confirm, at="/his/share-confirm/")
    his.client.post(confirm)
    his.get(reverse("patient:acting-share"), at="/his/shared/")
    his.get(reverse("patient:acting-looked"), at="/his/looked/")
    his.get(reverse("patient:acting-give-up"), at="/his/give-up/")
    his.get(reverse("front:account"), at="/his/account/")
    hers.get(reverse("patient:looked"), at="/hers/looked/")
    naming.end(one, by=ana.user, keyring=ana.keyring)
    his.get(reverse("patient:acting-home"), expected=404, at="/his/over/")
    return seen | his.answers


def test_the_pages_of_both_sides_fit_each_width_and_axe_finds_nothing(pages, open_window):
    calm(open_window(pages), pages)


@pytest.fixture
def at_the_desk(db):
    """Return what two verifiers saw, and the father of a child without keys."""
    people.prepare_ground()
    child = arrivals.expect(
        name="Leo Costa", birth_date=date(2020, 5, 3), sex="male", identifiers=[("urn:mrn", "L")], source="x"
    )
    access.receive(child, [draft(child, RESULT)], source=source_signer("x"))
    rui = people.account("Rui Costa")
    first, second, his = Answers(checker("Ines Roy")), Answers(checker("Olaf Berg")), Answers(browser_of(rui))
    row = reverse("admin:patients_patient_change", args=[child.pk])
    first.get(row, at="/desk/child/")
    told = {
        "email": rui.user.email,
        "basis": "parent",
        "rights": ["read"],
        "categories": ["labs"],
        "until": (clock.now() + timedelta(days=100)).date(),
        "document": "birth-certificate",
    }
    act = reverse("admin:patients_patient_act", args=[child.pk, "name"])
    first.client.post(act, {f"name-{field}": value for field, value in told.items()})
    made = Delegation.objects.get()
    second.get(reverse("admin:consent_delegation_changelist"), at="/desk/delegations/")
    second.get(reverse("admin:consent_delegation_change", args=[made.pk]), at="/desk/delegation/")
    confirm = reverse("admin:consent_delegation_act", args=[made.pk, "confirm"])
    second.client.post(confirm, {"confirm-document": "court-order"})
    his.get(reverse("patient:acting"), at="/his/confirmed/")
    his.client.post(reverse("patient:acting-answer", args=[made.pk]), {"how": "agree"})
    his.client.post(reverse("patient:acting-begin", args=[made.pk]))
    assert "Glucose" in his.get(reverse("patient:acting-part", args=["labs"]), at="/his/child/").content.decode()
    return first.answers | second.answers | his.answers


def test_the_pages_of_a_child_without_keys_fit_each_width_and_axe_finds_nothing(at_the_desk, open_window):
    calm(open_window(at_the_desk), at_the_desk)


@pytest.fixture
def at_the_bedside(db):
    """Return what a tablet shows that is handed over and back."""
    people.prepare_ground()
    ana, lee = people.patient("Ana Costa"), people.clinician("Mei Lee")
    people.give(ana, lee)
    asked = ask(ana.patient, reader=lee.user, keyring=lee.keyring, categories=["history"], days=30, words="To operate.")
    tablet = Answers(with_second_step(lee))
    tablet.get(reverse("clinician:requests"), at="/tablet/asked/")
    tablet.client.post(reverse("clinician:bedside", args=[asked.pk]))
    tablet.get(reverse("front:bedside"), at="/tablet/sign-in/")
    tablet.client.post(reverse("front:bedside"), {"email": ana.user.email, "passphrase": people.PASSPHRASE})
    answer = reverse("patient:answer", args=[asked.pk])
    tablet.get(answer, at="/tablet/answer/")
    tablet.client.post(answer, {"ordinary": ["history"], "days": "30"})
    confirm = reverse("patient:answer-confirm", args=[asked.pk])
    tablet.get(confirm, at="/tablet/confirm/")
    tablet.post(confirm, {}, "over/")
    # The header that lets an untouched page go would load these pages again.
    for headers, _body in tablet.answers.values():
        headers.pop("Refresh", None)
        headers.pop("Clear-Site-Data", None)
    return tablet.answers


def test_the_pages_at_the_bedside_fit_each_width_and_axe_finds_nothing(at_the_bedside, open_window):
    calm(open_window(at_the_bedside), at_the_bedside)
