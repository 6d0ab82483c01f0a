"""When a reader may not be let in any more: reading stops at once, the keys follow, the patients are told."""

from datetime import timedelta

import pytest

from audit import log, sequencer
from audit.models import EventBody
from consent import access
from consent.access import AccessDenied
from consent.models import Ending
from consent.sharing import standing
from consent.tasks import follow_the_log
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from patients.models import Seal
from providers.tasks import recheck_credentials
from tests import people

pytestmark = pytest.mark.django_db


def hear(action, user):
    log.append(action, actor=log.SYSTEM, subject=None, outcome="done", details={"user": str(user.pk)})
    sequencer.sequence()
    return standing.follow()


@pytest.fixture
def shared(with_record, lee):
    return people.give(with_record, lee, Category.LABS)


def test_a_revoked_licence_ends_what_was_shared_and_tells_the_patient(with_record, lee, shared):
    lee.user.clinician.credentials.update(status="revoked")
    hear("credential.revoked", lee.user)
    assert Ending.objects.get(grant=shared).cause == "standing"
    assert not Seal.objects.filter(grant_id=shared.pk).exists()
    assert Notice.objects.filter(user=with_record.user, kind="reader-lost-standing").count() == 1


def test_reading_is_refused_before_the_keys_follow(with_record, lee, shared):
    lee.user.clinician.credentials.update(status="revoked")
    with pytest.raises(AccessDenied):
        access.open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)


def test_a_licence_that_ran_out_tells_the_patient_and_ends_nothing(with_record, lee, shared):
    lee.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    hear("credential.expired", lee.user)
    assert not Ending.objects.exists()
    assert Notice.objects.filter(user=with_record.user, kind="reader-licence-over").count() == 1


def test_somebody_who_still_works_elsewhere_keeps_what_was_shared(lee, shared):
    hear("membership.ended", lee.user)
    assert not Ending.objects.exists()


def test_the_same_news_is_heard_once(with_record, lee, shared):
    lee.user.clinician.credentials.update(status="suspended")
    assert hear("credential.suspended", lee.user) > 0
    assert standing.follow() == 0
    assert Ending.objects.count() == 1


def test_patients_hear_of_a_licence_that_ran_out_though_nobody_did_anything(with_record, lee, shared):
    """J12 (4): the nightly look writes the end on the log, once, and from there the news goes to the patients."""
    lee.user.clinician.credentials.update(expires_at=clock.now() - timedelta(hours=1))
    for _night in range(2):
        recheck_credentials()
    while sequencer.sequence():
        pass
    follow_the_log()
    assert Notice.objects.filter(user=with_record.user, kind="reader-licence-over").count() == 1
    assert sum(b'"credential.expired"' in bytes(one.payload) for one in EventBody.objects.all()) == 1
