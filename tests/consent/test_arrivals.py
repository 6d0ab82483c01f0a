"""Records and their patients finding each other."""

from datetime import date, timedelta

import pytest
import time_machine

from audit import queries as log
from consent import access
from consent.access import open_own
from consent.models import EscrowUse
from consent.sharing import arrivals
from consent.sharing.arrivals import AlreadyKnown, ClaimRefused
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Category
from patients.models import Identifier, Lockbox, Seal
from patients.operations import CannotCheck, check_identity, source_signer
from patients.queries import by_identifiers, is_verified
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(ground):
    """A record that arrived before its patient."""
    patient = arrivals.expect(
        name="Ana Costa",
        birth_date=date(1984, 5, 3),
        sex="female",
        identifiers=[("urn:mrn", "A 1")],
        source="City Hospital",
    )
    access.receive(patient, [draft(Category.LABS, "arrived first")], source=source_signer("City Hospital"))
    return patient


@pytest.fixture
def staff(db):
    return people.checker("Staff One"), people.checker("Staff Two")


def made_staff(user):
    """The same person, who has meanwhile become an identity checker too."""
    user.user_permissions.add(people.Permission.objects.get(codename="check_identity"))
    return people.User.objects.get(pk=user.pk)


def test_a_waiting_record_is_sealed_to_the_escrow_alone(waiting):
    assert set(Seal.objects.filter(lockbox__patient=waiting).values_list("reader__name", flat=True)) == {"Escrow"}


@pytest.mark.point(5)
def test_a_record_is_claimed_by_invitation_and_two_checks(waiting, staff):
    one, other = staff
    ana = people.account("Ana Costa")
    _claim, code = arrivals.invite(waiting, by=one)
    claim = arrivals.take_up(code.lower(), user=ana.user)
    assert arrivals.check_claim(claim, by=one, document="passport") is False
    assert arrivals.ready_claim(ana.user) is None
    assert arrivals.check_claim(claim, by=other, document="passport") is True
    patient = arrivals.finish_claim(arrivals.ready_claim(ana.user), keyring=ana.keyring)
    assert patient.user == ana.user
    assert texts(open_own(patient, keyring=ana.keyring)) == {"arrived first"}
    assert EscrowUse.objects.count() == 1
    assert set(Lockbox.objects.current().values_list("epoch", flat=True)) == {2}


def test_an_invitation_without_the_checks_opens_nothing(waiting, staff):
    ana = people.account("Ana Costa")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=ana.user)
    arrivals.check_claim(claim, by=staff[0], document="passport")
    with pytest.raises(ClaimRefused, match="Two members of staff"):
        arrivals.finish_claim(claim, keyring=ana.keyring)
    assert not EscrowUse.objects.exists()


def test_one_person_cannot_make_both_checks_nor_check_themselves(waiting, staff):
    ana = people.account("Ana Costa")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=ana.user)
    arrivals.check_claim(claim, by=staff[0], document="passport")
    with pytest.raises(ClaimRefused, match="second person"):
        arrivals.check_claim(claim, by=staff[0], document="passport")
    with pytest.raises(ClaimRefused, match="own identity"):
        arrivals.check_claim(claim, by=made_staff(ana.user), document="passport")


@pytest.mark.parametrize("code", ["WRONG-CODE0-00000-00000", ""])
def test_an_unknown_code_and_a_used_one_are_refused_in_the_same_words(waiting, staff, code):
    _claim, real = arrivals.invite(waiting, by=staff[0])
    arrivals.take_up(real, user=people.account("First").user)
    said = set()
    for attempt in (code, real):
        with pytest.raises(ClaimRefused) as refusal:
            arrivals.take_up(attempt, user=people.account("Second").user)
        said.add(str(refusal.value))
    assert len(said) == 1


def test_a_code_typed_with_the_letters_that_digits_are_taken_for_is_the_same_code(waiting, staff, monkeypatch):
    made = iter("0123456789ABCDEFGHJK")
    with monkeypatch.context() as drawn:
        drawn.setattr(arrivals.secrets, "choice", lambda _signs: next(made))
        _claim, code = arrivals.invite(waiting, by=staff[0])
    typed = code.replace("0", "o").replace("1", "I").replace("-", " – ")
    assert arrivals.take_up(typed, user=people.account("Ana Costa").user).patient == waiting


def test_an_invitation_lapses(waiting, staff):
    _claim, code = arrivals.invite(waiting, by=staff[0])
    with time_machine.travel(clock.now() + timedelta(days=31)), pytest.raises(ClaimRefused):
        arrivals.take_up(code, user=people.account("Late").user)


def taken_up(waiting, staff, name="Ana Costa"):
    """Return somebody, and their claim with both checks."""
    person = people.account(name)
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=person.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    return person, claim


def put_out(user):
    people.User.objects.filter(pk=user.pk).update(is_active=False)


def gives_up_the_job(user):
    user.user_permissions.clear()


@pytest.mark.security
@pytest.mark.parametrize("leaves", [put_out, gives_up_the_job])
def test_the_check_of_somebody_whose_job_it_is_no_longer_does_not_count(waiting, staff, leaves):
    ana, claim = taken_up(waiting, staff)
    leaves(staff[0])
    assert arrivals.ready_claim(ana.user) is None
    with pytest.raises(ClaimRefused, match="Two members of staff"):
        arrivals.finish_claim(claim, keyring=ana.keyring)
    assert not EscrowUse.objects.exists()
    arrivals.check_claim(claim, by=people.checker("Staff Three"), document="passport")
    assert arrivals.finish_claim(claim, keyring=ana.keyring).user == ana.user


@pytest.mark.security
def test_a_check_that_counts_no_longer_at_the_last_moment_hands_nothing_over(waiting, staff, monkeypatch):
    ana, claim = taken_up(waiting, staff)
    released = arrivals.escrow.released

    def meanwhile(*arguments, **more):
        put_out(staff[0])
        return released(*arguments, **more)

    monkeypatch.setattr(arrivals.escrow, "released", meanwhile)
    with pytest.raises((ClaimRefused, arrivals.escrow.NotReleased), match="Two members of staff"):
        arrivals.finish_claim(claim, keyring=ana.keyring)
    waiting.refresh_from_db()
    assert waiting.user is None


@pytest.mark.security
def test_a_claim_lapses(waiting, staff):
    ana, claim = taken_up(waiting, staff)
    with time_machine.travel(clock.now() + timedelta(days=30, minutes=1)):
        assert arrivals.ready_claim(ana.user) is None
        with pytest.raises(ClaimRefused, match="new invitation"):
            arrivals.finish_claim(claim, keyring=ana.keyring)
        with pytest.raises(ClaimRefused, match="new invitation"):
            arrivals.check_claim(claim, by=people.checker("Staff Three"), document="passport")
        _claim, code = arrivals.invite(waiting, by=staff[0])
        assert arrivals.take_up(code, user=ana.user)


@pytest.mark.security
def test_once_a_record_has_its_patient_every_other_claim_to_it_is_closed(waiting, staff):
    (ben, lost), (ana, won) = taken_up(waiting, staff, "Ben Noir"), taken_up(waiting, staff)
    _claim, code = arrivals.invite(waiting, by=staff[0])
    arrivals.finish_claim(won, keyring=ana.keyring)
    lost.refresh_from_db()
    assert lost.refused_at is not None
    assert arrivals.ready_claim(ben.user) is None
    with pytest.raises(ClaimRefused, match="cannot be used"):
        arrivals.take_up(code, user=people.account("Third").user)
    [line] = [one for one in log.story(waiting.pk) if one.action == "claim.closed"]
    assert line.because == "claimed-by-another"
    assert Notice.objects.filter(user=ben.user, kind="claim-refused").count() == 1


@pytest.mark.security
def test_a_claim_that_was_left_open_beside_the_one_that_won_opens_nothing(waiting, staff):
    (ben, lost), (ana, won) = taken_up(waiting, staff, "Ben Noir"), taken_up(waiting, staff)
    arrivals.finish_claim(won, keyring=ana.keyring)
    type(lost).objects.filter(pk=lost.pk).update(refused_at=None)  # as claims were left before they were closed
    assert arrivals.ready_claim(ben.user) is None
    with pytest.raises(ClaimRefused):
        arrivals.finish_claim(lost, keyring=ben.keyring)


@pytest.mark.security
def test_a_record_is_taken_over_with_its_claimants_own_keys_only(waiting, staff):
    ana, other = people.account("Ana Costa"), people.account("Somebody Else")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=ana.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    with pytest.raises(ClaimRefused, match="their own keys"):
        arrivals.finish_claim(claim, keyring=other.keyring)
    waiting.refresh_from_db()
    assert waiting.user is None


def test_an_identifier_is_matched_only_after_two_staff_saw_it(ground, staff):
    ana = people.patient(identifier="1234 567 890")
    identifier = Identifier.objects.get()
    assert by_identifiers([("urn:health-card", "1234567890")]) is None
    assert check_identity(identifier, by=staff[0], document="health-card", number="1234-567 890") is False
    with pytest.raises(CannotCheck, match="second person"):
        check_identity(identifier, by=staff[0], document="health-card", number="1234-567 890")
    with pytest.raises(CannotCheck, match="own identity"):
        check_identity(identifier, by=made_staff(ana.user), document="health-card", number="1234567890")
    assert check_identity(identifier, by=staff[1], document="health-card", number="1234567890") is True
    assert by_identifiers([("urn:health-card", "1234567890")]) == ana.patient
    assert is_verified(ana.patient)


def test_somebody_elses_shown_identifier_is_refused_and_goes_to_staff(waiting):
    impostor = people.account("Impostor")
    with pytest.raises(AlreadyKnown, match="front desk"):
        arrivals.register(
            impostor.user,
            name="Ana Costa",
            birth_date=date(1984, 5, 3),
            sex="female",
            identifiers=[("urn:mrn", "a1")],
            keyring=impostor.keyring,
        )
    assert not hasattr(impostor.user, "patient")


def test_a_record_that_is_begun_twice_is_one_record(ground):
    ana = people.patient()
    told = {"name": "Ana Costa", "birth_date": date(1984, 5, 3), "sex": "female", "identifiers": [("urn:mrn", "A 1")]}
    assert arrivals.register(ana.user, **told, keyring=ana.keyring) == ana.patient


def test_the_same_thing_sent_twice_is_stored_once(waiting):
    source = source_signer("City Hospital")
    again = [draft(Category.LABS, "again", origin=b"o" * 32)]
    assert len(access.receive(waiting, again, source=source)) == 1
    assert access.receive(waiting, [draft(Category.LABS, "again", origin=b"o" * 32)], source=source) == []


def test_somebody_who_signed_up_too_early_leaves_an_empty_record_for_the_one_that_arrived(waiting, staff):
    early = people.patient("Ana Costa", identifier="a1")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=early.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    patient = arrivals.finish_claim(claim, keyring=early.keyring)
    assert patient == waiting
    early.patient.refresh_from_db()
    assert early.patient.user is None


def test_what_was_shown_before_goes_along_to_the_record_that_is_claimed(waiting, staff):
    early = people.patient("Ana Costa", identifier="987 654 321")
    shown = Identifier.objects.get(patient=early.patient)
    for one in staff:
        check_identity(shown, by=one, document="health-card", number="987654321")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=early.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    arrivals.finish_claim(claim, keyring=early.keyring)
    assert by_identifiers([("urn:health-card", "987654321")]) == waiting


def test_a_record_with_entries_is_not_left_for_another(waiting, staff):
    early = people.patient("Ana Costa")
    access.add_own(early.patient, [draft(Category.LABS)], keyring=early.keyring)
    _claim, code = arrivals.invite(waiting, by=staff[0])
    with pytest.raises(ClaimRefused):
        arrivals.take_up(code, user=early.user)


@pytest.mark.privacy
def test_once_a_record_is_its_patients_the_words_on_its_log_are_theirs_alone(waiting, staff):
    ana = people.account("Ana Costa")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=ana.user)
    for one in staff:
        arrivals.check_claim(claim, by=one, document="passport")
    patient = arrivals.finish_claim(claim, keyring=ana.keyring)
    own = people.patient("Signed Up Herself").patient
    held = Seal.objects.filter(lockbox__patient__in=[patient, own], reader__name="Escrow")
    assert set(held.values_list("lockbox__part", flat=True)) == set(map(str, Category))


def test_another_number_than_the_patient_gave_verifies_nothing(ground, staff):
    people.patient(identifier="1234 567 890")
    identifier = Identifier.objects.get()
    with pytest.raises(CannotCheck, match="not the number"):
        check_identity(identifier, by=staff[0], document="health-card", number="1234567891")
    assert not identifier.checks.exists()


@pytest.mark.security
def test_nobody_else_checks_identities_or_invites(waiting, staff):
    outsider, ana = people.account("No Checker").user, people.account("Ana Costa")
    _claim, code = arrivals.invite(waiting, by=staff[0])
    claim = arrivals.take_up(code, user=ana.user)
    for attempt in (
        lambda: arrivals.invite(waiting, by=outsider),
        lambda: arrivals.check_claim(claim, by=outsider, document="passport"),
        lambda: arrivals.refuse_claim(claim, by=outsider, because="x"),
        lambda: check_identity(Identifier.objects.get(), by=outsider, document="passport", number="A1"),
    ):
        with pytest.raises(CannotCheck, match="role does not include"):
            attempt()
