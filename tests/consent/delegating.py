"""Rui, whom Ana lets act for her, and how: she asks, he agrees, she signs."""

from datetime import UTC, datetime, timedelta

from audit import queries as audit
from consent import access
from consent.access.acting import acting_for, open_as_delegate
from consent.delegates import naming, sharing
from consent.models import Delegation
from ehr import clock
from ehr.words import Category, Purpose

ALL = ("read", "add", "share", "log", "appointments", "book")
BEGUN = datetime(2026, 11, 21, 12, tzinfo=UTC)


def terms(*, rights=ALL, categories=(Category.LABS, Category.TREATMENT), basis="carer", days=30):
    return naming.of(basis=basis, rights=rights, categories=categories, ends=clock.now() + timedelta(days=days))


def name(ana, rui, **more) -> Delegation:
    """Let Rui act for Ana."""
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms(**more))
    naming.accept(asked, by=rui.user)
    return naming.sign(asked, keyring=ana.keyring)


def opened(ana, rui, **more):
    """What Rui reads for Ana."""
    return open_as_delegate(ana.patient, delegate=rui.user, keyring=rui.keyring, **more)


def lines(ana, action):
    """The lines of one act on Ana's list, newest first."""
    return [line for line in audit.story(ana.patient.pk, limit=200) if line.action == action]


def let_in(ana, rui, lee, *parts, days=10, **more):
    """Let Dr Lee in, in Ana's name."""
    acting = acting_for(ana.patient, rui.user)
    now = clock.now()
    return sharing.give(
        acting,
        keyring=rui.keyring,
        reader=lee.user,
        categories=parts or (Category.LABS,),
        starts=now,
        ends=now + timedelta(days=days),
        **more,
    )


def chart(ana, lee):
    """What Dr Lee reads of Ana."""
    return access.open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
