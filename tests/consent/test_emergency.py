"""Breaking the glass (J4): who may, what it opens, in which session, and until which second."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from audit import queries as audit
from audit.models import Event
from consent import access, emergency, keys
from consent.access import AccessDenied, KeysLocked, Presence
from consent.emergency import CannotBreak, opening
from consent.models import Emergency, EscrowUse
from consent.sharing import arrivals, grants
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from providers.models import Credential
from providers.roles import Role
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.keyholding import waiting_record
from tests.consent.urgent import ANOTHER, BTG, SESSION, asked, nothing_opened, opened, presence, read

pytestmark = pytest.mark.django_db
HOURS = timedelta(hours=4)
SECOND = timedelta(seconds=1)


@pytest.fixture
def doctor(ground):
    """Somebody of the emergency department whom Ana never met."""
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def came(with_record, doctor):
    return opened(with_record.patient, doctor)


def actions(patient):
    return [line.action for line in reversed(audit.story(patient.pk, limit=100))]


# --- J4 (1): who, why, and that they are who they are ----------------------------------------------
@pytest.mark.parametrize("role", [Role.EMERGENCY, Role.PRIMARY_PHYSICIAN, Role.SPECIALIST])
def test_j4_1_emergency_personnel_and_physicians_break_the_glass(with_record, role):
    doctor = people.clinician("Omar Haddad", role=role)
    came = opened(with_record.patient, doctor)
    assert texts(read(with_record.patient, doctor, presence(came, doctor))) == {f"marker {part}" for part in Category}


@pytest.mark.parametrize("role", [Role.NURSE, Role.PHARMACIST, Role.RESEARCHER, Role.FRONT_DESK, Role.ADMINISTRATOR])
def test_j4_1_no_other_role_does(with_record, role):
    nurse = people.clinician("Nora Field", role=role)
    with pytest.raises(CannotBreak, match="Your role"):
        opened(with_record.patient, nurse)
    assert nothing_opened(with_record.patient)
    line = audit.story(with_record.patient.pk, limit=1)[0]
    assert (line.action, line.outcome, line.purpose) == ("emergency.refused", "refused", "BTG")


def test_j4_1_a_licence_that_has_run_out_opens_nothing(with_record, doctor):
    Credential.objects.filter(clinician__user=doctor.user).update(expires_at=clock.now())
    with pytest.raises(CannotBreak, match="licence"):
        opened(with_record.patient, doctor)
    assert nothing_opened(with_record.patient)


def test_j4_1_an_account_that_is_suspended_opens_nothing(with_record, doctor):
    User.objects.filter(pk=doctor.user.pk).update(is_active=False)
    with pytest.raises(CannotBreak):
        opened(with_record.patient, doctor)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": ""}, "Choose why"),
        ({"reason": "curious"}, "Choose why"),
        ({"words": "x" * 19}, "One is missing"),
        ({"words": "  too short          \n\n "}, "11 are missing"),
        ({"words": "x" * 2_001}, "too long"),
        ({"attested": False}, "Confirm that you need"),
    ],
)
def test_j4_1_a_reason_words_of_twenty_characters_and_a_promise_are_needed(with_record, doctor, changed, said):
    before = Event.objects.count()
    with pytest.raises(CannotBreak, match=said):
        opened(with_record.patient, doctor, **changed)
    assert nothing_opened(with_record.patient)
    assert Event.objects.count() == before


def test_j4_1_twenty_characters_are_enough(with_record, doctor):
    assert opened(with_record.patient, doctor, words="x" * 20).keep


def test_j4_1_without_open_keys_nothing_can_be_handed_over(with_record, doctor, stranger):
    for keyring in (None, stranger.keyring):
        with pytest.raises(KeysLocked):
            emergency.break_glass(with_record.patient, reader=doctor.user, keyring=keyring, **asked())
    assert nothing_opened(with_record.patient)


def test_one_s_own_record_needs_no_emergency(ground):
    doctor = people.clinician("Omar Haddad", role=Role.EMERGENCY)
    own = arrivals.register(
        doctor.user,
        name="Omar Haddad",
        birth_date=clock.now().date(),
        sex="male",
        identifiers=[],
        keyring=doctor.keyring,
    )
    with pytest.raises(CannotBreak, match="your own record"):
        opened(own, doctor)


# --- J4 (2): this patient, this session, four hours ------------------------------------------------
def test_j4_2_it_opens_this_patient_s_record_and_no_other(came, doctor, ground):
    ben = people.patient("Ben Okoro")
    here = presence(came, doctor)
    with pytest.raises(AccessDenied):
        read(ben.patient, doctor, here)
    moved = Presence(urgent={ben.patient.pk: next(iter(here.urgent.values()))})
    with pytest.raises(AccessDenied):
        read(ben.patient, doctor, moved)


def test_j4_2_nobody_else_has_a_part_in_it(came, with_record, doctor):
    assert read(with_record.patient, doctor, presence(came, doctor)).by_emergency


def test_j4_2_it_ends_after_four_hours_to_the_second_with_no_job_between(came, with_record, doctor):
    here, ends = presence(came, doctor), came.emergency.opened_at + HOURS
    with time_machine.travel(ends - SECOND, tick=False):
        assert read(with_record.patient, doctor, here).by_emergency
    for late in (ends, ends + SECOND):
        clock.watch.forget()
        with time_machine.travel(late, tick=False), pytest.raises(AccessDenied) as refusal:
            read(with_record.patient, doctor, here)
        assert refusal.value.because == "emergency-over"


def test_j4_2_it_takes_a_new_reason_to_go_on(came, with_record, doctor):
    with time_machine.travel(came.emergency.ends_at + SECOND):
        again = opened(with_record.patient, doctor, words="Still unconscious, now on the ward.")
        assert again.emergency.pk != came.emergency.pk
        assert read(with_record.patient, doctor, presence(again, doctor)).by_emergency
    assert Emergency.objects.count() == EscrowUse.objects.count() == 2


def test_j4_2_another_session_of_the_same_reader_holds_no_key(came, with_record, doctor):
    elsewhere = presence(came, doctor, session=ANOTHER)
    assert elsewhere.urgent == {}
    with pytest.raises(AccessDenied):
        read(with_record.patient, doctor, elsewhere)
    with pytest.raises(AccessDenied):
        read(with_record.patient, doctor, Presence())


def test_j4_2_another_person_with_the_session_s_row_opens_nothing(came, with_record, stranger):
    kept = {str(came.emergency.pk): came.keep}
    for user in (stranger.user.pk, came.emergency.reader.user_id):
        found = emergency.held(kept, keyring=stranger.keyring, session_digest=SESSION, user_id=user)
        assert not any(one.secrets for one in found.values())


def test_j4_2_while_the_keyring_is_locked_the_emergency_is_known_and_opens_nothing(came, with_record, doctor):
    kept = {str(came.emergency.pk): came.keep}
    held = emergency.held(kept, keyring=None, session_digest=SESSION, user_id=doctor.user.pk)
    assert held[with_record.patient.pk].secrets == {}
    with pytest.raises(KeysLocked):
        access.open_chart(
            with_record.patient, reader=doctor.user, keyring=None, purpose=BTG, presence=Presence(urgent=held)
        )


def test_what_a_session_keeps_shows_no_key(came, with_record):
    boxes = keys.own_boxes(with_record.patient, list(Category), keyring=with_record.keyring)
    assert len(boxes) == 6
    assert all(box.private.hex() not in came.keep and box.root not in came.keep.encode() for box in boxes.values())


def test_the_same_form_sent_twice_opens_once(with_record, doctor):
    form = asked()
    first = emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    second = emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    assert second.emergency.pk == first.emergency.pk
    assert second.keep == ""
    assert (
        Emergency.objects.count() == EscrowUse.objects.count() == Notice.objects.filter(kind="emergency-access").count()
    )


def test_a_form_that_another_process_sent_first_asks_the_keyholder_for_nothing(with_record, doctor, monkeypatch):
    """The row comes between looking for it and writing it."""
    form = asked()
    first = emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    real, looked = opening._sent_before, []

    def late(pk):
        looked.append(pk)
        return real(pk) if len(looked) > 1 else None

    monkeypatch.setattr(opening, "_sent_before", late)
    second = emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    assert (second.emergency.pk, second.keep) == (first.emergency.pk, "")
    assert EscrowUse.objects.count() == actions(with_record.patient).count("emergency.opened") == 1


def test_a_second_tab_of_the_same_session_opens_no_second_emergency(came, with_record, doctor):
    second = opened(with_record.patient, doctor, presence=presence(came, doctor))
    assert second.emergency.pk == came.emergency.pk
    assert EscrowUse.objects.count() == 1


def test_somebody_else_s_form_id_makes_an_emergency_of_one_s_own(with_record, doctor):
    form = asked()
    colleague = people.clinician("Ida Cole", role=Role.EMERGENCY)
    one = emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    other = emergency.break_glass(with_record.patient, reader=colleague.user, keyring=colleague.keyring, **form)
    assert one.emergency.pk != other.emergency.pk


def test_a_record_without_its_patient_yet_opens_too(ground, doctor):
    waiting = waiting_record()
    came = opened(waiting, doctor)
    assert texts(read(waiting, doctor, presence(came, doctor))) == {"arrived first"}


def test_what_arrives_during_an_emergency_opens_in_it(came, with_record, doctor):
    access.add_own(with_record.patient, [draft(Category.LABS, "just in")], keyring=with_record.keyring)
    assert "just in" in texts(read(with_record.patient, doctor, presence(came, doctor)))


def test_nobody_writes_by_an_emergency(came, with_record, doctor):
    with pytest.raises(AccessDenied):
        access.add_entries(
            with_record.patient,
            [draft(Category.LABS, "written in haste")],
            reader=doctor.user,
            keyring=doctor.keyring,
            purpose=BTG,
            presence=presence(came, doctor),
        )


# --- At each use -----------------------------------------------------------------------------------
def test_a_licence_suspended_midway_refuses_the_next_request(came, with_record, doctor):
    here = presence(came, doctor)
    assert read(with_record.patient, doctor, here).by_emergency
    Credential.objects.filter(clinician__user=doctor.user).update(status=Credential.Status.REVOKED)
    with pytest.raises(AccessDenied):
        read(with_record.patient, doctor, here)


def test_new_keys_of_the_patient_s_shut_what_was_opened_and_that_is_said(came, with_record, doctor, stranger):
    grant = people.give(with_record, stranger, Category.LABS)
    grants.end(grant, keyring=with_record.keyring, by=access.own_party(with_record.patient))
    here = presence(came, doctor)
    chart = read(with_record.patient, doctor, here)
    assert "marker labs" not in texts(chart)
    assert "marker history" in texts(chart)
    with pytest.raises(AccessDenied) as refusal:
        read(with_record.patient, doctor, here, categories=[Category.LABS])
    assert refusal.value.because == "emergency-keys-over"
    assert not Notice.objects.filter(kind="desk.grant-altered").exists()
    again = opened(with_record.patient, doctor, presence=here)
    assert again.emergency.pk != came.emergency.pk
    assert "marker labs" in texts(read(with_record.patient, doctor, presence(again, doctor)))


def test_for_treatment_an_emergency_opens_nothing(came, with_record, doctor):
    with pytest.raises(AccessDenied):
        access.open_chart(
            with_record.patient,
            reader=doctor.user,
            keyring=doctor.keyring,
            purpose=Purpose.TREAT,
            presence=presence(came, doctor),
        )


def test_the_keyholder_is_asked_with_the_parts_that_were_decided_and_no_other(with_record, doctor, settings):
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    emergency.opt_out(with_record.patient, Category.MENTAL_HEALTH)
    came = opened(with_record.patient, doctor)
    line = audit.find(came.emergency.event_id)
    assert set(line.categories) == set(Category) - {Category.MENTAL_HEALTH}
    assert came.emergency.parts == list(line.categories)


def test_an_unknown_form_of_the_reader_s_is_given_an_id(with_record, doctor):
    assert isinstance(opened(with_record.patient, doctor, once=None).emergency.pk, uuid.UUID)


@pytest.mark.security
@pytest.mark.parametrize("what", ["lengthened", "to somebody else", "to another patient", "another line"])
def test_a_row_that_is_not_what_the_log_says_opens_nothing(came, with_record, doctor, stranger, what):
    here, row = presence(came, doctor), Emergency.objects.filter(pk=came.emergency.pk)
    reader, patient = doctor, with_record.patient
    if what == "lengthened":
        row.update(ends_at=came.emergency.ends_at + HOURS)
    elif what == "to somebody else":
        row.update(reader=Reader.objects.get(user=stranger.user))
        reader = stranger
    elif what == "to another patient":
        patient = people.patient("Ben Okoro").patient
        row.update(patient=patient)
        here = Presence(urgent={patient.pk: here.urgent[with_record.patient.pk]})
    else:
        row.update(event_id=Event.objects.exclude(pk=came.emergency.event_id).first().pk)
    with pytest.raises(AccessDenied):
        read(patient, reader, here)


def test_four_hours_cannot_be_made_five_in_the_database(came, with_record, doctor):
    Emergency.objects.filter(pk=came.emergency.pk).update(ends_at=came.emergency.ends_at + HOURS)
    with time_machine.travel(came.emergency.ends_at + SECOND, tick=False), pytest.raises(AccessDenied):
        read(with_record.patient, doctor, presence(came, doctor))
