"""What the keyholder holds to by itself in an emergency: a web process that forgets the law gets no more for it."""

import pytest

from consent import emergency
from consent.models import Block
from ehr.accounts.keyrings.held import OneUseKey
from ehr.accounts.models import Reader
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.consent.keyholding import refused, release, say_emergency

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def doctor(ground):
    return people.clinician("Omar Haddad", role=Role.EMERGENCY)


@pytest.fixture
def key():
    return OneUseKey()


@pytest.mark.parametrize("prevails", [True, False])
def test_a_part_kept_shut_is_not_let_go_though_the_event_names_it(with_record, doctor, key, settings, prevails):
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = True
    emergency.opt_out(with_record.patient, Category.GENETIC)
    settings.OPT_OUTS_PREVAIL_IN_EMERGENCY = prevails
    event = say_emergency(with_record.patient, doctor.user, key, categories=[Category.LABS, Category.GENETIC])
    found = {one.part for one in release(event, with_record.patient, key)}
    assert found == ({"labs"} if prevails else {"labs", "genetic"})


@pytest.mark.parametrize("prevails", [True, False])
def test_whom_the_patient_keeps_out_gets_nothing_where_the_law_says_so(with_record, doctor, key, settings, prevails):
    settings.BLOCKS_PREVAIL_IN_EMERGENCY = prevails
    Block.objects.create(patient=with_record.patient, reader=Reader.objects.get(user=doctor.user))
    event = say_emergency(with_record.patient, doctor.user, key)
    if prevails:
        assert refused(event, with_record.patient, key) == "kept-shut"
    else:
        assert release(event, with_record.patient, key)
