"""Insurance: asked once, answered or not, never in the way of care; a claim is handed in once and paid once."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from appointments import payments
from appointments.insurance import asking, claims, delivering, policies, steps
from appointments.models import Appointment, Change, Claim, Eligibility, Payer, PayerParcel, Policy, Status, Tariff
from appointments.refusals import NotPossible
from audit.models import Event
from audit.queries import story
from consent.access import own_party
from ehr import clock
from ehr.notices.models import Notice
from tests import people
from tests.appointments import clinics, payer_simulator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("inside")]


@pytest.fixture
def inside(settings):
    settings.DEBUG, settings.HOOK_NETWORKS = True, ["127.0.0.0/8"]


@pytest.fixture
def simulator():
    with payer_simulator.running() as payer:
        yield payer


@pytest.fixture
def ana(db):
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def lakeside(simulator):
    return Payer.objects.create(
        institution=people.institution(),
        name="Lakeside Mutual",
        number="LAKE01",
        our_number="1234567893",
        url=f"{simulator.url}/eligibility",
        claims_url=f"{simulator.url}/claim",
    )


@pytest.fixture
def visit(ana) -> Appointment:
    kind = clinics.visit_type(price=12_000)
    Tariff.objects.create(visit_type=kind, system="http://example.org/tariff", code="V30")
    made = clinics.schedule(people.clinician().user.clinician, kind)
    starts = (clock.now() + timedelta(days=10)).replace(minute=0, second=0, microsecond=0)
    return clinics.booked(made, kind, starts, ana)


def insured(ana, payer, member="ACTIVE-1") -> Policy:
    return policies.keep(ana.patient, payer=payer, member=member, by=ana.user, party=own_party(ana.patient))


def asked(visit) -> Eligibility:
    """Ask, deliver, and return the question as it stands then."""
    question = asking.ask(visit)
    delivering.deliver()
    question.refresh_from_db()
    return question


# --- On file ---------------------------------------------------------------------------------------
def test_a_member_number_is_not_readable_in_the_database(ana, lakeside):
    insured(ana, lakeside, "ACTIVE-4711")
    with connection.cursor() as cursor:
        cursor.execute("select member from appointments_policy")
        assert b"4711" not in bytes(cursor.fetchone()[0])


def test_the_same_card_twice_is_one_policy(ana, lakeside):
    assert insured(ana, lakeside).pk == insured(ana, lakeside, " ACTIVE-1 ").pk


def test_another_card_takes_the_place_of_the_one_before(ana, lakeside):
    old, new = insured(ana, lakeside), insured(ana, lakeside, "ACTIVE-2")
    old.refresh_from_db()
    assert old.ended_at is not None
    assert policies.member_number(new) == "ACTIVE-2"


@pytest.mark.parametrize("member", ["", "   ", "x" * 81])
def test_a_card_has_a_number(ana, lakeside, member):
    with pytest.raises(NotPossible):
        insured(ana, lakeside, member)


# --- Before the visit ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("member", "outcome", "copay"),
    [("ACTIVE-1", "active", 2500), ("INACTIVE-1", "inactive", None), ("ERROR-1", "unknown", None)],
)
@pytest.mark.parametrize("way", ["fhir", "x12"])
def test_each_answer_is_kept_with_its_day(ana, lakeside, simulator, visit, way, member, outcome, copay):
    Payer.objects.filter(pk=lakeside.pk).update(way=way, url=f"{simulator.url}/{way}")
    insured(ana, lakeside, member)
    found = asked(visit)
    assert (found.outcome, found.copay) == (outcome, copay)
    assert found.answered_at is not None


@pytest.mark.parametrize("way", ["fhir", "x12"])
def test_nonsense_leaves_the_question_unanswered_and_is_not_asked_again(ana, lakeside, simulator, visit, way):
    Payer.objects.filter(pk=lakeside.pk).update(way=way, url=f"{simulator.url}/{way}")
    insured(ana, lakeside, "NONSENSE-1")
    assert asked(visit).outcome == "unanswered"
    delivering.deliver()
    assert len(simulator.asked) == 1


def test_a_payer_that_is_down_is_asked_again_later(ana, lakeside, simulator, visit):
    simulator.down = 1
    insured(ana, lakeside)
    question = asked(visit)
    assert question.outcome == "waiting"
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        delivering.deliver()
        question.refresh_from_db()
    assert question.outcome == "active"


@pytest.mark.parametrize("way", ["fhir", "x12"])
def test_a_payer_that_says_not_now_is_asked_again_later(ana, lakeside, simulator, visit, way):
    Payer.objects.filter(pk=lakeside.pk).update(way=way, url=f"{simulator.url}/{way}")
    insured(ana, lakeside, "BUSY-1")
    assert asked(visit).outcome == "waiting"
    assert PayerParcel.objects.get().due_at > clock.now() + timedelta(minutes=10)


def test_a_slow_payer_is_waited_for_only_so_long(ana, lakeside, simulator, visit, monkeypatch):
    monkeypatch.setattr(asking, "SECONDS", 0.2)
    insured(ana, lakeside, "SLOW-1")
    assert asked(visit).outcome == "waiting"


def test_a_question_whose_visit_is_over_is_closed(ana, lakeside, simulator, visit):
    simulator.down = 99
    insured(ana, lakeside)
    question = asked(visit)
    with time_machine.travel(visit.ends + timedelta(hours=1)):
        asking.close_what_nobody_answered()
    question.refresh_from_db()
    assert question.outcome == "unanswered"


@pytest.mark.parametrize("member", ["ACTIVE-1", "INACTIVE-1", "ERROR-1", "NONSENSE-1", "BUSY-1"])
def test_no_answer_changes_the_visit_and_each_has_a_next_step(ana, lakeside, visit, member):
    insured(ana, lakeside, member)
    step = steps.of_check(asked(visit))
    visit.refresh_from_db()
    assert visit.status == Status.BOOKED
    assert step.said
    assert step.patient
    assert step.desk


def test_one_question_at_a_time(ana, lakeside, visit):
    insured(ana, lakeside)
    assert asking.ask(visit).pk == asking.ask(visit).pk


def test_who_pays_themselves_is_asked_about_nowhere(ana, lakeside, simulator, visit):
    insured(ana, lakeside)
    Appointment.objects.filter(pk=visit.pk).update(self_pay=True)
    assert asking.ask(visit) is None
    assert asking.ask_for_what_is_booked() == 0
    assert simulator.asked == []


def test_who_decides_to_pay_themselves_after_the_question_was_written_is_not_asked_about(
    ana, lakeside, simulator, visit
):
    insured(ana, lakeside)
    asking.ask(visit)
    Appointment.objects.filter(pk=visit.pk).update(self_pay=True)
    delivering.deliver()
    assert simulator.asked == []


def test_a_cancelled_visit_is_asked_about_no_more(ana, lakeside, simulator, visit):
    insured(ana, lakeside)
    asking.ask(visit)
    Appointment.objects.filter(pk=visit.pk).update(status=Status.CANCELLED)
    delivering.deliver()
    assert simulator.asked == []


def test_a_policy_with_a_payer_of_another_institution_is_not_asked_about(ana, lakeside, simulator, visit):
    Payer.objects.filter(pk=lakeside.pk).update(institution=people.institution("Elsewhere Clinic"))
    insured(ana, lakeside)
    assert asking.ask_for_what_is_booked() == 0


def test_what_is_booked_is_asked_about_by_itself_and_again_shortly_before(ana, lakeside, visit):
    insured(ana, lakeside)
    assert (asking.ask_for_what_is_booked(), asking.ask_for_what_is_booked()) == (1, 0)
    delivering.deliver()
    with time_machine.travel(visit.starts - timedelta(days=2)):
        assert (asking.ask_for_what_is_booked(), asking.ask_for_what_is_booked()) == (1, 0)


def test_the_question_is_on_the_patients_list_before_it_leaves(ana, lakeside, simulator, visit):
    insured(ana, lakeside)
    asking.ask(visit)
    assert simulator.asked == []
    assert "insurance.asked" in [line.action for line in story(ana.patient.pk, limit=9)]


def test_the_payer_hears_a_name_a_number_and_a_day_and_nothing_else(ana, lakeside, simulator, visit):
    insured(ana, lakeside)
    asked(visit)
    [(_path, _headers, body)] = simulator.asked
    told = body.decode()
    assert "Ana Costa" in told
    assert visit.visit_type.name not in told
    assert ana.user.email not in told


def test_a_token_of_the_payers_goes_with_the_question_and_is_not_readable_at_rest(ana, lakeside, simulator, visit):
    asking.put_token(lakeside, "s3cret-bearer")
    lakeside.save()
    insured(ana, lakeside)
    asked(visit)
    assert simulator.asked[0][1]["Authorization"] == "Bearer s3cret-bearer"
    assert b"s3cret" not in bytes(Payer.objects.get().token)


def test_two_workers_keep_one_answer(ana, lakeside, visit):
    insured(ana, lakeside)
    question = asking.ask(visit)
    parcel = PayerParcel.objects.get()
    asking.send(parcel)
    asking.send(parcel)
    assert Event.objects.filter(body__payload__contains="insurance.answered").count() <= 1
    question.refresh_from_db()
    assert question.outcome == "active"


# --- After the visit -------------------------------------------------------------------------------
def done(visit, *, ago=timedelta(hours=25)) -> None:
    """Let a visit be over and done since a while."""
    at = clock.now() - ago
    Appointment.objects.filter(pk=visit.pk).update(
        status=Status.FULFILLED, starts=at - timedelta(hours=1), ends=at - timedelta(minutes=30)
    )
    Change.objects.create(appointment=visit, number=1, before=Status.ARRIVED, after=Status.FULFILLED, at=at)
    Change.objects.filter(appointment=visit).update(at=at)


@pytest.mark.parametrize(
    ("member", "state", "paid"), [("ACTIVE-1", "paid", 12_000), ("PARTLY-1", "partly", 9_000), ("ERROR-1", "denied", 0)]
)
def test_a_visit_that_is_done_is_claimed_once_and_the_answer_is_kept(ana, lakeside, visit, member, state, paid):
    insured(ana, lakeside, member)
    done(visit)
    assert (claims.claim_what_is_done(), claims.claim_what_is_done()) == (1, 0)
    delivering.deliver()
    claim = Claim.objects.get()
    assert (claim.state, claim.paid) == (state, paid)
    assert steps.of_claim(claim)


@pytest.mark.parametrize(("member", "left"), [("ACTIVE-1", 0), ("PARTLY-1", 3_000), ("ERROR-1", 12_000)])
def test_what_the_payer_paid_comes_off_the_bill(ana, lakeside, visit, member, left):
    insured(ana, lakeside, member)
    payments.open_invoice(visit)
    done(visit)
    claims.claim_what_is_done()
    delivering.deliver()
    assert payments.check(payments.invoice_of(visit)).to_pay == left


def test_the_patient_is_told_that_the_payer_decided(ana, lakeside, visit):
    insured(ana, lakeside)
    done(visit)
    claims.claim_what_is_done()
    delivering.deliver()
    assert Notice.objects.filter(user=ana.user, kind="insurance-decided").count() == 1


def test_nothing_is_claimed_while_the_visit_can_still_be_called_back(ana, lakeside, visit):
    insured(ana, lakeside)
    done(visit, ago=timedelta(hours=23))
    assert claims.claim_what_is_done() == 0


def test_who_pays_themselves_has_no_claim(ana, lakeside, visit):
    insured(ana, lakeside)
    done(visit)
    Appointment.objects.filter(pk=visit.pk).update(self_pay=True)
    assert claims.claim_what_is_done() == 0
    assert claims.claim(visit) is None


def test_without_a_tariff_or_an_address_nothing_is_claimed(ana, lakeside, visit):
    insured(ana, lakeside)
    done(visit)
    Payer.objects.update(claims_url="")
    assert (claims.claim_what_is_done(), claims.claim(visit)) == (0, None)
    Payer.objects.update(claims_url="http://127.0.0.1:1/claim")
    Tariff.objects.all().delete()
    assert (claims.claim_what_is_done(), claims.claim(visit)) == (0, None)


def test_a_claim_answered_with_nonsense_is_for_somebody_to_call_about(ana, lakeside, simulator, visit):
    insured(ana, lakeside, "NONSENSE-1")
    done(visit)
    claims.claim_what_is_done()
    delivering.deliver()
    assert Claim.objects.get().state == "failed"


def test_the_same_visit_claimed_again_is_the_same_claim(ana, lakeside, visit):
    insured(ana, lakeside)
    done(visit)
    assert claims.claim(visit).pk == claims.claim(visit).pk
