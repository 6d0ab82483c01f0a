"""Whatever people do, in whatever order: no minute is anybody's twice, none is lost, and every chain holds."""

import uuid
from datetime import timedelta
from itertools import combinations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from appointments import booking, minutes, waitlist
from appointments.booking import NotFree, NotPossible
from appointments.models import Appointment, Hold, Offer, Waiting
from appointments.rules import FREED, LIVE, OFFER
from ehr import clock
from tests.appointments.at_once import crowd
from tests.appointments.visiting_hours import BEGUN, chains_are_whole, minutes_are_whose_they_should_be, on

# Overlapping starts of one clinician, on two days; each visit keeps ten minutes free after it.
STARTS = [on(day, at) for day in (0, 1) for at in ("09:00", "09:30", "09:40", "10:20", "11:00")]
JUMPS = [
    timedelta(seconds=1), timedelta(minutes=9), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=24),
]  # fmt: skip
PEOPLE = 4
who, starts = st.integers(0, PEOPLE - 1), st.sampled_from(STARTS)


def tried(act, *args, **more):
    """Return what came of an act, or nothing where people are told that it cannot be done."""
    try:
        return multiple(act(*args, **more))
    except (NotPossible, NotFree):
        return multiple()


class Clinic(RuleBasedStateMachine):
    """Four patients, the desk and the clinician around ten starts."""

    world = None  # the clinic, its people and the clock, as the test made them
    holds, visits = Bundle("holds"), Bundle("visits")

    @initialize()
    def begin(self):
        harbour, self.people, self.time = self.world
        self.harbour, self.staff = harbour, [harbour.desk, harbour.lee]
        clock.watch.forget()
        self.time.move_to(BEGUN)
        self.mark = transaction.savepoint()

    def teardown(self):
        transaction.savepoint_rollback(self.mark)

    @rule(target=holds, one=who, at=starts)
    def hold(self, one, at):
        return tried(self.harbour.hold, at, self.people[one])

    @rule(target=holds, visit=visits, at=starts)
    def hold_to_move(self, visit, at):
        person = next(one for one in self.people if one.user.pk == visit.patient.user_id)
        return tried(self.harbour.hold, at, person, besides=visit)

    @rule(target=visits, kept=holds, twice=st.booleans())
    def book(self, kept, twice):
        person = next(one for one in self.people if one.user == kept.by)
        once = uuid.uuid4()
        more = {"patient": person.patient, "by": person.user, "once": once}
        came = tried(booking.book, kept, **more)
        if twice and came.values:
            assert booking.book(kept, **more) == came.values[0]
        return came

    @rule(target=visits, one=who, at=starts)
    def propose(self, one, at):
        return tried(self.harbour.propose, at, self.people[one])

    @rule(target=visits, visit=visits, kept=holds)
    def move(self, visit, kept):
        if kept.by_id != visit.patient.user_id:
            return multiple()
        return tried(booking.move, visit, kept, by=kept.by, once=uuid.uuid4())

    @rule(visit=visits, staff=st.sampled_from([None, 0, 1]))
    def cancel(self, visit, staff):
        tried(booking.cancel, visit, by=visit.patient.user if staff is None else self.staff[staff].user)

    @rule(visit=visits, verb=st.sampled_from(["accept", "arrive", "begin", "fulfil", "no_show", "mistake"]), staff=who)
    def become(self, visit, verb, staff):
        by = visit.patient.user if staff > 1 else self.staff[staff].user
        tried(getattr(booking, verb), visit, by=by)

    @rule(visit=visits, back=st.integers(0, 2))
    def undo(self, visit, back):
        made = list(visit.changes.order_by("-number"))
        tried(booking.undo, made[min(back, len(made) - 1)], by=self.harbour.desk.user, because="wrong-button")

    @rule(one=who, visit=st.none() | visits)
    def wait(self, one, visit):
        person = self.people[one]
        tried(
            waitlist.join, self.harbour.schedule, self.harbour.kind, patient=person.patient, by=person.user,
            first_day=BEGUN.date(), last_day=BEGUN.date() + timedelta(days=3), appointment=visit, once=uuid.uuid4(),
        )  # fmt: skip

    @rule(answer=st.sampled_from([waitlist.take, waitlist.decline]), place=st.integers(0, 3))
    def answer(self, answer, place):
        offers = Offer.objects.select_related("waiting__patient__user").order_by("made_at", "pk")
        if offers := list(offers)[-4:]:
            offer = offers[min(place, len(offers) - 1)]
            tried(answer, offer, by=offer.waiting.patient.user)

    @rule(jump=st.sampled_from(JUMPS), look=st.booleans())
    def time_passes(self, jump, look):
        self.time.shift(jump)
        if look:
            waitlist.move_all_on()

    @invariant()
    def no_minute_is_given_twice_or_lost(self):
        minutes_are_whose_they_should_be()

    @invariant()
    def every_chain_of_changes_holds(self):
        chains_are_whole()

    @invariant()
    def no_two_visits_overlap(self):
        standing = Appointment.objects.exclude(status__in=FREED).select_related("visit_type")
        for one, other in combinations(standing, 2):
            assert not set(minutes.of_visit(one)) & set(minutes.of_visit(other))
            if one.patient_id == other.patient_id and {one.status, other.status} <= LIVE:
                assert one.ends <= other.starts or other.ends <= one.starts

    @invariant()
    def an_offer_is_one_person_s_for_thirty_minutes(self):
        now = clock.now()
        live = [one for one in Offer.objects.filter(outcome="open") if one.lapses_at > now]
        assert all(one.lapses_at - one.made_at == OFFER and one.hold.expires_at == one.lapses_at for one in live)
        assert len({one.starts for one in live}) == len(live)
        assert Hold.objects.filter(by=None, expires_at__gt=now).count() == len(live)
        assert not Waiting.objects.filter(offers__in=live, ended_at__isnull=False).exists()


@pytest.mark.django_db
def test_whatever_people_do_in_whatever_order(harbour, monday):
    harbour.kind.after_minutes = 10
    harbour.kind.save()
    Clinic.world = harbour, crowd(PEOPLE), monday
    run_state_machine_as_test(
        Clinic,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            database=None,
            phases=[Phase.generate],  # shrinking takes minutes; the steps are printed as they were
            suppress_health_check=list(HealthCheck),
        ),
    )
