"""How money is moved is set as a whole or not at all."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from ehr import environment

NAMES = ("PAYMENT_WAY", "STRIPE_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API", "ESCROW_ARBITER", "ESCROW_PAYEE")


@pytest.fixture
def told(monkeypatch):
    def telling(*, production=True, **names):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in names.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(environment, "PRODUCTION", production)
        return environment.payments()

    return telling


def test_without_a_word_visits_are_paid_at_the_desk(told):
    assert told() == environment.Payments()


def test_two_webhook_secrets_may_hold_at_a_time(told):
    found = told(PAYMENT_WAY="stripe", STRIPE_KEY="rk_live_x", STRIPE_WEBHOOK_SECRET="whsec_a,whsec_b")
    assert found.stripe_webhook_secrets == ("whsec_a", "whsec_b")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"PAYMENT_WAY": "cheque"}, "one of desk, stripe, escrow"),
        ({"PAYMENT_WAY": "stripe"}, "STRIPE_KEY is not set"),
        ({"PAYMENT_WAY": "stripe", "STRIPE_KEY": "rk_live_x"}, "STRIPE_WEBHOOK_SECRET is not"),
        ({"STRIPE_KEY": "rk_live_x"}, "STRIPE_WEBHOOK_SECRET is not"),
        (
            {"STRIPE_KEY": "x", "STRIPE_WEBHOOK_SECRET": "y", "STRIPE_API": "http://stripe.example"},
            "not an https:// address",
        ),
        ({"PAYMENT_WAY": "escrow"}, "ESCROW_ARBITER and ESCROW_PAYEE"),
        ({"PAYMENT_WAY": "escrow", "ESCROW_ARBITER": "0x1"}, "ESCROW_ARBITER and ESCROW_PAYEE"),
    ],
)
def test_what_is_configured_by_half_does_not_start(told, names, says):
    with pytest.raises(ImproperlyConfigured, match=says):
        told(**names)


def test_development_locks_without_naming_anybody(told):
    assert told(production=False, PAYMENT_WAY="escrow").way == "escrow"
