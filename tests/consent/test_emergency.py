"""Breaking the glass (J4): who may, what it opens, for how long, and what is there before any key is."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.test import override_settings

from audit import log
from audit import queries as audit
from audit.models import Event
from consent import access, emergency, escrow, keys
from consent.access import AccessDenied, KeysLocked, Presence
from consent.emergency import CannotBreak, opening
from consent.models import Block, ContactParcel, Emergency, EscrowUse
from consent.sharing import arrivals, grants
from consent.tasks import tell_contacts
from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.notices.models import Mail, Notice
from ehr.notices.tasks import deliver
from ehr.words import Category, Purpose
from providers.models import Credential
from providers.roles import Role
from tests import people
from tests.consent import urgent
from tests.consent.conftest import draft, texts
from tests.consent.keyholding import waiting_record
from tests.consent.urgent import ANOTHER, BTG, SESSION, WORDS, asked, opened, presence

pytestmark = pytest.mark.django_db
HOURS = timedelta(hours=4)
SECOND = timedelta(seconds=1)


@pytest.fixture
def doctor(ground):
    """Somebody of the emergency department whom Ana never met."""
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def officer(ground):
    return urgent.officer()


@pytest.fixture
def came(with_record, doctor):
    return opened(with_record.patient, doctor)


def read(patient, doctor, here, **more):
    return access.open_chart(patient, reader=doctor.user, keyring=doctor.keyring, purpose=BTG, presence=here, **more)


def actions(patient):
    return [line.action for line in reversed(audit.story(patient.pk, limit=100))]


def nothing_opened(patient):
    return not Emergency.objects.filter(patient=patient).exists() and not EscrowUse.objects.exists()


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


def test_j4_2_nobody_else_has_a_part_in_it(with_record, doctor):
    at = clock.now()
    opened(with_record.patient, doctor)
    assert clock.now() - at < timedelta(seconds=10)


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


# --- J4 (3): who is told ---------------------------------------------------------------------------
def test_j4_3_patient_contact_and_officers_are_told_in_the_commit_that_opens(with_record, doctor, officer):
    emergency.name_contact(with_record.patient, name="Rui Costa", email="rui@example.org")
    came = opened(with_record.patient, doctor)
    told = Notice.objects.get(kind="emergency-access")
    assert (told.user, told.about) == (with_record.user, came.emergency.pk)
    letter, contact = Mail.objects.get(notice=told), ContactParcel.objects.get()
    minute = came.emergency.opened_at + timedelta(minutes=1)
    assert letter.due_at < minute
    assert contact.due_at < minute
    assert contact.contact.email == "rui@example.org"
    assert Notice.objects.get(kind="desk.emergency-opened").user == officer.user


def test_j4_3_the_words_are_for_the_patient_and_the_officers_alone(with_record, doctor, officer, stranger):
    came = opened(with_record.patient, doctor)
    for person in (with_record, officer):
        assert emergency.reason_of(came.emergency, person.keyring) == WORDS
    for person in (doctor, stranger):
        assert emergency.reason_of(came.emergency, person.keyring) is None
    payload = Event.objects.get(pk=came.emergency.event_id).body.payload
    assert WORDS.encode() not in bytes(payload)


def test_j4_3_the_line_is_there_before_any_key(with_record, doctor, monkeypatch):
    def look(patient, **asked):
        asked["record"]("ab" * 32)
        line = audit.story(patient.pk, limit=1)[0]
        assert (line.action, line.outcome, line.purpose) == ("emergency.opened", "allowed", "BTG")
        assert (line.actor.id, line.details["reason"], line.details["to"]) == (doctor.user.pk, "unconscious", "ab" * 32)
        assert Emergency.objects.get().event_id == line.event_id
        assert Notice.objects.filter(kind="emergency-access").exists()
        return {}

    monkeypatch.setattr(escrow, "released", look)
    opened(with_record.patient, doctor)


# --- J4 (4): it shows ------------------------------------------------------------------------------
def test_j4_4_every_line_of_it_says_emergency(came, with_record, doctor):
    read(with_record.patient, doctor, presence(came, doctor))
    lines = [line for line in audit.story(with_record.patient.pk, limit=10) if line.actor.id == doctor.user.pk]
    assert {line.action for line in lines} == {"emergency.opened", "chart.opened"}
    assert {line.purpose for line in lines} == {"BTG"}
    assert next(line for line in lines if line.action == "chart.opened").because == "emergency"


# --- J4 (7): what is down, and what must not be -----------------------------------------------------
def test_j4_7_with_chain_mail_and_redis_down_it_opens_and_the_rest_waits(
    with_record, doctor, settings, django_capture_on_commit_callbacks, mailoutbox
):
    emergency.name_contact(with_record.patient, name="Rui Costa", email="rui@example.org")
    settings.CHAIN_URL = "http://127.0.0.1:1"
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    in_memory, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with django_capture_on_commit_callbacks(execute=True):
        came = opened(with_record.patient, doctor)
    assert read(with_record.patient, doctor, presence(came, doctor)).by_emergency
    assert deliver() + tell_contacts() == 0
    settings.EMAIL_BACKEND = in_memory
    with time_machine.travel(clock.now() + timedelta(seconds=30)):
        assert tell_contacts() == 1
        deliver()
    assert {tuple(letter.to) for letter in mailoutbox} >= {(with_record.user.email,), ("rui@example.org",)}


@pytest.mark.parametrize("broken", ["append", "record"])
def test_j4_7_where_the_log_cannot_be_written_nothing_opens(with_record, doctor, monkeypatch, broken):
    def full(*_args, **_facts):
        raise DatabaseError("disk full")

    monkeypatch.setattr(log, "append", full)
    if broken == "record":
        monkeypatch.setattr(log, "record", full)
    with pytest.raises(CannotBreak) as refusal:
        opened(with_record.patient, doctor)
    assert refusal.value.because == "log-away"
    assert nothing_opened(with_record.patient)
    assert not Notice.objects.filter(kind="emergency-access").exists()


def test_j4_7_a_look_that_cannot_be_logged_shows_nothing(came, with_record, doctor, monkeypatch):
    here = presence(came, doctor)

    def full(*_args, **_facts):
        raise DatabaseError("disk full")

    monkeypatch.setattr(log, "record", full)
    with pytest.raises(DatabaseError):
        read(with_record.patient, doctor, here)


@pytest.mark.parametrize(
    ("because", "before"), [("keyholder-away", True), ("keyholder-away", False), ("too-many", False)]
)
def test_a_keyholder_that_lets_nothing_go_leaves_nothing_half_done(with_record, doctor, monkeypatch, because, before):
    real = escrow.released

    def shut(patient, **asked):
        if not before:
            asked["record"]("ab" * 32)
        raise escrow.KeyholderAway if because == "keyholder-away" else escrow.NotReleased(because)

    monkeypatch.setattr(escrow, "released", shut)
    form = asked()
    with pytest.raises(CannotBreak) as refusal:
        emergency.break_glass(with_record.patient, reader=doctor.user, keyring=doctor.keyring, **form)
    assert refusal.value.because == because
    assert actions(with_record.patient)[-1] == "emergency.failed"
    assert not any(one.is_open(clock.now()) for one in Emergency.objects.all())
    assert Notice.objects.filter(kind="emergency-failed").count() == Emergency.objects.count() == (0 if before else 1)
    monkeypatch.setattr(escrow, "released", real)
    assert opened(with_record.patient, doctor).keep


# --- J4 (8): what the patient said beforehand -------------------------------------------------------
@pytest.mark.parametrize("prevails", [True, False])
def test_j4_8_a_part_kept_shut_stays_shut_where_the_law_says_so(with_record, doctor, prevails):
    with override_settings(OPT_OUTS_PREVAIL_IN_EMERGENCY=True):
        emergency.opt_out(with_record.patient, Category.GENETIC)
    with override_settings(OPT_OUTS_PREVAIL_IN_EMERGENCY=prevails):
        came = opened(with_record.patient, doctor)
        here = presence(came, doctor)
        shown = texts(read(with_record.patient, doctor, here))
    assert ("marker genetic" not in shown) is prevails
    assert (("genetic", 1) not in here.urgent[with_record.patient.pk].secrets) is prevails


def test_j4_8_what_is_kept_shut_during_an_emergency_closes_in_it(came, with_record, doctor, settings):
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    emergency.opt_out(with_record.patient, Category.GENETIC)
    assert "marker genetic" not in texts(read(with_record.patient, doctor, presence(came, doctor)))


def test_j4_8_where_the_law_does_not_allow_it_nothing_is_noted_and_it_is_said(with_record):
    with pytest.raises(emergency.CannotWish, match="The law here"):
        emergency.opt_out(with_record.patient, Category.GENETIC)
    assert emergency.opted_out(with_record.patient) == frozenset()


@pytest.mark.parametrize("prevails", [True, False])
def test_j4_8_a_block_by_name_prevails_where_the_law_says_so_and_the_patient_is_told_which(
    with_record, doctor, settings, prevails
):
    settings.BLOCKS_PREVAIL_IN_EMERGENCY = prevails
    Block.objects.create(patient=with_record.patient, reader=Reader.objects.get(user=doctor.user))
    if prevails:
        with pytest.raises(CannotBreak) as refusal:
            opened(with_record.patient, doctor)
        assert nothing_opened(with_record.patient)
        assert "block" not in str(refusal.value)
    else:
        assert opened(with_record.patient, doctor).keep
        assert Notice.objects.filter(kind="blocked-emergency", user=with_record.user).exists()


def test_j4_8_who_is_blocked_hears_what_everybody_hears_where_all_is_kept_shut(with_record, doctor, settings):
    settings.BLOCKS_PREVAIL_IN_EMERGENCY = settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    for part in Category:
        emergency.opt_out(with_record.patient, part)
    with pytest.raises(CannotBreak) as kept_shut:
        opened(with_record.patient, doctor)
    for part in Category:
        emergency.opt_in(with_record.patient, part)
    Block.objects.create(patient=with_record.patient, reader=Reader.objects.get(user=doctor.user))
    with pytest.raises(CannotBreak) as blocked:
        opened(with_record.patient, doctor)
    assert str(blocked.value) == str(kept_shut.value)


# --- J4 (9): the account ---------------------------------------------------------------------------
def test_j4_9_uses_of_the_escrow_equal_emergencies_and_claims_together(came, with_record, doctor, monkeypatch):
    opened(with_record.patient, doctor)
    nurse = people.clinician("Nora Field", role=Role.NURSE)
    with pytest.raises(CannotBreak):
        opened(with_record.patient, nurse)
    account = escrow.balance()
    assert account.holds
    assert account.uses == {"emergency": 2}
    assert sum(account.events.values()) == EscrowUse.objects.count() == Emergency.objects.count()


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
