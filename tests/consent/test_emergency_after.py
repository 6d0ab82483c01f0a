"""After the glass broke (J4): ended early, reviewed by somebody else, told to the patient, and locked anew."""

from datetime import timedelta

import pytest
import time_machine

from audit import cases
from audit import queries as audit
from audit.models import Case
from consent import access, emergency, keys, upkeep
from consent.access import AccessDenied
from consent.emergency import CannotEnd
from consent.models import Emergency
from consent.sharing import arrivals, questions
from consent.tasks import tell_of_overdue_reviews
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Category
from patients.models import Lockbox
from providers.roles import Role
from tests import people, teams
from tests.consent import urgent
from tests.consent.conftest import texts
from tests.consent.keyholding import waiting_record
from tests.consent.urgent import opened, presence, read

pytestmark = pytest.mark.django_db
FOUND = "The scan shows the patient could not be asked."
WRONG = "Nothing in the ward's list says that this was urgent."


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def petra(ground):
    return urgent.officer()


@pytest.fixture
def came(with_record, doctor, petra):
    return opened(with_record.patient, doctor)


def epochs(patient):
    return dict(Lockbox.objects.filter(patient=patient, closed_at__isnull=True).values_list("part", "epoch"))


# --- Ended early -----------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["reader", "patient", "officer"])
def test_who_opened_it_the_patient_and_an_officer_end_it_at_once(came, with_record, doctor, petra, who):
    by = {"reader": doctor, "patient": with_record, "officer": petra}[who]
    here = presence(came, doctor)
    ended = emergency.end(came.emergency, by=by.user)
    assert ended.ended_by == who
    with pytest.raises(AccessDenied) as refusal:
        read(with_record.patient, doctor, here)
    assert refusal.value.because == "emergency-over"
    line = next(line for line in audit.story(with_record.patient.pk, limit=5) if line.action == "emergency.ended")
    assert (line.actor.id, line.because) == (by.user.pk, who)
    assert Notice.objects.filter(kind="access-ended", user=doctor.user).exists() is (who != "reader")


def test_nobody_else_ends_it(came, stranger, ground):
    with pytest.raises(CannotEnd):
        emergency.end(came.emergency, by=stranger.user)
    came.emergency.refresh_from_db()
    assert came.emergency.ended_at is None


def test_ended_twice_is_ended_once(came, with_record, doctor):
    first = emergency.end(came.emergency, by=with_record.user)
    again = emergency.end(came.emergency, by=doctor.user)
    assert (again.ended_at, again.ended_by) == (first.ended_at, "patient")
    assert [line.action for line in audit.story(with_record.patient.pk, limit=20)].count("emergency.ended") == 1


def test_one_that_is_over_by_itself_stays_as_it_was(came, with_record):
    with time_machine.travel(came.emergency.ends_at):
        assert emergency.end(came.emergency, by=with_record.user).ended_at is None


# --- Locked anew -----------------------------------------------------------------------------------
def test_a_patient_who_ends_it_with_open_keys_locks_the_parts_anew_at_once(came, with_record, doctor):
    before, secrets = epochs(with_record.patient), presence(came, doctor).urgent[with_record.patient.pk].secrets
    emergency.end(came.emergency, by=with_record.user, keyring=with_record.keyring)
    after = epochs(with_record.patient)
    assert {part for part in before if after[part] > before[part]} == set(Category)
    assert keys.boxes_of(with_record.patient, secrets, Category) == {}
    came.emergency.refresh_from_db()
    assert came.emergency.relocked_at is not None


def test_one_that_is_over_is_locked_anew_at_the_patient_s_next_visit_and_once(came, with_record):
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0
    with time_machine.travel(came.emergency.ends_at):
        before = epochs(with_record.patient)
        assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 1
        assert epochs(with_record.patient) != before
        assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0


# --- J4 (5): review --------------------------------------------------------------------------------
def test_j4_5_somebody_else_reviews_it_and_the_patient_reads_what_they_found(came, with_record, petra):
    done = emergency.review(came.emergency, by=petra.user, outcome="justified", words=FOUND)
    assert (done.outcome, done.reviewed_by) == ("justified", petra.user)
    assert emergency.review_of(done, with_record.keyring) == FOUND
    assert Notice.objects.filter(kind="emergency-reviewed", user=with_record.user, about=done.pk).exists()
    line = audit.story(with_record.patient.pk, limit=1)[0]
    assert (line.action, line.because, line.actor.name) == ("emergency.reviewed", "justified", "Petra Ok")
    assert emergency.words_on(line, with_record.keyring) == FOUND


def test_j4_5_nobody_reviews_what_they_did_themselves(with_record, ground):
    both = people.clinician("Omar Haddad", role=Role.EMERGENCY)
    both.user.groups.add(*urgent.officer().user.groups.all())
    both.user.is_staff = True
    both.user.save()
    came = opened(with_record.patient, both)
    with pytest.raises(cases.NotPossible, match="did themselves"):
        emergency.review(came.emergency, by=both.user, outcome="justified", words=FOUND)


def test_j4_5_nobody_reviews_what_was_done_to_their_own_record(ground, doctor, petra):
    own = arrivals.register(
        petra.user, name="Petra Ok", birth_date=clock.now().date(), sex="female", identifiers=[], keyring=petra.keyring
    )
    came = opened(own, doctor)
    with pytest.raises(cases.NotPossible, match="your own record"):
        emergency.review(came.emergency, by=petra.user, outcome="justified", words=FOUND)


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"outcome": ""}, "whether"), ({"outcome": "maybe"}, "whether"), ({"words": "ok"}, "sentence")],
)
def test_j4_5_a_review_says_what_it_found(came, petra, changed, said):
    with pytest.raises(cases.NotPossible, match=said):
        emergency.review(came.emergency, by=petra.user, **{"outcome": "justified", "words": FOUND} | changed)


def test_j4_5_whoever_has_not_the_role_reviews_nothing(came, stranger):
    with pytest.raises(cases.NotPossible, match="desk role"):
        emergency.review(came.emergency, by=stranger.user, outcome="justified", words=FOUND)


def test_j4_5_it_is_reviewed_once(came, petra):
    emergency.review(came.emergency, by=petra.user, outcome="justified", words=FOUND)
    with pytest.raises(cases.NotPossible, match="already"):
        emergency.review(came.emergency, by=petra.user, outcome="unjustified", words=WRONG)
    assert not Case.objects.exists()


def test_j4_5_after_72_hours_without_a_review_officers_are_told_once(came, with_record, petra):
    due = came.emergency.opened_at + timedelta(hours=72)
    assert came.emergency.review_due_at == due
    with time_machine.travel(due - timedelta(seconds=1)):
        assert tell_of_overdue_reviews() == 0
    clock.watch.forget()
    with time_machine.travel(due):
        assert tell_of_overdue_reviews() == 1
        assert tell_of_overdue_reviews() == 0
    assert Notice.objects.get(kind="desk.emergency-overdue").user == petra.user
    assert audit.story(with_record.patient.pk, limit=1)[0].action == "emergency.overdue"


def test_j4_5_a_reviewed_one_is_never_overdue(came, petra):
    emergency.review(came.emergency, by=petra.user, outcome="justified", words=FOUND)
    with time_machine.travel(came.emergency.review_due_at + timedelta(days=9)):
        assert tell_of_overdue_reviews() == 0


# --- J4 (6): not justified -------------------------------------------------------------------------
def test_j4_6_unjustified_opens_a_case_filled_in_assigned_and_with_a_clock(came, with_record, petra):
    other = urgent.officer("Otto Zed")
    # Whoever became an officer since cannot read the reason; the case is written for all of them.
    done = emergency.review(came.emergency, by=petra.user, outcome="unjustified", words=WRONG)
    case = Case.objects.get()
    assert (case.pk, case.event_id) == (done.case_id, came.emergency.event_id)
    assert (case.assigned_to, case.assigned_name) == (petra.user.pk, "Petra Ok")
    assert case.due_at - case.opened_at == cases.ANSWER_WITHIN
    for person in (petra, other, with_record):
        (said,) = questions.read(case, keyring=person.keyring)
        assert "Omar Haddad" in said.words
        assert WRONG in said.words
        assert "cannot speak" in said.words
    assert Notice.objects.filter(kind="desk.case-opened", user=other.user).exists()


def test_j4_6_unjustified_ends_what_is_still_open(came, with_record, doctor, petra):
    done = emergency.review(came.emergency, by=petra.user, outcome="unjustified", words=WRONG)
    assert done.ended_by == "officer"
    with pytest.raises(AccessDenied):
        read(with_record.patient, doctor, presence(came, doctor))


def test_j4_6_the_case_is_handed_to_another_officer_and_never_to_who_opened_the_record(came, doctor, petra):
    other = urgent.officer("Otto Zed")
    done = emergency.review(came.emergency, by=petra.user, outcome="unjustified", words=WRONG)
    case = questions.assign(Case.objects.get(pk=done.case_id), to=other.user, by=petra.user)
    assert case.assigned_name == "Otto Zed"
    with pytest.raises(cases.NotPossible):
        questions.assign(case, to=doctor.user, by=petra.user)
    with pytest.raises(cases.NotPossible):
        questions.answer(case, words="I did no wrong.", by=doctor.user)


def test_j4_6_a_case_about_a_record_without_its_patient_yet_is_opened_and_answered(ground, doctor, petra):
    came = opened(waiting_record(), doctor)
    done = emergency.review(came.emergency, by=petra.user, outcome="unjustified", words=WRONG)
    case = questions.answer(Case.objects.get(pk=done.case_id), words="Spoken with them.", by=petra.user)
    assert case.state == Case.State.ANSWERED


# --- Whom a patient names --------------------------------------------------------------------------
def test_a_contact_is_named_changed_and_removed_and_the_log_has_neither_name_nor_address(with_record):
    emergency.name_contact(with_record.patient, name="Rui Costa", email="rui@example.org")
    emergency.name_contact(with_record.patient, name="Rui Costa", email="rui@example.org")
    emergency.name_contact(with_record.patient, name="Eva Costa", email="eva@example.org")
    assert emergency.contact_of(with_record.patient).name == "Eva Costa"
    emergency.remove_contact(with_record.patient)
    emergency.remove_contact(with_record.patient)
    assert emergency.contact_of(with_record.patient) is None
    lines = [line for line in audit.story(with_record.patient.pk, limit=20) if "contact" in line.action]
    assert [line.action.partition(".")[2] for line in reversed(lines)] == [
        "contact-named",
        "contact-named",
        "contact-removed",
    ]
    assert "costa" not in str([line.details for line in lines]).casefold()


def test_somebody_who_is_contact_no_more_is_told_nothing(with_record, doctor, mailoutbox):
    emergency.name_contact(with_record.patient, name="Rui Costa", email="rui@example.org")
    emergency.remove_contact(with_record.patient)
    came = opened(with_record.patient, doctor)
    assert not came.emergency.contact_parcels.exists()


# --- What is shown of it ---------------------------------------------------------------------------
def test_an_officer_sees_what_was_opened_in_it(came, with_record, doctor, stranger):
    people.give(with_record, stranger, Category.LABS)
    access.open_chart(with_record.patient, reader=stranger.user, keyring=stranger.keyring, purpose="TREAT")
    assert texts(read(with_record.patient, doctor, presence(came, doctor)))
    assert [line.action for line in emergency.looks_in(came.emergency)] == ["emergency.opened", "chart.opened"]


def test_a_record_claimed_after_an_emergency_shows_it_to_its_patient(ground, doctor, petra):
    waiting = waiting_record()
    came = opened(waiting, doctor)
    staff, ana = [people.checker("One"), people.checker("Other")], people.account("Ana Costa")
    claim = arrivals.take_up(arrivals.invite(waiting, by=staff[0])[1], user=ana.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    claim.refresh_from_db()
    patient = arrivals.finish_claim(claim, keyring=ana.keyring)
    assert list(emergency.of_patient(patient)) == [came.emergency]
    # The words were written before these keys were; an officer still reads them.
    assert emergency.reason_of(came.emergency, ana.keyring) is None
    assert emergency.reason_of(came.emergency, petra.keyring) == urgent.WORDS


def test_one_that_never_opened_waits_for_no_review(with_record):
    assert not emergency.to_review().exists()
    assert Emergency.objects.count() == 0


def test_j4_5_nobody_reviews_what_a_colleague_of_their_care_team_did(with_record):
    ward = teams.ward()
    came = opened(with_record.patient, ward.omar)
    ward.lee.user.groups.add(*urgent.officer().user.groups.all())
    with pytest.raises(cases.NotPossible, match="care team"):
        emergency.review(came.emergency, by=ward.lee.user, outcome="justified", words=FOUND)
