"""Where and when the demo's clinicians can be booked: the same places, visits and hours each time."""

from datetime import time

from appointments import places, schedules, zones
from appointments.models import Place, VisitType
from appointments.places import Price
from appointments.schedules import Weekly
from ehr import clock
from ehr.demo.cast import Player
from ehr.words import Category
from providers import institutions
from providers.models import Institution

MORNING, AFTERNOON = (time(9), time(12)), (time(13), time(16, 30))
WEEKDAYS = range(5)


def harbour(where: Institution, *, lee: Player, quinn: Player, by: Player) -> None:
    """Open the family practice: two kinds of visit and one by video with Dr Lee, checks with the nurse."""
    house = places.open_place(
        where,
        by=by.user,
        name="Harbour House",
        address="12 Lower Water Street, Halifax, NS B3J 1R7",
        way_in="Main entrance, second floor. The lift is on the left.",
        telephone="902 555 0100",
    )
    first = _offer(where, by, "First visit", 40, about="For who comes for the first time.", price=9000, after=5)
    return_visit = _offer(where, by, "Return visit", 20, about="To go on with what was begun.", price=6000, after=5)
    video = _offer(where, by, "Talk by video", 20, about="For questions and results.", price=5000, mode="video")
    check = _offer(where, by, "Check with a nurse", 15, about="Blood pressure, blood samples, dressings.")
    _schedule(lee, where, house, [first, return_visit], by, [*_every(MORNING), *_every(AFTERNOON, days=(0, 1, 3))])
    _schedule(lee, where, None, [video], by, _every(AFTERNOON, days=(2,)))
    _schedule(quinn, where, house, [check], by, _every((time(8), time(12))))


def hospital(where: Institution, *, novak: Player, by: Player, manager: Player) -> None:
    """Open the hospital's clinic with Dr Novák on two days a week."""
    institutions.appoint_administrator(where, user=by.user, by=manager.user)
    clinic = places.open_place(
        where,
        by=by.user,
        name="City Hospital, Clinic B",
        address="1276 South Park Street, Halifax, NS B3H 2Y9",
        way_in="Entrance B from the garden, ground floor.",
        telephone="902 555 0200",
    )
    needs = [Category.HISTORY, Category.LABS, Category.TREATMENT]
    kind = _offer(where, by, "Specialist visit", 45, about="With a referral.", price=16000, after=15, needs=needs)
    _schedule(novak, where, clinic, [kind], by, _every(MORNING, days=(1, 3)), notice=24 * 60)


def _offer(
    where: Institution,
    by: Player,
    name: str,
    minutes: int,
    *,
    about: str,
    price: int = 0,
    after: int = 0,
    mode: str = VisitType.Mode.PLACE,
    needs: list[Category] | None = None,
) -> VisitType:
    """Return a kind of visit with the demo's policy: half is kept for a late cancellation, all when nobody comes."""
    terms = Price(price, "CAD", late_fee_percent=50 if price else 0, no_show_percent=100 if price else 0)
    return places.offer_visit_type(
        where,
        by=by.user,
        name=name,
        minutes=minutes,
        about=about,
        mode=mode,
        after_minutes=after,
        price=terms,
        needs=needs or [Category.BASIC, Category.HISTORY, Category.TREATMENT],
    )


def _every(hours: tuple[time, time], *, days=WEEKDAYS) -> list[Weekly]:
    return [Weekly(day, *hours) for day in days]


def _schedule(
    player: Player,
    where: Institution,
    place: Place | None,
    kinds: list[VisitType],
    by: Player,
    week: list[Weekly],
    *,
    notice: int = 120,
) -> None:
    made = schedules.open_schedule(
        player.user.clinician, by=by.user, institution=where, place=place, visit_types=kinds, notice_minutes=notice
    )
    schedules.set_hours(made, by=by.user, week=week, since=zones.local_day(clock.now(), made.time_zone))
