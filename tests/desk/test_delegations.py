"""Who acts for patients without keys, at the desk: the first signs on the record's page, the second in the list."""

from datetime import date, timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from audit.models import EventBody
from consent import access, authority
from consent.models import Delegation
from consent.sharing import arrivals
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.models import User
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from ehr.words import Category
from patients.operations import source_signer
from tests import people
from tests.consent.conftest import draft
from tests.desk.conftest import session_of

pytestmark = pytest.mark.urls("tests.desk.addresses")


@pytest.fixture
def leo(db):
    people.prepare_ground()
    child = arrivals.expect(
        name="Leo Costa", birth_date=date(2020, 5, 3), sex="male", identifiers=[("urn:mrn", "L 1")], source="x"
    )
    access.receive(child, [draft(Category.LABS)], source=source_signer("x"))
    return child


@pytest.fixture
def rui(leo):
    return people.account("Rui Costa")


def checker(name: str, *, unlocked: bool = True) -> Client:
    """An identity checker at the desk, with their keys open unless said otherwise."""
    person = people.account(name, staff=True)
    desk.give_role(person.user, role=DeskRole.IDENTITY, by=None, reason="test")
    browser = session_of(User.objects.get(pk=person.user.pk))
    if unlocked:
        session = browser.session
        browser.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, person.keyring)
        session.save()
    return browser


def first(browser, leo, rui, **instead):
    told = {
        "email": rui.user.email,
        "basis": "parent",
        "rights": ["read", "log"],
        "categories": ["labs"],
        "until": (clock.now() + timedelta(days=100)).date(),
        "document": "birth-certificate",
    } | instead
    sent = {f"name-{field}": value for field, value in told.items()}
    return browser.post(reverse("admin:patients_patient_act", args=[leo.pk, "name"]), sent)


def second(browser, act="confirm", **sent):
    row = Delegation.objects.get()
    return browser.post(reverse("admin:consent_delegation_act", args=[row.pk, act]), sent)


def test_two_people_at_the_desk_sign_one_after_the_other(leo, rui):
    assert first(checker("Ines Roy"), leo, rui).status_code == 302
    made = Delegation.objects.get()
    other = checker("Olaf Berg")
    assert "Rui Costa for Leo Costa" in other.get(reverse("admin:consent_delegation_changelist")).content.decode()
    page = other.get(reverse("admin:consent_delegation_change", args=[made.pk])).content.decode()
    assert "Rui Costa may act for Leo Costa, as parent or guardian, until" in page
    second(other, **{"confirm-document": "court-order"})
    assert authority.genuine_delegation(Delegation.objects.get())
    assert not other.get(reverse("admin:consent_delegation_changelist")).context["lines"]


def test_the_first_is_not_offered_to_be_the_second(leo, rui):
    browser = checker("Ines Roy")
    first(browser, leo, rui)
    assert second(browser, **{"confirm-document": "court-order"}).status_code == 404


def test_an_address_that_is_nobodys_is_said_to_be(leo, rui):
    answer = first(checker("Ines Roy"), leo, rui, email="nobody@example.org")
    assert answer.status_code == 422
    assert "Ask them to sign up first" in answer.content.decode()


def test_without_open_keys_nothing_is_signed(leo, rui):
    answer = first(checker("Ines Roy", unlocked=False), leo, rui)
    assert "you sign this with your own keys" in answer.content.decode()
    assert not Delegation.objects.exists()


def test_it_is_ended_with_a_reason_at_any_time(leo, rui):
    browser = checker("Ines Roy")
    first(browser, leo, rui)
    second(browser, "withdraw", **{"withdraw-reason": "The court decided otherwise."})
    assert Delegation.objects.get().ended_by == "staff"


def test_whoever_sees_the_names_leaves_a_line(leo, rui):
    first(checker("Ines Roy"), leo, rui)
    checker("Olaf Berg").get(reverse("admin:consent_delegation_changelist"))
    told = [body.payload for body in EventBody.objects.all()]
    assert any("patient.named" in str(one) and "delegation" in str(one) for one in told)


def test_what_patients_signed_themselves_is_not_at_the_desk(leo, rui):
    ana = people.patient("Ana Costa")
    Delegation.objects.create(
        patient=ana.patient,
        reader=rui.user.reader,
        basis="carer",
        rights=["log"],
        categories=[],
        starts=clock.now(),
        ends=clock.now() + timedelta(days=1),
        sentence="x",
    )
    page = checker("Ines Roy").get(reverse("admin:consent_delegation_changelist") + "?view=all")
    assert not page.context["lines"]
