"""Emergencies as the patient sees them (J4): told, ended, asked about, reviewed; and what they say beforehand."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from consent import access, emergency, escrow
from consent.models import Emergency
from consent.tasks import tell_contacts
from ehr import clock
from ehr.notices import operations as notices
from ehr.notices.models import Notice
from ehr.notices.tasks import deliver
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.consent import urgent
from tests.consent.urgent import WORDS, opened
from tests.patient.conftest import browser_of

pytestmark = pytest.mark.django_db
FOUND = "The scan shows that you could not be asked."


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def petra(ground):
    return urgent.officer()


@pytest.fixture
def came(ana, doctor, petra):
    return opened(ana.patient, doctor)


def emergencies(browser):
    return browser.get(reverse("patient:emergencies"))


# --- J4 (3): told within a minute ------------------------------------------------------------------
def test_j4_3_within_a_minute_patient_and_contact_have_their_letters(ana, doctor, mailoutbox):
    emergency.name_contact(ana.patient, name="Rui Costa", email="rui@example.org")
    at = opened(ana.patient, doctor).emergency.opened_at
    with time_machine.travel(at + timedelta(seconds=10)):
        deliver()
        assert tell_contacts() == 1
        assert tell_contacts() == 0
    letters = {letter.to[0]: letter for letter in mailoutbox}
    assert {ana.user.email, "rui@example.org"} <= set(letters)
    for address in (ana.user.email, "rui@example.org"):
        said = f"{letters[address].subject} {letters[address].body}".casefold()
        assert not any(word in said for word in ("ana ", "costa", "haddad", "rui", "unconscious", "harbour"))
    assert "named you" in letters["rui@example.org"].subject


def test_j4_3_the_notice_leads_to_who_and_why(browser, came):
    notice = Notice.objects.get(kind="emergency-access")
    response = browser.post(reverse("front:notice", args=[notice.pk]), follow=True)
    assert response.context["request"].path == reverse("patient:emergencies")
    assert "Omar Haddad" in response.text
    assert "Harbour Medical Centre" in response.text
    assert "You could not speak for yourself." in response.text
    assert WORDS in response.text


def test_j4_3_quiet_hours_do_not_hold_it_back(ana, doctor, mailoutbox):
    from_now, until = (clock.now() + timedelta(hours=hours) for hours in (-1, 5))
    notices.prefer(user=ana.user, pace="weekly", quiet_from=from_now.time(), quiet_until=until.time())
    opened(ana.patient, doctor)
    deliver()
    assert ana.user.email in {letter.to[0] for letter in mailoutbox}


def test_the_words_need_the_patient_s_own_keys(ana, came):
    text = emergencies(browser_of(ana, unlocked=False)).text
    assert "Omar Haddad" in text
    assert WORDS not in text
    assert "Unlock your record to read" in text


def test_nobody_else_s_emergencies_are_shown(ben, came):
    assert "Omar Haddad" not in emergencies(browser_of(ben)).text


def test_on_the_list_it_is_an_emergency_with_the_words_they_wrote(browser, came):
    response = browser.get(reverse("patient:looked"))
    (line,) = [one for day in response.context["days"] for one in day.people if "in an emergency" in one.words]
    assert (line.who, line.tag, line.quote, line.askable) == ("Dr Omar Haddad", "Emergency", WORDS, True)
    assert "Opened your whole record in an emergency" in response.text


def test_the_first_page_says_that_it_is_open_and_where_to_end_it(browser, came, ana):
    assert "has opened your record without asking you" in browser.get(reverse("patient:home")).text
    emergency.end(came.emergency, by=ana.user)
    assert "has opened your record without asking you" not in browser.get(reverse("patient:home")).text


def test_one_can_ask_about_it(browser, came):
    assert reverse("patient:ask", args=[came.emergency.event_id]) in emergencies(browser).text
    response = browser.post(reverse("patient:ask", args=[came.emergency.event_id]), {"words": "Who is this?"})
    assert response.url == reverse("patient:questions")


# --- Ending ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("unlocked", [True, False])
def test_the_patient_ends_it_with_and_without_open_keys(ana, came, unlocked):
    browser = browser_of(ana, unlocked=unlocked)
    response = browser.post(reverse("patient:emergency-end", args=[came.emergency.pk]), follow=True)
    assert "It has ended" in response.text
    assert "You ended it." in response.text
    came.emergency.refresh_from_db()
    assert came.emergency.ended_by == "patient"
    assert (came.emergency.relocked_at is not None) is unlocked


def test_nobody_ends_another_patient_s(ben, came):
    assert browser_of(ben).post(reverse("patient:emergency-end", args=[came.emergency.pk])).status_code == 404


# --- J4 (5) and (6): the review --------------------------------------------------------------------
def test_j4_5_the_patient_sees_that_it_waits_then_is_overdue_then_what_was_found(ana, came, petra):
    assert "A privacy officer looks at whether it was right" in emergencies(browser_of(ana)).text
    with time_machine.travel(came.emergency.review_due_at + timedelta(minutes=1)):
        text = emergencies(browser_of(ana)).text
        assert "Review overdue" in text
        assert "Nobody has looked yet" in text
        emergency.review(came.emergency, by=petra.user, outcome="justified", words=FOUND)
        text = emergencies(browser_of(ana)).text
    assert "found that it was justified" in text
    assert "Petra Ok" in text
    assert FOUND in text
    assert "Review overdue" not in text


def test_j4_6_the_patient_sees_that_it_was_not_justified_and_the_case(browser, came, petra):
    emergency.review(came.emergency, by=petra.user, outcome="unjustified", words="Nothing said that it was urgent.")
    text = emergencies(browser).text
    assert "Not justified" in text
    assert "was not justified. A case was opened" in text
    assert "Nothing said that it was urgent." in browser.get(reverse("patient:questions")).text


def test_one_that_never_opened_is_told_as_such(browser, ana, doctor, monkeypatch):
    def shut(patient, **asked):
        asked["record"]("ab" * 32)
        raise escrow.KeyholderAway

    monkeypatch.setattr(escrow, "released", shut)
    with pytest.raises(emergency.CannotBreak):
        opened(ana.patient, doctor)
    text = emergencies(browser).text
    assert "Never opened" in text
    assert "nothing was read" in text


# --- Said beforehand -------------------------------------------------------------------------------
def test_somebody_is_named_to_be_told_and_taken_off_again(browser, ana):
    address = reverse("patient:emergency-contact")
    browser.post(address, {"name": "Rui Costa", "email": "rui@example.org"})
    assert emergency.contact_of(ana.patient).email == "rui@example.org"
    assert "Rui Costa" in emergencies(browser).text
    browser.post(address, {"remove": "yes"})
    assert emergency.contact_of(ana.patient) is None


def test_an_address_that_is_none_is_said_to_be(browser, ana):
    response = browser.post(reverse("patient:emergency-contact"), {"name": "Rui", "email": "rui"})
    assert response.status_code == 422
    assert "Look at the address again" in response.text
    assert emergency.contact_of(ana.patient) is None


def test_j4_8_where_the_law_lets_one_a_part_is_kept_shut_and_opened_again(browser, ana, settings):
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    address = reverse("patient:emergency-part", args=["genetic"])
    assert "The law here lets you keep parts shut" in emergencies(browser).text
    browser.post(address)
    assert emergency.opted_out(ana.patient) == {Category.GENETIC}
    assert "Stays shut" in emergencies(browser).text
    browser.post(address, {"open": "yes"})
    assert emergency.opted_out(ana.patient) == frozenset()


def test_j4_8_where_the_law_does_not_the_page_says_so_and_offers_nothing(browser, ana, settings):
    text = emergencies(browser).text
    assert "The law here does not let patients keep parts shut" in text
    assert reverse("patient:emergency-part", args=["genetic"]) not in text
    response = browser.post(reverse("patient:emergency-part", args=["genetic"]), follow=True)
    assert "Nothing was changed" in response.text
    assert emergency.opted_out(ana.patient) == frozenset()


@pytest.mark.parametrize(("prevails", "said"), [(True, "stays out even in"), (False, "puts care first")])
def test_j4_8_the_patient_is_told_whether_a_block_holds_in_an_emergency(browser, ana, settings, prevails, said):
    settings.BLOCKS_PREVAIL_IN_EMERGENCY = prevails
    assert said in emergencies(browser).text


def test_a_part_there_is_not_is_not_found(browser):
    assert browser.post(reverse("patient:emergency-part", args=["everything"])).status_code == 404


def test_how_often_it_happened_is_answered_first(browser, came, ana, doctor):
    access.open_chart(
        ana.patient,
        reader=doctor.user,
        keyring=doctor.keyring,
        purpose="BTG",
        presence=urgent.presence(came, doctor),
    )
    assert "One did so in an emergency, without asking you first." in browser.get(reverse("patient:looked")).text
    assert Emergency.objects.count() == 1
