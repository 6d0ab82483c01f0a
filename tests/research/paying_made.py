# ruff: noqa: F811 - fixtures are imported by their names
"""A release whose pay goes through the contract, on the embedded chain, and what people do about their shares."""

from hashlib import sha256

import pytest
from eth_utils.crypto import keccak

from audit import queries as audit
from ehr.chain import studies, typed_data
from ehr.chain.embedded.evm import CHAIN_ID
from ehr.chain.models import Deployment
from research import tasks
from research.compensation import accruing, claiming
from tests.research import leaving_made, studying
from tests.research.test_releases import board, rosa, small_groups  # noqa: F401 - fixtures

PAY, UNIT, PEOPLE = 500, 10**9, 2


@pytest.fixture(autouse=True)
def units(settings):
    settings.RESEARCH_PAY_WEI = {"CAD": UNIT}
    settings.GRANT_RELAY_DELAY_SECONDS = 0


@pytest.fixture
def study(chain, board, rosa):
    Deployment.objects.exclude(chain_id=CHAIN_ID).delete()  # what stands on no chain
    return studying.opened(rosa, board, unit=UNIT)


def released(study, rosa, joinings, mark=b""):
    """Return a release that was fetched, its hash on its way to the chain as when it was made."""
    studies.release(study.pk, sha256(mark + study.pk.bytes).digest())
    return leaving_made.fetched(study, rosa, joinings, mark=mark)


@pytest.fixture
def joined(study):
    return leaving_made.joined(study, PEOPLE)


@pytest.fixture
def release(study, rosa, joined):
    return released(study, rosa, [one for _person, one in joined])


@pytest.fixture
def ready(chain, release):
    """A release whose pay the chain holds for good."""
    settled(chain)
    return release


def due_of(person, release=None):
    rows = accruing.dues(person.patient)
    return (rows.filter(release=release) if release else rows).get()


def account(name):
    return typed_data.address_of(keccak(text=name))


def claim(person, name, release=None):
    return claiming.claim(due_of(person, release), keyring=person.keyring, payee=account(name))


def settled(chain):
    chain.settle(rounds=8)
    tasks.follow_pay()


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


def contract(chain):
    return chain.contract("ResearchRegistry").functions
