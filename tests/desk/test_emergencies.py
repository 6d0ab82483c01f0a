"""Emergencies at the desk (J4): who reviews, what they see, what follows, and what is late."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse

from audit import queries as audit
from audit.models import Case
from consent import access, emergency
from ehr.accounts import keyrings
from ehr.accounts.models import User
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.consent import urgent
from tests.consent.conftest import draft
from tests.consent.urgent import WORDS, opened, presence
from tests.desk.conftest import session_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses")]
LIST = "admin:consent_emergency_changelist"
FOUND = "The list of the ward shows that it was urgent."


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground):
    ana = people.patient("Ana Costa")
    access.add_own(ana.patient, [draft(part) for part in Category], keyring=ana.keyring)
    return ana


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def petra(ground):
    return urgent.officer()


@pytest.fixture
def came(ana, doctor, petra):
    return opened(ana.patient, doctor)


def at_desk(person):
    client = session_of(person.user)
    session = client.session
    client.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, person.keyring)
    session.save()
    return client


def row(one):
    return reverse("admin:consent_emergency_change", args=[one.pk])


def do(client, one, act, **said):
    path = reverse("admin:consent_emergency_act", args=[one.pk, act])
    return client.post(path, {f"{act}-{name}": value for name, value in said.items()}, follow=True)


def test_the_officer_sees_who_why_and_what_was_opened_and_the_look_is_on_the_log(came, ana, doctor, petra):
    access.open_chart(
        ana.patient, reader=doctor.user, keyring=doctor.keyring, purpose="BTG", presence=presence(came, doctor)
    )
    text = at_desk(petra).get(row(came.emergency)).text
    for said in ("Omar Haddad", "Harbour Medical Centre", "Ana Costa", WORDS, "Read the chart", "all six"):
        assert said in text
    assert "marker" not in text
    assert {"emergency.read", "patient.named"} <= {line.action for line in audit.story(ana.patient.pk, limit=3)}


def test_the_words_need_the_officer_s_own_keys(came, petra):
    assert session_of(petra.user).get(row(came.emergency)).url.startswith("/front/unlock/")


def test_j4_5_a_review_reaches_the_patient_and_leaves_the_list(came, ana, petra):
    client = at_desk(petra)
    assert "Omar Haddad" in client.get(reverse(LIST)).text
    response = do(client, came.emergency, "review", outcome="justified", words=FOUND)
    assert "The patient was told." in response.text
    assert "Omar Haddad" not in client.get(reverse(LIST)).text
    assert "Omar Haddad" in client.get(reverse(LIST) + "?view=reviewed").text
    came.emergency.refresh_from_db()
    assert emergency.review_of(came.emergency, ana.keyring) == FOUND


def test_j4_5_who_opened_it_is_offered_no_review(ana, ground):
    both = people.clinician("Omar Haddad", role=Role.EMERGENCY)
    both.user.groups.add(*urgent.officer().user.groups.all())
    User.objects.filter(pk=both.user.pk).update(is_staff=True)
    both.user.refresh_from_db()
    came = opened(ana.patient, both)
    client = at_desk(both)
    assert "You opened this yourself" in client.get(row(came.emergency)).text
    assert do(client, came.emergency, "review", outcome="justified", words=FOUND).status_code == 404


def test_j4_5_after_72_hours_it_is_flagged_in_the_list_and_on_the_first_page(came, petra):
    assert "overdue" not in at_desk(petra).get(reverse(LIST)).text
    with time_machine.travel(came.emergency.review_due_at + timedelta(seconds=1)):
        client = at_desk(petra)
        assert "overdue" in client.get(reverse(LIST)).text
        first = client.get(reverse("admin:index")).text
    assert "Emergency access to review" in first
    assert "Late" in first


def test_an_officer_ends_what_is_open(came, petra):
    do(at_desk(petra), came.emergency, "end")
    came.emergency.refresh_from_db()
    assert came.emergency.ended_by == "officer"


def test_j4_6_unjustified_opens_a_case_and_offers_to_suspend_the_account(came, doctor, petra):
    client = at_desk(petra)
    response = do(client, came.emergency, "review", outcome="unjustified", words="Nothing said it was urgent.")
    assert "A case about this is open" in response.text
    assert "Suspend the account" in response.text
    case = Case.objects.get()
    listed = client.get(reverse("admin:audit_case_changelist")).text
    assert "An emergency access that was not justified" in listed
    assert "Nothing said it was urgent." in client.get(reverse("admin:audit_case_change", args=[case.pk])).text
    do(client, came.emergency, "suspend", reason="Looked without need.")
    doctor.user.refresh_from_db()
    assert not doctor.user.is_active
    assert "Suspend the account" not in client.get(row(came.emergency)).text


def test_j4_6_a_case_is_given_to_another_officer(came, petra):
    other, client = urgent.officer("Otto Zed"), at_desk(petra)
    do(client, came.emergency, "review", outcome="unjustified", words="Nothing said it was urgent.")
    case = Case.objects.get()
    assert "Petra Ok" in client.get(reverse("admin:audit_case_change", args=[case.pk])).text
    path = reverse("admin:audit_case_act", args=[case.pk, "assign"])
    client.post(path, {"assign-to": str(other.user.pk)})
    case.refresh_from_db()
    assert case.assigned_name == "Otto Zed"


def test_a_justified_one_offers_no_suspending(came, petra):
    client = at_desk(petra)
    do(client, came.emergency, "review", outcome="justified", words=FOUND)
    assert "Suspend" not in client.get(row(came.emergency)).text
    assert not Case.objects.exists()
