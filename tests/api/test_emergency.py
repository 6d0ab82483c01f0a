"""Breaking the glass by /api/v1: the same promise and proof as on the page."""

from django_otp.oath import TOTP

from consent.models import Emergency
from ehr.words import Category
from tests import people
from tests.api.conftest import SECRET, Program, code

REASON = {
    "reason": "unconscious",
    "words": "Found on the street, needs his medicines known.",
    "attested": True,
    "passphrase": people.PASSPHRASE,
}


def shared_once(ana, lee):
    people.give(ana, lee, Category.BASIC)


def next_code():
    """Return a code that was not used yet: that of the next half minute."""
    return f"{TOTP(SECRET, drift=1).token():06d}"


def broken(as_lee, ana, **more):
    return as_lee.post(f"patients/{ana.patient.pk}/emergency", REASON | more)


def test_it_opens_the_whole_record_in_this_session_and_in_no_other(ana, as_lee, lee):
    shared_once(ana, lee)
    answer = broken(as_lee, ana, code=next_code())
    assert answer.status_code == 201, answer.told
    here = Program(answer.told.get("token", as_lee.token))
    parts = here.get(f"patients/{ana.patient.pk}/record").told["parts"]
    assert set(parts.values()) == {"open"}
    assert here.call("DELETE", f"patients/{ana.patient.pk}/emergency").status_code == 204


def test_without_the_promise_nothing_opens(ana, as_lee, lee):
    shared_once(ana, lee)
    answer = broken(as_lee, ana, attested=False, code=next_code())
    assert answer.status_code == 409
    assert not Emergency.objects.exists()


def test_without_the_passphrase_again_nothing_opens(ana, as_lee, lee):
    shared_once(ana, lee)
    answer = broken(as_lee, ana, passphrase="not this one", code=code())
    assert (answer.status_code, answer.told["type"]) == (403, "urn:chartseal:problem:not-proven")
    assert not Emergency.objects.exists()


def test_a_stranger_is_found_first(ana, as_lee):
    assert broken(as_lee, ana).status_code == 404
    found = as_lee.post("emergencies/find", {"name": "Ana Costa", "birth_date": "1984-05-03"})
    assert found.told == {"patient": str(ana.patient.pk)}
    assert broken(as_lee, ana, code=next_code()).status_code == 201


def test_who_has_opened_nothing_ends_nothing(ana, as_lee):
    assert as_lee.call("DELETE", f"patients/{ana.patient.pk}/emergency").status_code == 404
