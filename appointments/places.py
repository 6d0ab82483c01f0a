"""What an institution offers: its places, its kinds of visit, and what these cost. Its administrators alone decide it.

A booking keeps the price and the policy it was made by, so a change concerns only what is booked after it. How long a
visit lasts is never changed: another kind of visit takes its place.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Appointment, Place, Schedule, VisitType
from appointments.models.availability import STEP_MINUTES
from appointments.rules import LIVE
from appointments.told import StillBooked, told
from audit import log
from ehr import clock
from ehr.accounts.models import User
from ehr.words import Category
from providers import queries
from providers.models import Institution
from providers.rules import NotPossible

LONGEST_MINUTES = 12 * 60


@dataclass(frozen=True)
class Price:
    """What a visit costs, in the currency's smallest unit, and how much of it is kept when somebody does not come."""

    price: int = 0
    currency: str = "USD"
    free_cancel_hours: int = 24
    late_fee_percent: int = 0
    no_show_percent: int = 0


def must_administer(by: User, institution: Institution) -> None:
    """Raise NotPossible for whoever does not administer an institution."""
    if not by.is_active or not queries.administered_by(by).filter(pk=institution.pk).exists():
        raise NotPossible(_("Only the institution's administrators arrange its places and hours."))


def note(action: str, institution: Institution, *, by: User, **details: object) -> None:
    """Write a change of what an institution offers to the log: ids, never what a visit is for."""
    log.append(
        action,
        actor=queries.party(by),
        subject=None,
        outcome="done",
        details={"institution": str(institution.pk), **details},
    )


def open_place(
    institution: Institution,
    *,
    by: User,
    name: str,
    address: str,
    time_zone: str = "",
    way_in: str = "",
    telephone: str = "",
) -> Place:
    """Return a new place, in the institution's own zone if none is given. Raises NotPossible and ValidationError."""
    must_administer(by, institution)
    place = Place(
        institution=institution,
        name=name.strip(),
        address=address.strip(),
        time_zone=time_zone or institution.time_zone,
        way_in=way_in.strip(),
        telephone=telephone.strip(),
    )
    place.full_clean()
    with transaction.atomic():
        place.save(force_insert=True)
        note("institution.place-opened", institution, by=by, place=str(place.pk))
    return place


def change_place(place: Place, *, by: User, address: str, way_in: str = "", telephone: str = "") -> Place:
    """Put a place's address right, as patients read it, also for visits that are booked. Its zone never changes."""
    must_administer(by, place.institution)
    place.address, place.way_in, place.telephone = address.strip(), way_in.strip(), telephone.strip()
    place.full_clean()
    with transaction.atomic():
        place.save(update_fields=["address", "way_in", "telephone"])
        note("institution.place-changed", place.institution, by=by, place=str(place.pk))
    return place


def close_place(place: Place, *, by: User) -> Place:
    """Close a place for good, and retire its schedules. Raises StillBooked while visits there lie ahead."""
    must_administer(by, place.institution)
    at = clock.now()
    with transaction.atomic():
        place = Place.objects.select_for_update().get(pk=place.pk)
        if place.closed_at is not None:
            raise NotPossible(_("This place is closed already."))
        if visits := list(Appointment.objects.filter(place=place, status__in=LIVE, ends__gt=at)):
            raise StillBooked(told(visits), visits)
        place.closed_at = at
        place.save(update_fields=["closed_at"])
        Schedule.objects.filter(place=place, retired_at__isnull=True).update(retired_at=at)
        note("institution.place-closed", place.institution, by=by, place=str(place.pk))
    return place


def offer_visit_type(
    institution: Institution,
    *,
    by: User,
    name: str,
    minutes: int,
    about: str = "",
    mode: str = VisitType.Mode.PLACE,
    before_minutes: int = 0,
    after_minutes: int = 0,
    price: Price | None = None,
    needs: Collection[str] = (),
) -> VisitType:
    """Return a new kind of visit. `needs` are the parts of a record that such a visit asks the patient for.

    Raises NotPossible and ValidationError.
    """
    must_administer(by, institution)
    if any(one % STEP_MINUTES for one in (minutes, before_minutes, after_minutes)):
        raise NotPossible(_("Give minutes in steps of five, such as 25 or 30."))
    if minutes + before_minutes + after_minutes > LONGEST_MINUTES:
        raise NotPossible(_("A visit with its minutes kept free lasts twelve hours at most."))
    kind = VisitType(
        institution=institution,
        name=name.strip(),
        minutes=minutes,
        about=about.strip(),
        mode=mode,
        before_minutes=before_minutes,
        after_minutes=after_minutes,
    )
    _set_terms(kind, price or Price(), needs)
    with transaction.atomic():
        kind.save(force_insert=True)
        note("institution.visit-type-offered", institution, by=by, visit_type=str(kind.pk))
    return kind


def change_visit_type(kind: VisitType, *, by: User, about: str, price: Price, needs: Collection[str]) -> VisitType:
    """Change what a kind of visit says, costs and needs, for those who book from now on."""
    must_administer(by, kind.institution)
    kind.about = about.strip()
    _set_terms(kind, price, needs)
    with transaction.atomic():
        kind.save(update_fields=["about", "needs", *vars(price)])
        note("institution.visit-type-changed", kind.institution, by=by, visit_type=str(kind.pk))
    return kind


def _set_terms(kind: VisitType, price: Price, needs: Collection[str]) -> None:
    if not (len(price.currency) == 3 and price.currency.isascii() and price.currency.isupper()):
        raise NotPossible(_("Give the currency by its three letters, such as CAD or USD."))
    if set(needs) - set(Category):
        raise NotPossible(_("Choose among the six parts of a record."))
    for name, value in vars(price).items():
        setattr(kind, name, value)
    kind.needs = sorted(set(needs))
    kind.full_clean()


def retire_visit_type(kind: VisitType, *, by: User) -> VisitType:
    """Offer a kind of visit no longer. What is booked stays booked."""
    must_administer(by, kind.institution)
    with transaction.atomic():
        gone = VisitType.objects.filter(pk=kind.pk, retired_at__isnull=True).update(retired_at=clock.now())
        if not gone:
            raise NotPossible(_("This kind of visit is no longer offered."))
        note("institution.visit-type-retired", kind.institution, by=by, visit_type=str(kind.pk))
    kind.refresh_from_db()
    return kind
