"""Standing as it flips on the very next call, and what is read from it."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from ehr import clock
from ehr.accounts.models import User
from providers import credentials, institutions, operations, queries
from providers.models import Institution, Membership
from providers.roles import CLINICAL, Role
from tests.providers import people

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def at(moment):
    """Live at a moment; the clock forgets what it told before."""
    clock.watch.forget()
    return time_machine.travel(moment, tick=False)


@pytest.mark.point(4)
def test_a_clinician_approved_at_an_institution_under_agreement_is_in_good_standing(ward):
    seen = queries.standing(ward.lee.user)
    assert (seen.ok, seen.role, seen.title, seen.name) == (True, "specialist", "Dr", "Dr Amy Lee")
    assert seen.institution == ward.hospital
    assert seen.institution.region == "Ontario"
    assert seen.roles == {"specialist"}
    assert seen.credential_expires == ward.credential.expires_at


def test_standing_is_one_query(ward, django_assert_num_queries):
    with django_assert_num_queries(1):
        queries.standing(ward.lee.user)


def test_standing_is_one_query_also_with_several_licences_and_places(ward, django_assert_num_queries):
    other = people.hospital(ward.vera, "Lake Clinic")
    operations.join_institution(ward.lee, institution=other, by=ward.lee.user)
    people.submitted(ward.lee, role="nurse")
    with django_assert_num_queries(1):
        assert queries.standing(ward.lee.user).ok


def test_somebody_who_never_registered_has_no_standing(db):
    seen = queries.standing(people.person("Rosa Diaz"))
    assert (seen.ok, seen.because) == (False, "not-registered")


@pytest.mark.point(4)
def test_j12_1_an_unverified_provider_has_no_standing_and_hears_what_is_next(ward):
    new = people.registered("Noor Haddad", ward.hospital)
    assert queries.standing(new.user).because == "no-credential"
    people.submitted(new, number="77")
    seen = queries.standing(new.user)
    assert (seen.ok, seen.because, seen.roles) == (False, "credential-pending", frozenset())
    assert "waiting for a verifier" in seen.message


@pytest.mark.point(4)
def test_j12_4_an_expiry_stops_standing_at_its_second_with_no_job_between(ward):
    end = ward.credential.expires_at.replace(microsecond=0)
    type(ward.credential).objects.filter(pk=ward.credential.pk).update(expires_at=end)
    Institution.objects.update(agreement_until=end + people.YEAR, accreditation_until=end + people.YEAR)
    with at(end - SECOND):
        assert queries.standing(ward.lee.user).ok
    with at(end + SECOND):
        assert queries.standing(ward.lee.user).because == "credential-expired"


def revoke(ward):
    credentials.revoke(ward.credential, by=ward.vera, reason="Struck off.")


def suspend(ward):
    credentials.suspend(ward.credential, by=ward.vera, reason="A complaint is open.")


def end_agreement(ward):
    institutions.end_agreement(ward.hospital, by=ward.vera, reason="They leave.")


def suspend_institution(ward):
    institutions.suspend_institution(ward.hospital, by=ward.vera, reason="An inquiry.")


def leave(ward):
    operations.leave_institution(Membership.objects.get(), by=ward.lee.user)


def suspend_account(ward):
    User.objects.filter(pk=ward.lee.user_id).update(is_active=False)


@pytest.mark.point(4)
@pytest.mark.parametrize(
    ("act", "because"),
    [
        (revoke, "credential-revoked"),
        (suspend, "credential-suspended"),
        (end_agreement, "agreement-ended"),
        (suspend_institution, "institution-suspended"),
        (leave, "membership-ended"),
        (suspend_account, "account-suspended"),
    ],
)
def test_j12_4_every_loss_of_standing_holds_from_the_next_call_on(ward, act, because):
    """Also for a `user` object that was loaded before the loss."""
    user = User.objects.get(pk=ward.lee.user_id)
    assert queries.standing(user).ok
    act(ward)
    assert queries.standing(user).because == because


@pytest.mark.point(4)
def test_j12_5_when_an_institution_leaves_all_its_people_lose_standing_in_one_act(ward):
    bob = people.registered("Bob Ray", ward.hospital)
    credentials.approve(people.submitted(bob, number="99"), by=ward.victor, reason="Register.")
    elsewhere = people.hospital(ward.vera, "Lake Clinic")
    cho = people.registered("Cho Lin", elsewhere)
    credentials.approve(people.submitted(cho, number="100"), by=ward.victor, reason="Register.")
    gone = institutions.end_agreement(ward.hospital, by=ward.vera, reason="They leave.")
    assert {user.pk for user in gone} == {ward.lee.user_id, bob.user_id}
    assert [queries.standing(one.user).ok for one in (ward.lee, bob, cho)] == [False, False, True]


def test_a_clinician_whose_institution_left_may_work_at_another(ward):
    other = people.hospital(ward.vera, "Lake Clinic")
    end_agreement(ward)
    operations.confirm_membership(
        operations.join_institution(ward.lee, institution=other, by=ward.lee.user), by=ward.vera
    )
    assert queries.standing(ward.lee.user).institution == other


def test_an_institution_that_returns_gives_its_people_their_standing_back(ward):
    end_agreement(ward)
    terms = institutions.Terms(clock.now() + people.YEAR, "ACC 2", clock.now() + people.YEAR)
    institutions.sign_agreement(ward.hospital, terms=terms, by=ward.vera)
    assert queries.standing(ward.lee.user).ok


def test_the_log_names_somebody_as_they_are_now(ward):
    seen = queries.party(ward.lee.user)
    assert (seen.kind, seen.id, seen.name) == ("person", ward.lee.user_id, "Dr Amy Lee")
    assert (seen.role, seen.place) == ("specialist", "City Hospital")


def test_the_log_names_somebody_who_is_no_provider_by_their_name_alone(db):
    rosa = people.person("Rosa Diaz")
    seen = queries.party(rosa)
    assert (seen.name, seen.role, seen.place) == ("Rosa Diaz", "", "")


def test_a_known_standing_saves_the_log_a_query(ward, django_assert_num_queries):
    known = queries.standing(ward.lee.user)
    with django_assert_num_queries(0):
        assert queries.party(ward.lee.user, known=known).place == "City Hospital"


@pytest.mark.point(4)
def test_a_patient_finds_verified_clinicians_by_name_role_and_place(ward):
    for words in ({}, {"search": "amy"}, {"search": "lee hospital"}, {"role": "specialist"}, {"place": "ontario"}):
        assert [line.name for line in queries.directory(**words).lines] == ["Dr Amy Lee"]
    for words in ({"search": "bob"}, {"role": "nurse"}, {"place": "Quebec"}):
        assert queries.directory(**words).lines == []


def test_a_line_of_the_directory_says_who_what_and_where(ward):
    (line,) = queries.directory().lines
    assert (line.user_id, line.role, line.role_name) == (ward.lee.user_id, "specialist", "specialist")
    assert line.institution == ward.hospital
    assert queries.directory_line(ward.lee.user_id) == line


@pytest.mark.parametrize("act", [revoke, suspend, end_agreement, suspend_institution, leave, suspend_account])
def test_whoever_lost_their_standing_is_not_in_the_directory(ward, act):
    act(ward)
    assert queries.directory().lines == []
    assert queries.directory_line(ward.lee.user_id) is None


@pytest.mark.parametrize("role", sorted(set(Role) - CLINICAL))
def test_nobody_finds_who_could_not_be_let_in_anyway(ward, role):
    other = people.registered("Ada Klein", ward.hospital)
    made = credentials.approve(people.submitted(other, number="other", role=role), by=ward.vera, reason="Register.")
    assert made.status == made.Status.APPROVED
    for words in ({}, {"search": "klein"}, {"role": role}):
        assert "Dr Ada Klein" not in [line.name for line in queries.directory(**words).lines]
    assert queries.directory_line(other.user_id) is None


def test_whoever_is_a_nurse_and_an_administrator_is_found_as_a_nurse(ward):
    both = people.registered("Ada Klein", ward.hospital)
    for role in (Role.ADMINISTRATOR, Role.NURSE):
        credentials.approve(people.submitted(both, number=role, role=role), by=ward.vera, reason="Register.")
    (line,) = queries.directory("klein").lines
    assert line.role == Role.NURSE
    assert queries.directory("klein", role=Role.ADMINISTRATOR).lines == []


def test_nobody_is_a_line_in_the_directory_by_a_made_up_id(db):
    assert queries.directory_line(uuid.uuid4()) is None


def test_the_directory_comes_in_pages_without_gaps_or_repeats(ward, django_assert_max_num_queries):
    for number in range(7):
        one = people.registered(f"Kim {number}", ward.hospital)
        credentials.approve(people.submitted(one, number=f"k{number}"), by=ward.vera, reason="Register.")
    seen, after = [], None
    while True:
        with django_assert_max_num_queries(3):
            page = queries.directory(after=after, limit=3)
        seen += [line.name for line in page.lines]
        if (after := page.after) is None:
            break
    assert seen == ["Dr Amy Lee", *(f"Dr Kim {number}" for number in range(7))]


def test_the_directory_reaches_past_many_who_may_not_be_found(ward, monkeypatch):
    monkeypatch.setattr(queries, "DIRECTORY_REACH", 2)
    for name in ("Abe", "Abi", "Ada"):
        one = people.registered(name, ward.hospital)
        credentials.approve(people.submitted(one, number=name), by=ward.vera, reason="Register.")
        User.objects.filter(pk=one.user_id).update(is_active=False)
    first = queries.directory()
    assert first.lines == []
    assert [line.name for line in queries.directory(after=first.after).lines] == ["Dr Amy Lee"]
