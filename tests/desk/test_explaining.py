"""Can X see Y, and why? At the desk: who may ask, what they read, and that it is on the patient's list."""

import pytest
from django.urls import reverse

from audit.queries import story
from consent import access, queries
from consent.sharing import blocks
from ehr.accounts import attempts
from ehr.accounts.models import User
from ehr.desk import operations as desk
from ehr.desk.roles import DeskRole
from ehr.words import Category
from providers import institutions
from tests import people
from tests.desk.conftest import session_of, staff

pytestmark = pytest.mark.django_db
PAGE = "admin:consent_grant_changelist"


@pytest.fixture
def ana(db):
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def lee(ana):
    return people.clinician("Mei Lee")


@pytest.fixture
def officer(ana):
    return staff("Petra Ok", DeskRole.PRIVACY)


def ask(user, **more):
    told = {"name": "ana  costa", "birth_date": "1984-05-03", "reader": "Lee", "purpose": "TREAT"} | more
    return session_of(user).post(reverse(PAGE), told)


def words(answer) -> list[str]:
    return [one.words for _about, one in answer.context["lines"]]


def test_an_officer_reads_six_lines_with_words(officer, ana, lee):
    people.give(ana, lee, Category.LABS)
    answer = ask(officer)
    assert len(words(answer)) == 6
    assert words(answer).count("Yes: the patient’s permission covers this part.") == 1
    assert "is a line on the patient’s list now" in answer.content.decode()


def test_it_is_on_the_patients_list_with_both_names(officer, ana, lee):
    ask(officer)
    line = story(ana.patient.pk)[0]
    assert (line.action, line.actor.name, line.details["reader_name"]) == (
        "access.explained",
        officer.name,
        "Dr Mei Lee",
    )


def test_of_several_readers_one_is_chosen(officer, ana, lee):
    other = people.clinician("Ann Lee")
    first = ask(officer)
    assert "lines" not in first.context
    assert "Dr Ann Lee" in first.content.decode()
    assert ask(officer, which=other.user.pk).context["reader"].name == "Dr Ann Lee"


@pytest.mark.parametrize("wrong", [{"name": "Ana Cost"}, {"birth_date": "1984-05-04"}])
def test_a_patient_is_found_by_exact_words_only(officer, ana, lee, wrong):
    answer = ask(officer, **wrong)
    assert answer.status_code == 422
    assert "No single patient" in answer.content.decode()
    assert [line.action for line in story(ana.patient.pk)] == ["record.begun"]


def test_nothing_typed_stands_in_an_address(officer, ana, lee):
    answer = ask(officer)
    assert 'method="post"' in answer.content.decode()
    assert "?" not in reverse(PAGE)


def test_an_administrator_asks_about_the_people_of_their_own_places_only(ana, lee, officer):
    place = people.institution("Other Place")
    verifier, admin = staff("Vera Ok", DeskRole.VERIFIER), people.account("Ida Berg", staff=True).user
    institutions.appoint_administrator(place, user=admin, by=verifier)
    desk.give_role(admin, role=DeskRole.INSTITUTION, by=None, reason="test")
    admin = User.objects.get(pk=admin.pk)
    assert "No clinician you may ask about" in ask(admin).content.decode()
    colleague = people.clinician("Bo Leeds", place=place)
    assert ask(admin).context["reader"].user == colleague.user


@pytest.mark.parametrize("role", [DeskRole.VERIFIER, DeskRole.IDENTITY, DeskRole.OPERATOR])
def test_for_other_roles_the_page_is_not_there(ana, lee, role):
    assert ask(staff("Nils None", role)).status_code == 404


def test_a_block_reads_like_a_stop_here_too(officer, ana, lee):
    kim = people.clinician("Jo Kim")
    for reader in (lee, kim):
        people.give(ana, reader, Category.LABS)
    blocks.block(ana.patient, reader=lee.user, keyring=ana.keyring)
    stopped = queries.between(ana.patient, kim.user)[0]
    people.grants.end(stopped, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert words(ask(officer)) == words(ask(officer, reader="Kim"))


def test_too_many_questions_have_to_wait(officer, ana, lee, monkeypatch):
    monkeypatch.setitem(attempts.LIMITS, "explain-access", attempts.Limit(here=1, account=1, address=1, minutes=60))
    ask(officer)
    assert "too many tries" in ask(officer).content.decode()
