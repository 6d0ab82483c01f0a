"""A parent for a small child who has no keys: two verifiers sign, the keyholder lets the named parts go once."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission

from consent import access, authority, escrow, queries
from consent.access import AccessDenied, KeysLocked
from consent.access.acting import acting_for, add_as_delegate, read_log_as_delegate
from consent.delegates import naming, sharing, vouching
from consent.escrow import NotReleased
from consent.models import Delegation, Ending, EscrowUse, Grant, Vouching
from consent.sharing import arrivals
from ehr import clock
from ehr.accounts.models import User
from ehr.notices.models import Notice
from ehr.words import Category
from patients.models import Lockbox, Seal
from patients.operations import source_signer
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.delegating import ALL, chart, lines, opened

BORN = date(2020, 2, 29)
PARTS = ("history", "labs")


@pytest.fixture
def rui(ground):
    """Rui, the father."""
    return people.account("Rui Costa")


@pytest.fixture
def leo(ground):
    """Leo, six years old, whose record came from the hospital; he has no account."""
    child = arrivals.expect(
        name="Leo Costa", birth_date=BORN, sex="male", identifiers=[("urn:mrn", "L 1")], source="City Hospital"
    )
    access.receive(child, [draft(part) for part in Category], source=source_signer("City Hospital"))
    return people.Person(None, None, child)


def verifier(name):
    made = people.account(name, staff=True)
    wanted = Permission.objects.filter(codename__in=["vouch_delegation", "check_identity"])
    made.user.user_permissions.add(*wanted)
    made.user = User.objects.get(pk=made.user.pk)
    return made


@pytest.fixture
def staff(ground):
    return [verifier("Ines Roy"), verifier("Olaf Berg")]


def begun(leo, rui, one, **instead) -> Delegation:
    terms = {"basis": "parent", "rights": ALL, "categories": PARTS, "ends": clock.now() + timedelta(days=300)}
    more = {"email": rui.user.email, "document": "birth-certificate"} | terms | instead
    return vouching.begin(leo.patient, by=one.user, keyring=one.keyring, **more)


def confirmed(leo, rui, staff, **instead) -> Delegation:
    made = begun(leo, rui, staff[0], **instead)
    other = staff[1]
    return vouching.confirm(made, by=other.user, keyring=other.keyring, document="birth-certificate")


def named(leo, rui, staff, **instead) -> Delegation:
    made = confirmed(leo, rui, staff, **instead)
    return vouching.take_up(made, by=rui.user, keyring=rui.keyring)


# --- Vouching ------------------------------------------------------------------------------------
def test_two_verifiers_let_a_parent_read_the_named_parts(leo, rui, staff):
    named(leo, rui, staff)
    assert texts(opened(leo, rui)) == {"marker history", "marker labs"}


def test_the_lockboxes_stay_as_they_are_and_the_parent_holds_the_named_parts_only(leo, rui, staff):
    before = set(Lockbox.objects.values_list("pk", "public"))
    named(leo, rui, staff)
    assert set(Lockbox.objects.values_list("pk", "public")) == before
    held = Seal.objects.filter(reader=rui.user.reader)
    assert set(held.values_list("lockbox__part", flat=True)) == set(PARTS)


def test_the_keyholder_counts_it_as_a_claim_and_the_account_balances(leo, rui, staff):
    named(leo, rui, staff)
    (line,) = lines(leo, "claim.released")
    assert (line.because, line.actor.role, set(line.categories)) == ("delegation", "delegate", set(PARTS))
    assert EscrowUse.objects.get().why == "claim"
    assert escrow.balance().holds


def test_one_verifier_is_not_enough(leo, rui, staff):
    made = begun(leo, rui, staff[0])
    with pytest.raises(naming.CannotName):
        vouching.take_up(made, by=rui.user, keyring=rui.keyring)
    assert not EscrowUse.objects.exists()
    with pytest.raises(AccessDenied):
        opened(leo, rui)


def test_nobody_vouches_twice(leo, rui, staff):
    made = begun(leo, rui, staff[0])
    with pytest.raises(naming.CannotName):
        vouching.confirm(made, by=staff[0].user, keyring=staff[0].keyring, document="court-order")


def test_nobody_vouches_for_themselves(leo, staff):
    parent, other = staff
    with pytest.raises(naming.CannotName):
        begun(leo, parent, parent)
    made = begun(leo, parent, other)
    with pytest.raises(naming.CannotName):
        vouching.confirm(made, by=parent.user, keyring=parent.keyring, document="court-order")


def test_it_takes_the_role_and_open_keys(leo, rui, staff):
    clerk = people.account("Carl Clerk", staff=True)
    with pytest.raises(naming.CannotName):
        begun(leo, rui, clerk)
    staff[0].keyring = staff[1].keyring
    with pytest.raises(naming.CannotName):
        begun(leo, rui, staff[0])


def test_a_patient_with_an_account_names_people_themselves(ana, rui, staff):
    with pytest.raises(naming.CannotName):
        begun(ana, rui, staff[0])


def test_only_who_was_vouched_for_takes_it_up(leo, rui, staff, stranger):
    made = confirmed(leo, rui, staff)
    with pytest.raises(naming.CannotName):
        vouching.take_up(made, by=stranger.user, keyring=stranger.keyring)


def test_taking_it_up_twice_asks_the_keyholder_once(leo, rui, staff):
    made = named(leo, rui, staff)
    vouching.take_up(made, by=rui.user, keyring=rui.keyring)
    assert EscrowUse.objects.count() == Grant.objects.count() == 1


def test_without_the_right_to_read_the_escrow_stays_shut(leo, rui, staff):
    named(leo, rui, staff, rights=("log",))
    assert not EscrowUse.objects.exists()
    assert read_log_as_delegate(leo.patient, delegate=rui.user)


# --- Forgeries -----------------------------------------------------------------------------------
def test_a_changed_delegation_is_vouched_for_by_nobody(leo, rui, staff):
    made = confirmed(leo, rui, staff)
    Delegation.objects.filter(pk=made.pk).update(categories=list(map(str, Category)))
    with pytest.raises(naming.CannotName):
        vouching.take_up(made, by=rui.user, keyring=rui.keyring)


def test_a_vouching_that_another_key_signed_counts_for_nothing(leo, rui, staff):
    made = begun(leo, rui, staff[0])
    mine = Vouching.objects.get()
    Vouching.objects.create(
        delegation=made, by=staff[1].user, key_version=mine.key_version, signature=mine.signature, document="x"
    )
    assert authority.vouched_by(made) == {staff[0].user.pk}


def test_the_keyholder_itself_asks_whether_both_still_may(leo, rui, staff):
    made = confirmed(leo, rui, staff)
    staff[1].user.user_permissions.clear()
    with pytest.raises(NotReleased) as refused:
        vouching.take_up(made, by=rui.user, keyring=rui.keyring)
    assert refused.value.because == "claim-not-ready"
    assert not Grant.objects.exists()


def test_the_keyholder_lets_no_part_go_that_was_not_vouched_for(leo, rui, staff, monkeypatch):
    made = confirmed(leo, rui, staff)
    naming.accept(made, by=rui.user)
    made.categories = list(map(str, Category))
    with pytest.raises(NotReleased):
        vouching._released(made, rui.user)
    assert not EscrowUse.objects.exists()


def test_a_parents_own_permission_counts_only_while_it_is_vouched_for(leo, rui, staff):
    named(leo, rui, staff)
    Vouching.objects.first().delete()
    with pytest.raises(AccessDenied):
        opened(leo, rui)


def test_no_service_and_no_team_signs_as_a_patient_who_is_not_here(leo, rui, staff):
    named(leo, rui, staff)
    grant = Grant.objects.get()
    grant.patient_version = queries.escrow().keyring.version
    assert grant.patient_version.reader.user_id is None
    assert not authority.signed_by_patient(grant)


# --- Acting --------------------------------------------------------------------------------------
def test_a_parent_adds_and_lets_a_doctor_in(leo, rui, staff, lee):
    named(leo, rui, staff)
    add_as_delegate(leo.patient, [draft("labs", "fever")], delegate=rui.user, keyring=rui.keyring)
    now = clock.now()
    grant = sharing.give(
        acting_for(leo.patient, rui.user),
        keyring=rui.keyring,
        reader=lee.user,
        categories=["labs"],
        starts=now,
        ends=now + timedelta(days=7),
    )
    assert texts(chart(leo, lee)) == {"marker labs", "fever"}
    assert authority.signed_for_patient(grant)


def test_what_arrives_later_opens_for_the_parent(leo, rui, staff):
    named(leo, rui, staff)
    access.receive(leo.patient, [draft("labs", "later")], source=source_signer("City Hospital"))
    assert "later" in texts(opened(leo, rui))


def test_locked_keys_open_nothing(leo, rui, staff):
    named(leo, rui, staff)
    rui.keyring = None
    with pytest.raises(KeysLocked):
        opened(leo, rui)


def test_the_parent_is_told_when_both_have_confirmed(leo, rui, staff):
    made = begun(leo, rui, staff[0])
    assert not Notice.objects.filter(user=rui.user).exists()
    vouching.confirm(made, by=staff[1].user, keyring=staff[1].keyring, document="birth-certificate")
    assert Notice.objects.filter(user=rui.user, kind="delegation-confirmed", about=made.pk).exists()


# --- Ending --------------------------------------------------------------------------------------
def test_a_verifier_ends_it_when_the_papers_change(leo, rui, staff):
    made = named(leo, rui, staff)
    vouching.withdraw(made, by=staff[1].user, reason="the court decided otherwise")
    with pytest.raises(AccessDenied):
        opened(leo, rui)
    assert not Seal.objects.filter(reader=rui.user.reader).exists()


def test_a_parent_is_out_on_the_day_the_child_comes_of_age_and_the_child_claims(leo, rui, staff, lee):
    grown = datetime(2038, 3, 1, tzinfo=UTC)  # born on a leap day
    with time_machine.travel(grown - timedelta(days=100), tick=False) as traveller:
        made = named(leo, rui, staff)
        assert made.ends == grown
        now = clock.now()
        let = {"keyring": rui.keyring, "reader": lee.user, "categories": ["labs"], "starts": now, "ends": grown}
        sharing.give(acting_for(leo.patient, rui.user), **let)
        traveller.move_to(grown - timedelta(seconds=1))
        assert texts(opened(leo, rui))
        traveller.move_to(grown + timedelta(seconds=1))
        with pytest.raises(AccessDenied):
            opened(leo, rui)
        child = claimed(leo, staff)
        assert len(access.open_own(child.patient, keyring=child.keyring).entries) == 6


def claimed(leo, staff):
    """Let Leo, with an account of his own, claim his record by the invitation on paper and two checks."""
    child = people.account("Leo Costa")
    claim = arrivals.take_up(arrivals.invite(leo.patient, by=staff[0].user)[1], user=child.user)
    for one in staff:
        arrivals.check_claim(claim, by=one.user, document="passport")
    child.patient = arrivals.finish_claim(claim, keyring=child.keyring)
    return child


def test_when_the_patient_claims_the_record_new_epochs_open_without_the_parent(leo, rui, staff, lee):
    made = named(leo, rui, staff)
    child = claimed(leo, staff)
    made.refresh_from_db()
    assert made.ended_by == "claim"
    assert not Seal.objects.exclude(reader=child.user.reader).exclude(reader=queries.escrow()).exists()
    assert not Ending.objects.filter(epoch_turned_at__isnull=True).exists()
    assert set(Lockbox.objects.current().values_list("opened_by__reader__user", flat=True)) == {child.user.pk}
    rui_now = Delegation.objects.filter(pk=made.pk)
    rui_now.update(ended_at=None)  # even where the row says that it goes on
    with pytest.raises(AccessDenied):
        opened(child, rui)
