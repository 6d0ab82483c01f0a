"""An acknowledgement comes after the commit, or does not come; two of one message at once are one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection

from ehr.intake import storing
from ehr.intake.hl7v2 import acks, er7, receiving
from ehr.intake.models import Broken, Taken
from ehr.intake.refusals import Raced
from patients.models import Entry, Patient

from .hl7v2.conftest import sending, worker
from .hl7v2.vectors import GLUCOSE, ORU, PID, message, msh, oru

__all__ = ["sending", "worker"]


@pytest.mark.django_db(transaction=True)
def test_the_acknowledgement_is_made_once_everything_is_committed(sending, monkeypatch):
    seen = []
    written = acks.acknowledgement

    def watched(*args, **more):
        seen.append((connection.in_atomic_block, Entry.objects.count() > 0))
        return written(*args, **more)

    monkeypatch.setattr(acks, "acknowledgement", watched)
    assert sending.post(ORU).status_code == 200
    assert seen == [(False, True)]


@pytest.mark.django_db
def test_what_fails_at_the_last_moment_is_not_acknowledged_and_comes_again(sending, monkeypatch):
    def broken(*args, **more):
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Taken, "save", broken)
        patched.setattr(storing, "_remember_when", broken)
        response = sending.post(ORU)
        assert (response.status_code, er7.parse(response.content).only("MSA").text(1)) == (503, "AR")
        assert b"disk" not in response.content
    assert Entry.objects.count() == Patient.objects.count() == Taken.objects.count() == Broken.objects.count() == 0
    assert sending.post(ORU).status_code == 200


@pytest.mark.django_db
def test_an_acknowledgement_that_was_lost_is_given_again(sending):
    first, second = sending.post(ORU), sending.post(ORU)
    assert [er7.parse(one.content).only("MSA").text(1) for one in (first, second)] == ["AA", "AA"]
    assert Taken.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("control", ["4711", "4712"])
def test_two_at_once_are_one(sending, control):
    """The same message on two connections, and the same result under two numbers: one of each entry either way."""
    sending.post(oru(GLUCOSE.replace("2345-7", "2823-3"), control="1", obr="OBR|1||X-1|K^K^L"))
    before = Entry.objects.count()

    def send(content: bytes) -> str:
        try:
            return receiving.receive(content, sending.feed).code
        finally:
            connection.close()

    sent = [ORU, ORU.replace(b"|4711|", b"|" + control.encode() + b"|")]
    with ThreadPoolExecutor(2) as pool:
        codes = set(pool.map(send, sent))
    assert codes == {"AA"}
    # Report, two results, and the Provenance.
    assert Entry.objects.count() == before + 4


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_messages_about_somebody_new_begin_one_record(sending):
    def send(content: bytes) -> str:
        try:
            return receiving.receive(content, sending.feed).code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        codes = set(pool.map(send, [oru(GLUCOSE, control="1"), message(msh("ADT^A28", "2"), PID)]))
    assert (codes, Patient.objects.count()) == ({"AA"}, 1)


@pytest.mark.django_db
def test_who_came_second_tries_again_and_finds_the_record_begun(sending, monkeypatch):
    tried = []
    once = storing._once

    def raced(*args, **more):
        tried.append(1)
        if len(tried) == 1:
            raise Raced("somebody was first")
        return once(*args, **more)

    monkeypatch.setattr(storing, "_once", raced)
    assert (sending.post(ORU).status_code, len(tried)) == (200, 2)
