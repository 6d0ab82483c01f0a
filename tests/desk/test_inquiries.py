"""Claims, identities and questions at the desk."""

import json
import re
from datetime import date, timedelta

import pytest
from django.conf import settings
from django.urls import reverse

from audit.models import Case, Event, EventBody
from consent import access
from consent.models import Claim
from consent.sharing import arrivals, questions
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.models import User
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.frame.drafting import draft
from patients.operations import source_signer
from patients.queries import is_verified
from tests import people
from tests.desk.conftest import session_of

pytestmark = [pytest.mark.urls("tests.desk.addresses"), pytest.mark.point(9)]


def member(name: str, role: DeskRole):
    person = people.account(name, staff=True)
    person.user.groups.add(ensure_desk_roles()[role])
    return person


def unlocked(person):
    """A browser in which somebody's keyring is open."""
    client = session_of(person.user)
    session = client.session
    client.cookies["__Host-keyring"] = keyrings.to_session(session, person.keyring)
    session.save()
    return client


def do(client, worklist, row, act, **asked):
    sent = {f"{act}-{name}": value for name, value in asked.items()}
    return client.post(reverse(f"admin:{worklist}_act", args=[row.pk, act]), sent)


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def checkers(ground):
    return member("Ines Roy", DeskRole.IDENTITY), member("Igor May", DeskRole.IDENTITY)


@pytest.fixture
def claim(checkers):
    waiting = arrivals.expect(
        name="Ana Costa",
        birth_date=date(1984, 5, 3),
        sex="female",
        identifiers=[("urn:mrn", "A 1")],
        source="City Hospital",
    )
    _claim, code = arrivals.invite(waiting, by=checkers[0].user)
    return arrivals.take_up(code, user=people.account("Ana Costa").user)


def test_two_of_the_staff_check_a_claimant_at_the_desk(claim, checkers):
    first, second = (session_of(one.user) for one in checkers)
    page = first.get(reverse("admin:consent_claim_change", args=[claim.pk])).content.decode()
    assert "2 checks are missing." in page
    do(first, "consent_claim", claim, "check", document="passport")
    assert do(first, "consent_claim", claim, "check", document="passport").status_code == 404
    assert arrivals.ready_claim(claim.claimant) is None
    do(second, "consent_claim", claim, "check", document="identity-card")
    assert arrivals.ready_claim(claim.claimant) == claim


def test_in_the_place_of_who_left_somebody_else_checks(claim, checkers):
    for one in checkers:
        do(session_of(one.user), "consent_claim", claim, "check", document="passport")
    User.objects.filter(pk=checkers[0].user.pk).update(is_active=False)
    third = session_of(member("Third Checker", DeskRole.IDENTITY).user)
    page = third.get(reverse("admin:consent_claim_change", args=[claim.pk])).content.decode()
    assert "1 check by another person is missing." in page
    do(third, "consent_claim", claim, "check", document="passport")
    assert arrivals.ready_claim(claim.claimant) == claim


def test_a_claim_that_lapsed_is_no_longer_listed_and_its_record_waits_for_an_invitation(claim, checkers):
    type(claim).objects.update(claimed_at=clock.now() - timedelta(days=31))
    session = session_of(checkers[0].user)
    assert "Ana Costa" not in session.get(reverse("admin:consent_claim_changelist")).content.decode()
    assert session.get(reverse("admin:consent_claim_change", args=[claim.pk])).status_code in (302, 404)


def test_a_claimant_who_is_not_the_patient_is_turned_away(claim, checkers):
    reply = do(session_of(checkers[0].user), "consent_claim", claim, "refuse", reason="Another date of birth.")
    assert reply.url == reverse("admin:consent_claim_changelist")
    claim.refresh_from_db()
    assert claim.refused_at is not None


def test_two_of_the_staff_confirm_who_signed_up(checkers):
    ana = people.patient("Ana Costa", identifier="987 654")
    identifier = ana.patient.identifiers.get()
    for checker in checkers:
        assert not is_verified(ana.patient)
        do(
            session_of(checker.user),
            "patients_identifier",
            identifier,
            "check",
            document="health-card",
            number="987654",
        )
    assert is_verified(ana.patient)


# --- Records that wait for their patient ------------------------------------------------------------


@pytest.fixture
def waiting(ground):
    return arrived("Ana Costa")


def arrived(name: str):
    """Return a record with an entry in it, whose patient is not here yet."""
    patient = arrivals.expect(
        name=name, birth_date=date(1984, 5, 3), sex="female", identifiers=[("urn:mrn", name)], source="City Hospital"
    )
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, "valueString": "72"}
    access.receive(patient, [draft(patient, resource)], source=source_signer("City Hospital"))
    return patient


def invited(client, patient) -> tuple[str, str]:
    """Press the button; return the page and the code on it."""
    reply = do(client, "patients_patient", patient, "invite")
    page = reply.content.decode()
    assert (reply.status_code, reply["Cache-Control"].count("no-store")) == (200, 1)
    return page, re.search(r"(?:[0-9A-Z]{5}-){3}[0-9A-Z]{5}", page)[0]


def test_a_checker_invites_a_patient_on_paper_and_the_code_opens_the_claim(waiting, checkers):
    client = session_of(checkers[0].user)
    listed = client.get(reverse("admin:patients_patient_changelist")).content.decode()
    assert "Ana Costa" in listed
    assert "Born 3 May 1984." in listed
    page, code = invited(client, waiting)
    for words in ("Your health record is waiting for you", settings.SITE_URL, "Two of us look at it", "works once"):
        assert words in page
    assert arrivals.take_up(code, user=people.account("Ana Costa").user).patient == waiting


@pytest.mark.privacy
def test_an_invitation_s_code_is_shown_once_and_kept_nowhere(waiting, checkers, caplog):
    caplog.set_level("DEBUG")
    client = session_of(checkers[0].user)
    _page, code = invited(client, waiting)
    again = client.get(reverse("admin:patients_patient_change", args=[waiting.pk])).content.decode()
    kept = [bytes(row.payload).decode() for row in EventBody.objects.all()]
    assert code not in "".join([again, caplog.text, *kept, *map(str, client.session.values())])
    assert "Not used yet." in again


def test_a_new_invitation_ends_the_one_before(waiting, checkers):
    client = session_of(checkers[0].user)
    _first, lost = invited(client, waiting)
    _second, code = invited(client, waiting)
    ana = people.account("Ana Costa").user
    with pytest.raises(arrivals.ClaimRefused):
        arrivals.take_up(lost, user=ana)
    assert arrivals.take_up(code, user=ana).patient == waiting


def test_who_was_invited_leaves_the_list_of_those_to_invite(waiting, checkers):
    client = session_of(checkers[0].user)
    arrived("Bo Berg")
    invited(client, waiting)
    to_invite, already = (
        client.get(reverse("admin:patients_patient_changelist"), {"view": view}).content.decode()
        for view in ("new", "invited")
    )
    assert ("Bo Berg" in to_invite, "Ana Costa" in to_invite) == (True, False)
    assert ("Bo Berg" in already, "Ana Costa" in already) == (False, True)
    assert "Records that wait for their patient" in client.get(reverse("admin:index")).content.decode()


@pytest.mark.security
def test_nobody_but_a_checker_makes_an_invitation(waiting, officer):
    assert do(session_of(officer.user), "patients_patient", waiting, "invite").status_code == 404
    assert not Claim.objects.exists()


@pytest.fixture
def officer(ground):
    return member("Olga Officer", DeskRole.PRIVACY)


@pytest.fixture
def case(ground, officer):
    ana = people.patient("Ana Costa")
    line = Event.objects.filter(subject=ana.patient.pk).latest("time")
    return questions.ask(ana.patient, event_id=line.pk, words="I was never there.", keyring=ana.keyring)


@pytest.mark.django_db(transaction=True)
def test_an_officer_reads_a_question_with_their_own_keys_and_the_look_is_on_the_log(transactional_db, case, officer):
    page = unlocked(officer).get(reverse("admin:audit_case_change", args=[case.pk])).content.decode()
    assert "I was never there." in page
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.all()]
    (look,) = [body for body in bodies if body["action"] == "case.read"]
    assert look["subject"] == str(case.subject)


@pytest.mark.django_db(transaction=True)
def test_an_officer_whose_keys_are_locked_is_asked_to_unlock_and_sees_no_word(transactional_db, case, officer):
    reply = session_of(officer.user).get(reverse("admin:audit_case_change", args=[case.pk]))
    assert (reply.status_code, reply.url.split("?")[0]) == (302, reverse("front:unlock"))


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_must_be_corrected_shows_the_case_again_and_that_look_is_on_the_log_too(
    transactional_db, case, officer
):
    reply = do(unlocked(officer), "audit_case", case, "answer", words="")
    assert reply.status_code == 422
    assert "I was never there." in reply.content.decode()
    assert sum(b'"case.read"' in bytes(row.payload) for row in EventBody.objects.all()) == 1


@pytest.mark.django_db(transaction=True)
def test_an_officer_answers_and_closes(transactional_db, case, officer):
    client = unlocked(officer)
    do(client, "audit_case", case, "answer", words="It was a mistyped number. It is corrected.")
    assert Case.objects.get().state == "answered"
    do(client, "audit_case", case, "close")
    assert Case.objects.get().state == "closed"
    assert do(client, "audit_case", case, "answer", words="Once more.").status_code == 404


@pytest.mark.privacy
@pytest.mark.django_db(transaction=True)
def test_the_list_of_questions_shows_no_words(transactional_db, case, officer):
    page = unlocked(officer).get(reverse("admin:audit_case_changelist")).content.decode()
    assert "A line that somebody does not recognise" in page
    assert "never there" not in page
    assert not re.search(r"\bAna\b", page)
