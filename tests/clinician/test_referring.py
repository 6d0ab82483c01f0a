"""Dr Lee refers Ana to a specialist on pages; what the specialist sees, files and cannot pass on."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from audit import queries as log
from consent.access import own_party
from consent.models import Grant, Referral, Report
from consent.sharing import grants, referrals
from ehr.notices.models import Notice
from ehr.words import Action, Category
from patients.models import Entry
from providers.roles import Role
from tests import people
from tests.clinician.conftest import READ_AND_WRITE, browser_of

pytestmark = pytest.mark.django_db
PROPOSED = {"ordinary": ["labs"], "write": "on", "days": "30", "words": "Please look at the heart."}
REPORT = {"name": "Heart", "words": "The heart is well."}


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(ana, lee, record):
    return people.give(ana, lee, Category.LABS, Category.HISTORY, actions=READ_AND_WRITE, days=60)


def page(name: str, person, *more) -> str:
    return reverse(f"clinician:{name}", args=[person.patient.pk, *more])


def propose(browser, ana, to, **more):
    return browser.post(page("refer", ana, to.user.pk), PROPOSED | {"once": uuid.uuid4()} | more)


def agree(ana, referral, **more) -> Grant:
    told = {"categories": referral.categories, "actions": referral.actions, "days": referral.days} | more
    return referrals.approve(referral, keyring=ana.keyring, **told)


@pytest.fixture
def referred(ana, browser, heart, held):
    """What Ana said yes to: Dr Heart sees her results for 30 days at most."""
    propose(browser, ana, heart)
    return agree(ana, Referral.objects.get())


# --- J5 (1), (2): at most what one holds, and only with a yes -----------------------------------------
def test_j5_1_a_physician_proposes_a_colleague_from_the_chart(ana, lee, browser, heart, held):
    chart = browser.get(page("chart", ana)).content.decode()
    assert page("refer-find", ana) in chart
    found = browser.get(page("refer-find", ana), {"words": "Heart"}).content.decode()
    assert page("refer", ana, heart.user.pk) in found
    assert propose(browser, ana, heart)["Location"] == reverse("clinician:referrals")
    made = Referral.objects.get()
    assert (made.categories, made.days, made.referrer.user) == (["labs"], 30, lee.user)
    sent = browser.get(reverse("clinician:referrals")).content.decode()
    assert "Waiting" in sent
    assert "Hana Heart" in sent


def test_j5_1_no_pharmacist_is_offered_for_they_see_single_prescriptions(ana, browser, heart, held):
    people.clinician("Paul Pharmacist", role=Role.PHARMACIST)
    found = browser.get(page("refer-find", ana)).content.decode()
    assert "Hana Heart" in found
    assert "Paul Pharmacist" not in found


def test_j5_1_only_what_one_holds_can_be_ticked_and_all_six_are_listed(ana, browser, heart, held):
    shown = browser.get(page("refer", ana, heart.user.pk))
    form = shown.context["form"]
    assert [value for value, _label in form.fields["ordinary"].choices] == ["history", "labs"]
    assert "sensitive" not in form.fields
    assert len(shown.context["parts"]) == len(Category)
    for beyond in ({"ordinary": ["labs", "treatment"]}, {"ordinary": ["labs"], "sensitive": ["genetic"]}):
        propose(browser, ana, heart, **beyond)
    assert {tuple(one.categories) for one in Referral.objects.all()} <= {("labs",)}


def test_j5_1_nothing_opens_before_the_patient_says_yes(ana, browser, heart, held):
    propose(browser, ana, heart)
    assert browser_of(heart).get(page("chart", ana)).status_code == 404


def test_nothing_is_ticked_beforehand(ana, browser, heart, held):
    form = browser.get(page("refer", ana, heart.user.pk)).context["form"]
    assert not any(form[name].value() for name in ("ordinary", "write", "days"))


def test_a_proposal_sent_twice_is_one(ana, browser, heart, held):
    once = uuid.uuid4()
    assert [propose(browser, ana, heart, once=once).status_code for _ in range(2)] == [302, 302]
    assert Referral.objects.count() == 1


@pytest.mark.parametrize("left_out", ["ordinary", "days", "words"])
def test_an_incomplete_proposal_is_shown_again(ana, browser, heart, held, left_out):
    sent = {name: value for name, value in PROPOSED.items() if name != left_out} | {"once": uuid.uuid4()}
    again = browser.post(page("refer", ana, heart.user.pk), sent)
    assert again.context["form"].errors
    assert not Referral.objects.exists()


def test_with_locked_keys_the_proposal_stays_on_the_page(ana, lee, heart, held):
    text = propose(browser_of(lee, unlocked=False), ana, heart).content.decode()
    assert "keys are locked" in text
    assert PROPOSED["words"] in text


def test_a_proposal_is_withdrawn_by_its_author_alone(ana, browser, stranger, heart, held):
    propose(browser, ana, heart)
    address = reverse("clinician:referral-withdraw", args=[Referral.objects.get().pk])
    assert browser_of(stranger).post(address).status_code == 404
    assert browser.post(address).status_code == 302
    assert Referral.objects.get().state == Referral.State.WITHDRAWN


def test_a_nurse_and_somebody_let_in_to_nothing_have_no_such_page(ana, stranger, heart, held):
    nurse = people.clinician("Nina Nurse", role=Role.NURSE)
    people.give(ana, nurse, Category.LABS)
    seen = browser_of(nurse)
    assert page("refer-find", ana) not in seen.get(page("chart", ana)).content.decode()
    for who in (seen, browser_of(stranger)):
        assert who.get(page("refer", ana, heart.user.pk)).status_code == 404


# --- Mandates ------------------------------------------------------------------------------------
def test_j5_2_under_a_mandate_the_form_says_so_and_it_is_done_at_once(ana, lee, browser, heart, held):
    people.mandate(ana, lee)
    assert "without asking each time" in browser.get(page("refer", ana, heart.user.pk)).content.decode()
    told = browser.post(page("refer", ana, heart.user.pk), PROPOSED | {"once": uuid.uuid4()}, follow=True)
    assert "may see it now" in told.content.decode()
    assert "Glucose" in browser_of(heart).get(page("chart", ana)).content.decode()
    assert Notice.objects.filter(user=ana.user, kind="somebody-let-in").exists()


# --- J5 (3), (4): reads, reports, and the days after it -----------------------------------------------
def test_j5_3_the_specialist_reads_that_part_alone_and_until_when_stands_in_the_chart(ana, heart, referred):
    shown = browser_of(heart).get(page("chart", ana)).content.decode()
    assert "Glucose" in shown
    assert "Asthma" not in shown
    assert "until 7 days after your report, at the latest until" in shown


def test_j5_3_the_specialist_files_the_report_and_who_referred_reads_it(ana, lee, browser, heart, referred):
    seen = browser_of(heart)
    assert page("report", ana) in seen.get(page("chart", ana)).content.decode()
    seen.post(page("report", ana), REPORT | {"once": uuid.uuid4()})
    report = Report.objects.get()
    assert "The heart is well." in browser.get(page("chart", ana)).content.decode()
    assert reverse("clinician:entry", args=[ana.patient.pk, report.logical_id]) in (
        browser.get(reverse("clinician:referrals")).content.decode()
    )
    assert Notice.objects.filter(user=lee.user, kind="report-filed").count() == 1
    assert page("report", ana) not in seen.get(page("chart", ana)).content.decode()
    assert "report.filed" in [line.action for line in log.story(ana.patient.pk)]


@pytest.mark.parametrize("parts", [["labs"], ["history"], ["history", "labs"]])
def test_j5_3_a_report_stands_in_a_part_that_who_referred_sees(ana, browser, heart, held, parts):
    propose(browser, ana, heart, ordinary=parts)
    agree(ana, Referral.objects.get())
    assert browser_of(heart).post(page("report", ana), REPORT | {"once": uuid.uuid4()}).status_code == 302
    assert "The heart is well." in browser.get(page("chart", ana)).content.decode()


def test_a_report_sent_twice_is_one(ana, heart, referred):
    seen, sent, before = browser_of(heart), REPORT | {"once": uuid.uuid4()}, Entry.objects.count()
    assert [seen.post(page("report", ana), sent).status_code for _ in range(2)] == [302, 302]
    assert (Report.objects.count(), Entry.objects.count()) == (1, before + 1)


def test_nobody_files_a_report_that_nobody_awaits(ana, browser, held):
    assert browser.get(page("report", ana)).status_code == 404
    assert browser.post(page("report", ana), REPORT | {"once": uuid.uuid4()}).status_code == 404
    assert not Report.objects.exists()


@pytest.mark.parametrize("filed", [True, False])
def test_j5_4_it_ends_days_after_the_report_or_at_its_end_with_no_job_running(ana, heart, referred, filed):
    seen = browser_of(heart)
    over = referred.ends
    if filed:
        seen.post(page("report", ana), REPORT | {"once": uuid.uuid4()})
        over = Report.objects.get().filed_at + timedelta(days=7)
    for at, status in ((over - timedelta(seconds=2), 200), (over, 403)):
        with time_machine.travel(at, tick=False):
            assert browser_of(heart).get(page("chart", ana)).status_code == status
            listed = browser_of(heart).get(reverse("clinician:home")).context["rows"]
            assert [row.reachable.ends for row in listed] == ([over] if status == 200 else [])


# --- J5 (5), (6): never passed on again, and over with what it hangs from ------------------------------
def test_j5_5_the_specialist_cannot_pass_it_on(ana, heart, stranger, referred):
    seen = browser_of(heart)
    assert page("refer-find", ana) not in seen.get(page("chart", ana)).content.decode()
    assert seen.get(page("refer", ana, stranger.user.pk)).status_code == 404
    assert propose(seen, ana, stranger).status_code == 404
    assert Referral.objects.count() == 1


def test_j5_6_stopping_what_it_hangs_from_ends_it_at_the_next_request(ana, heart, held, referred):
    seen = browser_of(heart)
    assert seen.get(page("chart", ana)).status_code == 200
    grants.end(held, keyring=ana.keyring, by=own_party(ana.patient))
    assert seen.get(page("chart", ana)).status_code == 403
    assert seen.post(page("report", ana), REPORT | {"once": uuid.uuid4()}).status_code in {403, 404, 200}
    assert not Report.objects.exists()


def test_all_of_it_is_on_the_patients_list(ana, heart, referred):
    browser_of(heart).post(page("report", ana), REPORT | {"once": uuid.uuid4()})
    told = {line.action for line in log.story(ana.patient.pk)}
    assert {"referral.proposed", "referral.approved", "grant.made", "report.filed"} <= told
    assert Action.WRITE in referred.actions
