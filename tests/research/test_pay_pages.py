# ruff: noqa: F811 - fixtures are imported by their names
"""The pages of pay through the contract: the patient's, the researcher's, the desk's, and the operator's check."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from ehr.chain.models import Transaction
from ehr.desk.roles import DeskRole
from ehr.portals.researcher.forms import StudyForm
from research.compensation import claiming
from research.models import Due
from tests import people
from tests.clinician.conftest import browser_of
from tests.research import studying
from tests.research.paying_made import (  # noqa: F401 - fixtures
    PAY,
    PEOPLE,
    UNIT,
    account,
    board,
    due_of,
    joined,
    ready,
    release,
    rosa,
    settled,
    small_groups,
    study,
    units,
)
from tests.research.test_leaving_pages import page, staff

pytestmark = pytest.mark.django_db


def said(person, due, status=302, **fields):
    answer = browser_of(person).post(reverse("patient:research-pay", args=[due.pk]), fields)
    assert answer.status_code == status
    return answer.content.decode()


def checked(*more):
    told = StringIO()
    call_command("check_pay", *more, stdout=told)
    return told.getvalue()


def test_a_patient_says_where_a_share_goes_and_reads_how_far_it_is(chain, ready, joined):
    ana = joined[0][0]
    browser, due = browser_of(ana), due_of(joined[0][0])
    shown = page(browser, "patient:research-uses")
    assert "It is ready: say until" in shown
    assert reverse("patient:research-pay", args=[due.pk]) in shown
    assert "500,000,000,000 wei" in page(browser, "patient:research-pay", due.pk)
    assert "capital letters" in said(ana, due, status=422, payee=account("Ana's wallet").lower())
    said(ana, due, payee=account("Ana's wallet"))
    assert "on its way to the account you named" in page(browser, "patient:research-uses")
    settled(chain)
    assert "You were paid CAD\u00a05.00 for it on" in page(browser, "patient:research-uses")


def test_a_patient_leaves_it_with_the_institution_in_one_press(chain, ready, joined):
    ana = joined[0][0]
    said(ana, due_of(ana), leave="1")
    assert "You left CAD\u00a05.00 with the institution" in page(browser_of(ana), "patient:research-uses")
    settled(chain)
    assert "and the institution pays you" in page(browser_of(ana), "patient:research-uses")
    assert "institution pays you" in page(browser_of(ana), "patient:research-pay", due_of(ana).pk)


def test_what_another_person_is_due_does_not_exist(ready, joined):
    (ana, _one), (bo, _two) = joined
    page(browser_of(bo), "patient:research-pay", due_of(ana).pk, status=404)
    said(bo, due_of(ana), status=404, payee=account("Bo's wallet"))
    assert not Transaction.objects.filter(method="claim").exists()


def test_before_joining_people_read_how_a_study_pays(study, joined):
    browser = browser_of(joined[0][0])
    words = "It is set aside for you in a contract"
    assert words not in page(browser, "patient:research")
    stranger = browser_of(people.patient("Zoe Free"))
    assert words in page(stranger, "patient:research-study", study.pk)


def test_a_researcher_reads_what_all_are_due_and_of_nobody_who_claimed(chain, rosa, ready, joined):
    claiming.claim(due_of(joined[0][0]), keyring=joined[0][0].keyring, payee=account("Ana's wallet"))
    settled(chain)
    shown = page(browser_of(rosa), "researcher:release", ready.pk)
    assert "CAD\u00a010.00. It is set aside in the contract" in shown
    assert account("Ana's wallet") not in shown


def test_the_desk_reads_that_it_comes_out_even_or_what_does_not(ready, joined):
    browser = staff("Paula Pays", DeskRole.PAYMENTS)
    shown = page(browser, "admin:research_payout_changelist")
    assert "CAD\u00a010.00 in the contract" in shown
    assert "It comes out even." in shown
    Due.objects.filter(pk=due_of(joined[0][0]).pk).update(amount=PAY - 1)
    shown = page(browser, "admin:research_payout_changelist")
    assert "do not come out even" in shown
    assert f"Release {ready.pk}" in shown


def test_the_operator_s_check_says_the_sums_and_names_the_first_difference(chain, ready, joined):
    assert f"CAD: {PAY * PEOPLE} due = 0 paid" in checked()
    with chain.down():
        with pytest.raises(CommandError, match="--offline"):
            checked()
        assert "It comes out even." in checked("--offline")
    Due.objects.filter(pk=due_of(joined[0][0]).pk).update(amount=PAY + 1)
    with pytest.raises(CommandError, match=f"Release {ready.pk}: people are due"):
        checked()


def test_a_researcher_chooses_the_contract_only_where_the_operator_set_it_up(rosa, settings):
    browser = browser_of(rosa)
    assert "Pay through the contract" in page(browser, "researcher:new")
    settings.RESEARCH_PAY_WEI = {}
    assert "Pay through the contract" not in page(browser, "researcher:new")


@pytest.mark.parametrize(("currency", "unit"), [("CAD", UNIT), ("EUR", None)])
def test_a_proposal_fixes_how_many_wei_stand_for_its_smallest_unit(rosa, currency, unit):
    form = StudyForm.of(studying.drafted(rosa))
    sent = {name: value for name, value in form.initial.items() if value is not False}
    form = StudyForm(sent | {"by_contract": "on", "currency": currency, "ordinary": ["basic"]}, kept=True)
    if unit is None:
        assert "pays in these currencies: CAD" in str(form.errors["by_contract"])
    else:
        assert form.is_valid(), form.errors
        assert form.asked().unit == unit
