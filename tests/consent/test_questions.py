"""A patient asks about a line; an officer answers; nobody else can read either."""

import pytest

from audit import cases
from audit.models import Case, CaseMessage, Event
from consent import access
from consent.access import KeysLocked
from consent.sharing import questions
from ehr.crypto.sealing import generate_kem
from ehr.desk.roles import DeskRole, ensure_desk_roles
from ehr.words import Purpose
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(ground):
    person = people.account("Olga Officer", staff=True)
    person.user.groups.add(ensure_desk_roles()[DeskRole.PRIVACY])
    return person


@pytest.fixture
def refused_look(with_record, stranger):
    """The line of an opening that was refused."""
    with pytest.raises(access.AccessDenied):
        access.open_chart(with_record.patient, reader=stranger.user, keyring=stranger.keyring, purpose=Purpose.TREAT)
    return Event.objects.filter(subject=with_record.patient.pk).latest("time")


def ask(ana, event, words="I never met this person."):
    return questions.ask(ana.patient, event_id=event.pk, words=words, keyring=ana.keyring)


def test_the_officer_reads_the_question_and_the_patient_reads_the_answer(with_record, officer, refused_look):
    case = ask(with_record, refused_look)
    assert [said.words for said in questions.read(case, keyring=officer.keyring)] == ["I never met this person."]
    questions.answer(case, words="They opened the wrong chart.", by=officer.user)
    heard = [said.words for said in questions.read(Case.objects.get(), keyring=with_record.keyring)]
    assert heard == ["I never met this person.", "They opened the wrong chart."]


@pytest.mark.privacy
def test_nobody_else_reads_either(with_record, officer, stranger, refused_look):
    case = ask(with_record, refused_look)
    assert [said.words for said in questions.read(case, keyring=stranger.keyring)] == [None]
    assert [said.words for said in questions.read(case, keyring=None)] == [None]
    assert "never met" not in str(CaseMessage.objects.values_list("sealed", flat=True))


@pytest.mark.security
def test_nothing_is_sealed_to_an_officers_exchanged_key(with_record, officer, refused_look):
    version = officer.user.reader.keyring.version
    type(version).objects.filter(pk=version.pk).update(kem_public=generate_kem().public)
    case = ask(with_record, refused_look)
    assert list(CaseMessage.objects.get(case=case).sealed) == [str(with_record.user.reader.pk)]


def test_without_an_officer_nothing_is_sent(with_record, refused_look):
    with pytest.raises(questions.NobodyToAsk, match="privacy officer"):
        ask(with_record, refused_look)
    assert not Case.objects.exists()


def test_a_locked_keyring_asks_nothing(with_record, officer, refused_look):
    with_record.keyring = None
    with pytest.raises(KeysLocked):
        ask(with_record, refused_look)


def test_somebody_elses_line_cannot_be_asked_about(with_record, officer, refused_look):
    other = people.patient("Somebody Else")
    with pytest.raises(cases.NotPossible):
        ask(other, refused_look)
