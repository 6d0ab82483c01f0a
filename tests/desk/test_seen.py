"""The desk's pages that name people leave their lines before they are shown."""

import json
from datetime import date

import pytest
from django.urls import reverse

from audit import cases, log
from audit.models import EventBody
from audit.queries import story
from consent import access
from consent.sharing import arrivals, questions
from ehr.desk import operations as desk_operations
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.frame.drafting import draft
from ehr.notices.models import Notice
from patients.models import Identifier
from patients.operations import source_signer
from tests import people
from tests.desk.conftest import session_of

pytestmark = [pytest.mark.urls("tests.desk.addresses"), pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def ground(db):
    people.prepare_ground()


def member(role: DeskRole) -> people.Person:
    person = people.account("Ines Roy", staff=True)
    person.user.groups.add(ensure_desk_roles()[role])
    return person


@pytest.fixture
def desk(ground):
    return session_of(member(DeskRole.IDENTITY).user)


@pytest.fixture
def waiting(ground):
    """A record that arrived, with something in it."""
    patient = arrivals.expect(
        name="Ana Costa", birth_date=date(1984, 5, 3), sex="female", identifiers=[("urn:mrn", "A 1")], source="Lab"
    )
    weight = {"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}}
    access.receive(patient, [draft(patient, weight)], source=source_signer("Lab"))
    return patient


def named(patient) -> list[tuple[str, str]]:
    return [(line.because, line.actor.name) for line in story(patient.pk) if line.action == "patient.named"]


def look(client, worklist: str, *row) -> None:
    page = client.get(reverse(f"admin:{worklist}_{'change' if row else 'changelist'}", args=row))
    assert page.status_code == 200
    assert "Ana Costa" in page.content.decode()


def test_a_waiting_record_is_named_on_its_own_list(desk, waiting):
    look(desk, "patients_patient")
    look(desk, "patients_patient", waiting.pk)
    assert named(waiting) == [("invitation", "Ines Roy")] * 2


def test_a_claim_is(desk, waiting):
    _claim, code = arrivals.invite(waiting, by=people.checker("Igor May"))
    claim = arrivals.take_up(code, user=people.account("Ana Costa").user)
    look(desk, "consent_claim")
    look(desk, "consent_claim", claim.pk)
    assert named(waiting) == [("claim", "Ines Roy")] * 2


def test_an_identity_to_confirm_is(desk, ground):
    ana = people.patient("Ana Costa")
    look(desk, "patients_identifier")
    look(desk, "patients_identifier", Identifier.objects.get(patient=ana.patient).pk)
    assert named(ana.patient) == [("identity-check", "Ines Roy")] * 2


def test_an_empty_list_names_nobody_and_says_nothing(desk, ground):
    before = EventBody.objects.count()
    assert desk.get(reverse("admin:consent_claim_changelist")).status_code == 200
    assert EventBody.objects.count() == before


def test_whose_accounts_an_operator_saw_is_on_the_log(ground):
    operator, rosa = member(DeskRole.OPERATOR), people.account("Rosa Diaz")
    found = session_of(operator.user).get(reverse("admin:accounts_user_changelist"), {"view": "all", "words": "Rosa"})
    assert "Rosa Diaz" in found.content.decode()
    last = json.loads(bytes(EventBody.objects.order_by("-event_id").first().payload))
    assert (last["action"], last["details"]["users"]) == ("account.shown", [str(rosa.user.pk)])


def test_an_officer_does_not_answer_or_close_a_question_of_their_own(ground):
    ana = people.patient("Ana Costa")
    ana.user.is_staff = True
    ana.user.save()
    ana.user.groups.add(ensure_desk_roles()[DeskRole.PRIVACY])
    event = log.append("chart.opened", actor=log.SYSTEM, subject=ana.patient.pk)
    case = questions.ask(ana.patient, event_id=event.pk, words="Who was this?", keyring=ana.keyring)
    for verb in (
        lambda: questions.answer(case, words="Nobody.", by=ana.user),
        lambda: questions.close(case, by=ana.user),
    ):
        with pytest.raises(cases.NotPossible, match="your own question"):
            verb()


def test_the_others_who_watch_hear_of_each_role_that_is_given(ground):
    """One operator alone could give roles to accounts of their own making; not unheard."""
    otto, olga = member(DeskRole.OPERATOR).user, member(DeskRole.OPERATOR).user
    petra, sock = member(DeskRole.PRIVACY).user, people.account("An Account Of His").user
    desk_operations.give_role(sock, role="credential-verifier", by=otto, reason="Hired.")
    told = Notice.objects.filter(kind="desk.privilege-given").values_list("user", flat=True)
    assert set(told) == {olga.pk, petra.pk}
