"""Visits by /api/v1: find, keep, book, move, call off; each once, each one's own."""

import uuid
from datetime import datetime, timedelta

import pytest
import time_machine

from appointments import booking
from appointments.booking.reasons import opens
from appointments.models import Appointment, Hold
from audit import queries as log
from consent.access import open_own
from ehr import clock
from ehr.api.visits import REASONS
from tests.api.conftest import signed_in
from tests.appointments.visiting_hours import clinic, minutes_are_whose_they_should_be


@pytest.fixture
def harbour(ground):
    return clinic(late_fee_percent=50)


@pytest.fixture
def where(harbour):
    return f"schedules/{harbour.schedule.pk}/kinds/{harbour.kind.pk}"


def free(program, where, days=14):
    """Return times that are free, a week from now on: notice and cut-off are far away."""
    first = (clock.now() + timedelta(days=7)).date().isoformat()
    return program.get(f"{where}/times?first={first}&days={days}").told["items"]


def keep(program, where, number=0, *, once=None, **more):
    headers = {"Idempotency_Key": str(once)} if once else {}
    return program.post(f"{where}/holds", {"starts": free(program, where)[number]["starts"]} | more, **headers)


def book(program, where, number=0, **more):
    return program.post("appointments", {"hold": keep(program, where, number).told["id"]} | more)


# --- Finding -------------------------------------------------------------------------------------
def test_a_patient_finds_keeps_and_books(as_ana, ana, harbour):
    found = as_ana.get("schedules?words=Lee").told["items"]
    assert [(one["id"], one["clinician"]["name"]) for one in found] == [(str(harbour.schedule.pk), "Dr Mei Lee")]
    kind = found[0]["kinds"][0]
    assert (kind["price"], kind["currency"], kind["policy"]["late_fee_percent"]) == (8000, "USD", 50)
    where = f"schedules/{found[0]['id']}/kinds/{kind['id']}"
    kept = keep(as_ana, where)
    assert (kept.status_code, kept.told["price"]) == (201, 8000)
    made = as_ana.post("appointments", {"hold": kept.told["id"]})
    assert (made.status_code, made.told["status"], made.told["starts"]) == (201, "booked", kept.told["starts"])
    assert Appointment.objects.get().patient == ana.patient
    assert "appointment.booked" in [line.action for line in log.story(ana.patient.pk)]
    minutes_are_whose_they_should_be()


def test_nobody_is_found_under_other_words(as_ana, harbour):
    assert as_ana.get("schedules?words=Nobody").told == {"total": 0, "items": []}


def test_days_are_asked_for_by_the_month_at_most(as_ana, where):
    assert as_ana.get(f"{where}/times?days=31").status_code == 200
    assert as_ana.get(f"{where}/times?days=32").status_code == 400
    assert as_ana.get(f"{where}/times?first=9999-12-31").status_code == 400


def test_pages_of_days_follow_each_other(as_ana, where):
    first = as_ana.get(f"{where}/times?days=3").told
    second = as_ana.get(f"{where}/times?days=3&first={first['after']}").told
    assert first["time_zone"] == "America/Toronto"
    assert max(one["day"] for one in first["items"]) < min(one["day"] for one in second["items"])


def test_a_kind_that_is_not_offered_there_is_not_here(as_ana, harbour):
    assert as_ana.get(f"schedules/{harbour.schedule.pk}/kinds/{uuid.uuid4()}/times").status_code == 404


# --- Keeping -------------------------------------------------------------------------------------
def test_the_same_time_kept_twice_under_one_key_is_kept_once(as_ana, where):
    once = uuid.uuid4()
    first, second = (keep(as_ana, where, once=once) for _ in range(2))
    assert first.told == second.told
    assert Hold.objects.count() == 1


def test_a_key_that_somebody_else_uses_tells_nothing(as_ana, ben, where):
    once = uuid.uuid4()
    mine, theirs = keep(as_ana, where, once=once), keep(signed_in(ben), where, once=once)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert Hold.objects.count() == 2


def test_a_key_can_be_sent_again_when_its_ten_minutes_are_over(as_ana, where):
    once = uuid.uuid4()
    starts = free(as_ana, where)[0]["starts"]
    assert keep(as_ana, where, once=once).told["starts"] == starts
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        again = as_ana.post(f"{where}/holds", {"starts": free(as_ana, where)[1]["starts"]}, Idempotency_Key=str(once))
    assert again.status_code == 201
    assert Hold.objects.count() == 1


def test_under_the_key_of_what_is_booked_no_other_time_is_kept(as_ana, where):
    once = uuid.uuid4()
    as_ana.post("appointments", {"hold": keep(as_ana, where, once=once).told["id"]})
    answer = keep(as_ana, where, 3, once=once)
    assert (answer.status_code, answer.told["type"]) == (409, "urn:chartseal:problem:booked-already")


def test_a_time_that_is_gone_is_a_409_with_the_next_ones(as_ana, ben, where):
    starts = keep(signed_in(ben), where).told["starts"]
    answer = as_ana.post(f"{where}/holds", {"starts": starts})
    assert (answer.status_code, answer.told["type"]) == (409, "urn:chartseal:problem:not-free")
    instead = [one["starts"] for one in answer.told["instead"]]
    assert instead
    assert starts not in instead
    assert as_ana.post(f"{where}/holds", {"starts": instead[0]}).status_code == 201


@pytest.mark.parametrize("starts", ["2020-01-01T00:00:00Z", "9999-12-31T23:55:00Z", "tomorrow", ""])
def test_a_time_that_nobody_offers_is_refused(as_ana, where, starts):
    assert as_ana.post(f"{where}/holds", {"starts": starts}).status_code == 400


def test_what_one_lets_go_of_is_gone(as_ana, where):
    kept = keep(as_ana, where).told["id"]
    assert as_ana.get(f"holds/{kept}").told["id"] == kept
    assert as_ana.call("DELETE", f"holds/{kept}").status_code == 204
    assert as_ana.post("appointments", {"hold": kept}).status_code == 404
    assert not Hold.objects.exists()


# --- Booking -------------------------------------------------------------------------------------
def test_the_same_booking_sent_twice_is_one(as_ana, where):
    kept = keep(as_ana, where).told["id"]
    first, second = (as_ana.post("appointments", {"hold": kept}) for _ in range(2))
    assert (first.status_code, first.told) == (second.status_code, second.told)
    assert Appointment.objects.count() == 1


def test_a_hold_that_is_over_is_a_409_with_the_next_ones(as_ana, where):
    kept = keep(as_ana, where).told["id"]
    with time_machine.travel(clock.now() + timedelta(minutes=11)):
        answer = as_ana.post("appointments", {"hold": kept})
    assert (answer.status_code, answer.told["type"]) == (409, "urn:chartseal:problem:hold-over")
    assert answer.told["instead"]


def test_price_policy_and_cut_off_are_told(as_ana, ana, where):
    told = book(as_ana, where).told
    starts = datetime.fromisoformat(told["starts"])
    assert datetime.fromisoformat(told["free_until"]) == starts - timedelta(hours=24)
    assert (told["price"], told["cancelling_costs"]) == (8000, 0)
    with time_machine.travel(starts - timedelta(hours=23)):
        assert signed_in(ana).get(f"appointments/{told['id']}").told["cancelling_costs"] == 4000


def test_why_one_comes_is_sealed_and_in_no_answer(as_ana, ana, where):
    answer = book(as_ana, where, words="A lump that I am afraid of")
    assert answer.status_code == 201
    assert "lump" not in answer.content.decode()
    visit = Appointment.objects.get()
    entries = {one.logical_id: one.resource for one in open_own(ana.patient, keyring=ana.keyring).entries}
    assert opens(visit, entries[visit.reason])


def test_with_locked_keys_one_books_and_says_nothing(as_ana, where):
    kept = keep(as_ana, where).told["id"]
    as_ana.token = as_ana.token.rpartition(".")[0] + "."
    assert as_ana.post("appointments", {"hold": kept, "words": "Pain"}).status_code == 423
    assert not Appointment.objects.exists()
    assert as_ana.post("appointments", {"hold": kept}).status_code == 201


def test_a_referral_that_is_not_theirs_is_refused(as_ana, where):
    answer = book(as_ana, where, referral=str(uuid.uuid4()))
    assert (answer.status_code, list(answer.told["errors"])) == (400, ["referral"])


def test_another_visit_at_the_same_time_is_refused(as_ana, where):
    book(as_ana, where)
    other = clinic("Wu Jin")
    elsewhere = f"schedules/{other.schedule.pk}/kinds/{other.kind.pk}"
    answer = book(as_ana, elsewhere)
    assert (answer.status_code, answer.told["type"]) == (409, "urn:chartseal:problem:another-visit")
    assert answer.told["instead"]


# --- Moving and calling off ----------------------------------------------------------------------
def test_a_visit_is_moved_once(as_ana, where):
    old = book(as_ana, where).told["id"]
    kept = keep(as_ana, where, 3, appointment=old).told
    first, second = (as_ana.post(f"appointments/{old}/move", {"hold": kept["id"]}) for _ in range(2))
    assert (first.status_code, first.told) == (201, second.told)
    assert (first.told["starts"], first.told["moved_from"]) == (kept["starts"], old)
    assert as_ana.get(f"appointments/{old}").told["status"] == "cancelled"
    minutes_are_whose_they_should_be()


def test_what_was_booked_with_a_hold_is_not_moved_by_it(as_ana, where):
    kept = keep(as_ana, where).told["id"]
    other = book(as_ana, where, 3).told["id"]
    as_ana.post("appointments", {"hold": kept})
    assert as_ana.post(f"appointments/{other}/move", {"hold": kept}).status_code == 404
    assert as_ana.get(f"appointments/{other}").told["status"] == "booked"


def test_a_visit_is_called_off_once(as_ana, ana, where):
    visit = book(as_ana, where).told["id"]
    answers = [as_ana.post(f"appointments/{visit}/cancel", {"because": "not-needed"}) for _ in range(2)]
    assert [(one.status_code, one.told["status"]) for one in answers] == [(200, "cancelled")] * 2
    assert answers[0].told["cancelling_costs"] is None
    assert [line.action for line in log.story(ana.patient.pk)].count("appointment.cancelled") == 1


def test_a_reason_in_words_is_no_code(as_ana, where):
    visit = book(as_ana, where).told["id"]
    assert as_ana.post(f"appointments/{visit}/cancel", {"because": "my back"}).status_code == 400


def test_the_lists_hold_what_is_ahead_and_what_was(as_ana, where):
    kept, gone = (book(as_ana, where, number).told["id"] for number in (0, 3))
    as_ana.post(f"appointments/{gone}/cancel")
    assert [one["id"] for one in as_ana.get("appointments").told["items"]] == [kept]
    assert [one["id"] for one in as_ana.get("appointments?when=past").told["items"]] == [gone]


def test_a_time_that_was_proposed_is_agreed_to_by_its_patient_alone(as_ana, ana, ben, harbour, where):
    starts = datetime.fromisoformat(free(as_ana, where)[0]["starts"])
    visit = harbour.propose(starts, ana)
    told = as_ana.get(f"appointments/{visit.pk}").told
    assert (told["status"], told["cancelling_costs"]) == ("proposed", 0)
    assert signed_in(ben).post(f"appointments/{visit.pk}/accept").status_code == 404
    answer = as_ana.post(f"appointments/{visit.pk}/accept")
    assert (answer.status_code, answer.told["status"]) == (200, "booked")


# --- Strangers -----------------------------------------------------------------------------------
def test_a_stranger_s_visit_and_hold_are_not_there(as_ana, ben, harbour, where):
    other = signed_in(ben)
    visit = book(other, where).told["id"]
    kept = keep(other, where, 3).told["id"]
    own = book(as_ana, where, 6).told["id"]
    nothing = str(uuid.uuid4())
    for named in (visit, nothing):
        answers = [
            as_ana.get(f"appointments/{named}"),
            as_ana.post(f"appointments/{named}/move", {"hold": nothing}),
            as_ana.post(f"appointments/{named}/cancel"),
            as_ana.post(f"{where}/holds", {"starts": free(as_ana, where)[0]["starts"], "appointment": named}),
        ]
        assert [one.status_code for one in answers] == [404] * 4
    for named in (kept, visit, nothing):
        answers = [
            as_ana.get(f"holds/{named}"),
            as_ana.call("DELETE", f"holds/{named}"),
            as_ana.post("appointments", {"hold": named}),
            as_ana.post(f"appointments/{own}/move", {"hold": named}),
        ]
        assert [one.status_code for one in answers] == [404] * 4
    assert Hold.objects.get().pk == uuid.UUID(kept)


def test_clinicians_and_strangers_book_nothing(as_lee, nobody, where):
    for address in ("schedules", f"{where}/times", "appointments"):
        assert as_lee.get(address).status_code == 404
        assert nobody.get(address).status_code == 401


def test_what_patients_may_say_is_what_booking_knows():
    assert set(REASONS) <= set(booking.REASONS)
