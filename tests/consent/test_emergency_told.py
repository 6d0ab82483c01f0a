"""Breaking the glass (J4): who is told, what comes before any key, what may be down, what patients forbade."""

from datetime import timedelta

import pytest
import time_machine
from django.db import DatabaseError
from django.test import override_settings

from audit import log
from audit import queries as audit
from audit.models import Event
from consent import emergency, escrow
from consent.emergency import CannotBreak
from consent.models import Block, ContactParcel, Emergency, EscrowUse
from consent.tasks import tell_contacts
from ehr import clock
from ehr.accounts.models import Reader
from ehr.notices.models import Mail, Notice
from ehr.notices.tasks import deliver
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.consent import urgent
from tests.consent.conftest import texts
from tests.consent.urgent import WORDS, asked, nothing_opened, opened, presence, read

pytestmark = pytest.mark.django_db


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


def actions(patient):
    return [line.action for line in reversed(audit.story(patient.pk, limit=100))]


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
