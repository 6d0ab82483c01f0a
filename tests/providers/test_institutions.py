"""Institutions and who works there."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.models import EventBody
from ehr import clock
from ehr.chain.models import Transaction
from ehr.notices.models import Notice
from providers import institutions, operations, queries
from providers.models import Clinician, Institution
from providers.rules import NotPossible
from tests.providers import people

pytestmark = [pytest.mark.django_db, pytest.mark.point(4)]


def told(action: str) -> list[dict]:
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.all()]
    return [body for body in bodies if body["action"] == action]


@pytest.fixture
def rosa(db):
    return people.person("Rosa Diaz")


def test_an_agreement_puts_the_accreditation_on_the_registry(ward):
    digest = institutions.accreditation_digest(ward.hospital)
    calls = Transaction.objects.filter(contract="ProviderRegistry", method="attest")
    assert sum(digest in bytes(one.calldata) for one in calls) == 1


@pytest.mark.parametrize("field", ["agreement_until", "accreditation_until"])
def test_an_agreement_ends_in_the_future(ward, field):
    terms = {"agreement_until": clock.now() + people.YEAR, "accreditation_until": clock.now() + people.YEAR}
    with pytest.raises(NotPossible, match="future"):
        institutions.sign_agreement(
            ward.hospital,
            terms=institutions.Terms(accreditation_number="A", **(terms | {field: clock.now()})),
            by=ward.vera,
        )


def test_a_renewal_keeps_the_day_of_the_first_signature(ward):
    first = ward.hospital.agreement_signed_at
    terms = institutions.Terms(clock.now() + 2 * people.YEAR, "ACC 2", clock.now() + 2 * people.YEAR)
    renewed = institutions.sign_agreement(ward.hospital, terms=terms, by=ward.vera)
    assert renewed.agreement_signed_at == first


@pytest.mark.parametrize(
    ("field", "value"), [("country", "Canada"), ("time_zone", "Toronto"), ("kind", "palace"), ("name", "")]
)
def test_an_institution_goes_on_file_in_shape(vera, field, value):
    facts = {"kind": "clinic", "country": "CA", "time_zone": "America/Toronto", "contact": "Desk", "name": "Lake"}
    with pytest.raises(ValidationError):
        institutions.register_institution(by=vera, **(facts | {field: value}))


def test_only_the_desk_decides_about_institutions(ward, rosa):
    acts = [
        lambda: institutions.end_agreement(ward.hospital, by=rosa, reason="Because."),
        lambda: institutions.suspend_institution(ward.hospital, by=rosa, reason="Because."),
        lambda: institutions.restore_institution(ward.hospital, by=rosa, reason="Because."),
        lambda: institutions.appoint_administrator(ward.hospital, user=ward.vera, by=rosa),
        lambda: institutions.register_institution(by=rosa, name="Mine"),
    ]
    for act in acts:
        with pytest.raises(NotPossible, match="Only the desk"):
            act()


def test_the_people_of_an_institution_that_leaves_are_told_and_named_on_the_log(ward):
    institutions.end_agreement(ward.hospital, by=ward.vera, reason="They leave.")
    assert Notice.objects.filter(user=ward.lee.user, kind="institution.agreement-ended").count() == 1
    (event,) = told("institution.agreement-ended")
    assert event["details"] == {"institution": str(ward.hospital.pk), "users": [str(ward.lee.user_id)]}


def test_an_institution_leaves_once(ward):
    institutions.end_agreement(ward.hospital, by=ward.vera, reason="They leave.")
    with pytest.raises(NotPossible, match="already done"):
        institutions.end_agreement(ward.hospital, by=ward.vera, reason="Again.")


def test_a_suspended_institution_is_restored(ward):
    institutions.suspend_institution(ward.hospital, by=ward.vera, reason="An inquiry.")
    institutions.restore_institution(ward.hospital, by=ward.victor, reason="Closed.")
    assert queries.standing(ward.lee.user).ok


def test_an_administrator_vouches_for_their_own_institution_only(ward, rosa):
    other = people.hospital(ward.vera, "Lake Clinic")
    institutions.appoint_administrator(ward.hospital, user=rosa, by=ward.vera)
    here, there = (people.registered(name, place) for name, place in (("Bob", ward.hospital), ("Cho", other)))
    operations.confirm_membership(here.memberships.get(), by=rosa)
    with pytest.raises(NotPossible, match="Only the institution's administrators"):
        operations.confirm_membership(there.memberships.get(), by=rosa)
    assert list(queries.administered_by(rosa)) == [ward.hospital]
    institutions.dismiss_administrator(ward.hospital, user=rosa, by=ward.vera)
    assert not queries.administered_by(rosa).exists()


def test_giving_and_taking_an_administrator_is_on_the_log_as_a_privilege(ward, rosa):
    institutions.appoint_administrator(ward.hospital, user=rosa, by=ward.vera)
    institutions.dismiss_administrator(ward.hospital, user=rosa, by=ward.vera)
    assert [event["details"]["user"] for event in told("privilege.given") + told("privilege.taken")] == [
        str(rosa.pk)
    ] * 2


def test_nobody_appoints_themselves(ward):
    with pytest.raises(NotPossible, match="their own privileges"):
        institutions.appoint_administrator(ward.hospital, user=ward.vera, by=ward.vera)


def test_who_administers_is_found_by_one_query(ward, rosa, django_assert_num_queries):
    institutions.appoint_administrator(ward.hospital, user=rosa, by=ward.vera)
    with django_assert_num_queries(1):
        assert queries.administered_by(rosa).filter(pk=ward.hospital.pk).exists()


def test_nobody_registers_somebody_else(ward, rosa):
    with pytest.raises(NotPossible, match="themselves"):
        operations.register_clinician(rosa, title="", professional_name="Rosa Diaz", institution=None, by=ward.vera)
    assert not Clinician.objects.filter(user=rosa).exists()


def test_nobody_registers_twice(ward):
    user = ward.lee.user
    with pytest.raises(NotPossible, match="already registered"):
        operations.register_clinician(user, title="Dr", professional_name="A", institution=None, by=user)


def test_nobody_confirms_their_own_place(ward):
    own = people.registered("Vic Own", ward.hospital)
    institutions.appoint_administrator(ward.hospital, user=own.user, by=ward.vera)
    with pytest.raises(NotPossible, match="their own place"):
        operations.confirm_membership(own.memberships.get(), by=own.user)


def test_a_place_is_confirmed_and_ended_once(ward):
    membership = ward.lee.memberships.get()
    with pytest.raises(NotPossible, match="already confirmed"):
        operations.confirm_membership(membership, by=ward.vera)
    operations.leave_institution(membership, by=ward.lee.user)
    with pytest.raises(NotPossible, match="already ended"):
        operations.leave_institution(membership, by=ward.vera)


def test_strangers_say_nothing_about_who_works_where(ward, rosa):
    with pytest.raises(NotPossible):
        operations.leave_institution(ward.lee.memberships.get(), by=rosa)
    with pytest.raises(NotPossible):
        operations.join_institution(ward.lee, institution=ward.hospital, by=rosa)


def test_somebody_joins_an_institution_once_at_a_time(ward):
    with pytest.raises(NotPossible, match="already has you"):
        operations.join_institution(ward.lee, institution=ward.hospital, by=ward.lee.user)
    operations.leave_institution(ward.lee.memberships.get(), by=ward.lee.user)
    again = operations.join_institution(ward.lee, institution=ward.hospital, by=ward.lee.user)
    assert queries.standing(ward.lee.user).because == "membership-unconfirmed"
    operations.confirm_membership(again, by=ward.vera)
    assert queries.standing(ward.lee.user).ok


def test_the_database_refuses_a_confirmation_by_nobody(ward):
    with pytest.raises(IntegrityError), transaction.atomic():
        ward.lee.memberships.update(confirmed_by=None)


def test_the_database_refuses_an_agreement_that_ends_before_it_is_signed(ward):
    with pytest.raises(IntegrityError), transaction.atomic():
        Institution.objects.update(agreement_until=ward.hospital.agreement_signed_at)


def test_somebody_may_say_they_work_where_an_institution_has_not_left(ward):
    other = people.hospital(ward.vera, "Lake Clinic")
    institutions.end_agreement(other, by=ward.vera, reason="They leave.")
    assert list(queries.institutions_open()) == [ward.hospital]
