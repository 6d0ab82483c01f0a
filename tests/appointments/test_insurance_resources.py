"""Eligibility and claims in FHIR: what leaves is valid R4 and says no more than it must; nonsense is no answer."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.insurance import facts, resources
from appointments.insurance.facts import Inquiry, Nonsense, NotNow
from appointments.insurance.resources import Charge
from ehr.r4 import text, validate
from tests.appointments import payer_simulator as payer

ASKED = Inquiry(
    trace="trace-1",
    payer_name="Lakeside Mutual",
    payer_number="LAKE01",
    provider_name="Harbour Medical Centre",
    provider_number="1234567893",
    member="LM 4711",
    name="Ana Costa",
    birth_date=date(1984, 5, 3),
    sex="female",
    day=date(2026, 12, 1),
    asked_at=datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
)
CHARGE = Charge("http://example.org/tariff", "V30", 12_000, "USD")


@pytest.mark.parametrize("made", [resources.eligibility_request(ASKED), resources.claim(ASKED, CHARGE)])
def test_what_leaves_is_valid_r4(made):
    assert validate.check(text.loads(text.dumps(made))) == []


def test_a_claim_names_the_price_to_the_cent_and_no_diagnosis():
    made = resources.claim(ASKED, CHARGE)
    assert str(made["total"]["value"]) == "120.00"
    assert "diagnosis" not in made


def found(**more):
    return resources.finding(payer.as_json(payer.eligibility_response("trace-1", **more)), ASKED)


def cover(**more):
    return [{"coverage": {"display": "the card"}, "inforce": True, **more}]


@pytest.mark.parametrize(
    ("insurance", "outcome", "copay"),
    [
        (cover(), "active", None),
        (cover(inforce=False), "inactive", None),
        (cover(benefitPeriod={"start": "2026-01-01", "end": "2026-12-31"}), "active", None),
        (cover(benefitPeriod={"start": "2026-12"}), "active", None),
        (cover(benefitPeriod={"end": "2026-11"}), "inactive", None),
        (cover(benefitPeriod={"end": "2026"}), "active", None),
        (cover(benefitPeriod={"start": "2026-12-02"}), "inactive", None),
        (cover(benefitPeriod={"start": "2026-12-01T00:00:00Z", "end": "2026-12-01T23:00:00Z"}), "active", None),
        (payer.with_copay("25.00"), "active", 2500),
        (payer.with_copay("1500", "JPY"), "active", 1500),
    ],
)
def test_what_is_in_force_on_the_day_is_active(insurance, outcome, copay):
    told = found(insurance=insurance)
    assert (told.outcome, told.copay) == (outcome, copay)


def test_an_error_is_no_answer_about_cover():
    told = found(outcome="error", insurance=cover(), error=[{"code": {"coding": [{"code": "75"}]}}])
    assert (told.outcome, told.code) == ("unknown", "75")


def test_a_queued_answer_is_asked_for_again():
    with pytest.raises(NotNow):
        found(outcome="queued", insurance=cover())


GOOD = payer.as_json(payer.eligibility_response("trace-1"))


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"resourceType": "Bundle"}',
        b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}',
        GOOD.replace(b'"trace-1"', b'"trace-2"'),
        GOOD.replace(b'"complete"', b'"fine"'),
        GOOD.replace(b'"inforce": true', b'"inforce": "yes"'),
        payer.as_json(payer.eligibility_response("trace-1", insurance=[{"coverage": {"display": "x"}}])),
        payer.as_json(payer.eligibility_response("trace-1", insurance=cover() + cover(inforce=False))),
        payer.as_json(payer.eligibility_response("trace-1", insurance=payer.with_copay("-1"))),
        payer.as_json(payer.eligibility_response("trace-1", insurance=payer.with_copay("0.001"))),
        payer.as_json(payer.eligibility_response("trace-1", insurance=payer.with_copay("1e30"))),
        b"[" * 100_000,
    ],
)
def test_nonsense_is_never_an_answer(told):
    with pytest.raises(Nonsense):
        resources.finding(told, ASKED)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(told):
    with pytest.raises((Nonsense, NotNow)):
        resources.finding(told, ASKED)


def verdict(paid, **more):
    return resources.verdict(payer.as_json(payer.claim_response("trace-1", paid, **more)), ASKED, CHARGE)


@pytest.mark.parametrize(
    ("paid", "outcome", "amount"), [("120.00", "paid", 12_000), ("0.01", "partly", 1), ("0.00", "denied", 0)]
)
def test_a_claim_is_paid_partly_paid_or_denied(paid, outcome, amount):
    told = verdict(paid)
    assert (told.outcome, told.paid, told.reference) == (outcome, amount, "LM-2026-000042")


def test_the_total_of_benefits_counts_where_no_payment_is_named():
    total = [{"category": {"coding": [{"code": "benefit"}]}, "amount": {"value": 90, "currency": "USD"}}]
    assert verdict(None, total=total).paid == 9_000


@pytest.mark.parametrize("paid", ["120.01", "-1", "0.005"])
def test_nobody_pays_more_than_was_asked_or_less_than_nothing(paid):
    with pytest.raises(Nonsense):
        verdict(paid)


def test_another_currency_is_no_payment():
    with pytest.raises(Nonsense):
        verdict("120.00", currency="CAD")


def test_a_complete_answer_without_an_amount_is_nonsense():
    with pytest.raises(Nonsense):
        verdict(None)


@given(st.integers(0, 2_000_000_000), st.sampled_from(["USD", "JPY", "KWD", "EUR"]))
def test_an_amount_written_out_reads_back_as_the_same(amount, currency):
    assert facts.smallest(facts.written(amount, currency), currency) == amount
