"""The decision about standing, as a table; and a licence's name on the registry."""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import rules
from providers.rules import Facts
from providers.sentences import STANDING

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)
GOOD = Facts(
    registered=True,
    account_active=True,
    email_verified=True,
    role="specialist",
    credential_status="approved",
    credential_expires=NOON + YEAR,
    credential_confirmed=NOON,
    checked_nightly=True,
    membership_starts=NOON - YEAR,
    membership_confirmed=True,
    agreement_signed=NOON - YEAR,
    agreement_until=NOON + YEAR,
    accreditation_until=NOON + YEAR,
)

TABLE = [
    ({}, ""),
    ({"registered": False}, "not-registered"),
    ({"account_active": False}, "account-suspended"),
    ({"email_verified": False}, "email-unverified"),
    ({"credential_status": ""}, "no-credential"),
    ({"credential_status": "pending"}, "credential-pending"),
    ({"credential_status": "replaced"}, "credential-pending"),
    ({"credential_status": "something-new"}, "credential-pending"),
    ({"credential_status": "refused"}, "credential-refused"),
    ({"credential_status": "suspended"}, "credential-suspended"),
    ({"credential_status": "revoked"}, "credential-revoked"),
    ({"credential_expires": NOON + SECOND}, ""),
    ({"credential_expires": NOON}, "credential-expired"),
    ({"credential_expires": NOON - SECOND}, "credential-expired"),
    ({"credential_expires": None}, "credential-expired"),
    ({"credential_confirmed": NOON - timedelta(hours=96) + SECOND}, ""),
    ({"credential_confirmed": NOON - timedelta(hours=96)}, "check-overdue"),
    ({"credential_confirmed": None}, "check-overdue"),
    ({"credential_confirmed": None, "checked_nightly": False}, ""),
    ({"membership_starts": None}, "no-institution"),
    ({"membership_starts": NOON}, ""),
    ({"membership_starts": NOON + SECOND}, "membership-not-begun"),
    ({"membership_confirmed": False}, "membership-unconfirmed"),
    ({"membership_ended": NOON}, "membership-ended"),
    ({"membership_ended": NOON + SECOND}, ""),
    ({"institution_suspended": True}, "institution-suspended"),
    ({"agreement_signed": None}, "no-agreement"),
    ({"agreement_signed": NOON + SECOND}, "no-agreement"),
    ({"agreement_ended": NOON}, "agreement-ended"),
    ({"agreement_until": NOON}, "agreement-expired"),
    ({"agreement_until": NOON + SECOND}, ""),
    ({"agreement_until": None}, "agreement-expired"),
    ({"accreditation_until": NOON}, "accreditation-expired"),
    ({"accreditation_until": None}, "accreditation-expired"),
    # The person is told first what they must put right first.
    ({"account_active": False, "credential_status": "revoked"}, "account-suspended"),
    ({"credential_status": "pending", "agreement_until": NOON}, "credential-pending"),
]


@pytest.mark.point(4)
@pytest.mark.parametrize(("change", "because"), TABLE)
def test_standing_is_decided_by_this_table(change, because):
    assert rules.decide(GOOD._replace(**change), NOON) == rules.Verdict(because == "", because)


def test_every_reason_has_its_row_in_the_table():
    assert {because for _, because in TABLE} == {*rules.REASONS, ""}


def test_every_reason_is_said_in_words():
    assert set(STANDING) == {*rules.REASONS, ""}


def test_one_good_pair_is_enough():
    bad, good = GOOD._replace(credential_status="revoked"), GOOD._replace(role="nurse")
    assert rules.best([bad, good, bad], NOON) == (1, rules.Verdict(True, ""))


def test_the_highest_of_several_good_roles_speaks():
    nurse, physician = GOOD._replace(role="nurse"), GOOD._replace(role="primary-physician")
    assert rules.best([nurse, physician], NOON)[0] == 1


def test_without_a_good_pair_the_reason_is_the_one_left_to_put_right():
    revoked, lapsed = GOOD._replace(credential_status="revoked"), GOOD._replace(agreement_until=NOON)
    assert rules.best([revoked, lapsed], NOON)[1].because == "agreement-expired"


@given(st.sampled_from([change for change, because in TABLE if because]), st.sampled_from([c for c, b in TABLE if b]))
def test_nothing_that_is_wrong_is_made_good_by_something_else_wrong(one, other):
    assert not rules.decide(GOOD._replace(**one, **{k: v for k, v in other.items() if k not in one}), NOON).ok


@pytest.mark.parametrize(
    ("status", "until", "state"),
    [
        ("approved", NOON + SECOND, "valid"),
        ("approved", NOON, "expired"),
        ("suspended", NOON + SECOND, "revoked"),
        ("revoked", NOON + SECOND, "revoked"),
        ("revoked", NOON - SECOND, "revoked"),
        ("pending", NOON + SECOND, "unknown"),
        ("refused", NOON + SECOND, "unknown"),
        ("replaced", NOON + SECOND, "unknown"),
    ],
)
def test_the_public_state_of_a_credential_is_decided_by_this_table(status, until, state):
    assert rules.credential_state(status, until, NOON) == state


def test_anybody_who_holds_a_licence_can_compute_its_name_on_the_registry():
    expected = hashlib.sha256(b"college of physicians of ontario|cpso48213").digest()
    assert rules.licence_digest("College of Physicians of  Ontario ", "CPSO 48-213") == expected


def test_a_licence_restored_after_a_withdrawal_has_the_next_name():
    expected = hashlib.sha256(b"college|7|2").digest()
    assert rules.licence_digest("College", "7", 2) == expected


def test_an_issuer_cannot_borrow_the_separator():
    assert rules.licence_digest("a|b", "c") != rules.licence_digest("a", "bc")
    assert rules.licence_digest("a", "b|2") == rules.licence_digest("a", "b2") != rules.licence_digest("a", "b", 2)


def test_until_a_day_includes_that_day_where_the_institution_is():
    assert rules.end_of_day(date(2027, 3, 31), "America/Toronto") == datetime(2027, 4, 1, 4, tzinfo=UTC)
