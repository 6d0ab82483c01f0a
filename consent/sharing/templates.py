"""Common situations: what is usually shared in each. They fill a form, nothing more; the patient signs a sentence.

The server's, not the patient's: whoever edits them decides what is offered first, so each change is on the log, and
sensitive parts are never among what is offered.
"""

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent.models import GrantTemplate
from ehr import clock
from ehr.accounts.models import User
from ehr.words import SENSITIVE, Action, Category, Purpose
from providers.queries import party
from providers.rules import NotPossible

MOST_DAYS = 366
PERMISSION = "consent.change_granttemplate"


def offered() -> QuerySet[GrantTemplate]:
    """Return the situations that patients may begin with, in the order in which they are listed."""
    return GrantTemplate.objects.filter(active=True)


def one(template_id) -> GrantTemplate | None:
    """Return one of the situations on offer, or None."""
    return offered().filter(pk=template_id).first()


def add(*, by: User, name: str, **facts) -> GrantTemplate:
    """Make a new situation. Raises NotPossible, as `change` does."""
    return _store(GrantTemplate(), by=by, name=name, **facts)


def change(
    template: GrantTemplate,
    *,
    by: User,
    name: str,
    description: str,
    categories: Iterable[str],
    write: bool,
    days: int,
    place: int,
    active: bool,
) -> GrantTemplate:
    """Change what is offered from now on. What patients have signed before stays as it is. Raises NotPossible."""
    with transaction.atomic():
        template = GrantTemplate.objects.select_for_update().get(pk=template.pk)
        facts = {"description": description, "categories": categories, "write": write, "days": days}
        return _store(template, by=by, name=name, place=place, active=active, **facts)


def _store(
    template: GrantTemplate,
    *,
    by: User,
    name: str,
    description: str,
    categories: Iterable[str],
    write: bool,
    days: int,
    place: int,
    active: bool = True,
) -> GrantTemplate:
    chosen = [str(part) for part in Category if part in set(categories)]
    if problem := _problem(by, name, chosen, days):
        raise NotPossible(problem)
    template.name, template.description = name.strip(), description.strip()
    template.categories = chosen
    template.actions = [str(Action.READ), *([str(Action.WRITE)] if write else [])]
    template.purpose = template.purpose or str(Purpose.TREAT)
    template.days, template.place, template.active = days, place, active
    template.changed_at = clock.now()
    try:
        with transaction.atomic():
            template.save()
            log.append(
                "template.changed",
                actor=party(by),
                subject=None,
                outcome="done",
                categories=chosen,
                purpose=template.purpose,
                details={
                    "template": template.pk,
                    "name": template.name,
                    "actions": template.actions,
                    "days": days,
                    "active": active,
                },
            )
    except IntegrityError as twice:
        raise NotPossible(_("Another situation has this name already. Choose another name.")) from twice
    return template


def _problem(by: User, name: str, chosen: list[str], days: int) -> str:
    if not (by.is_active and by.has_perm(PERMISSION)):
        return _("Your desk role does not include this.")
    if not name.strip():
        return _("Give the situation a name.")
    if not chosen:
        return _("Choose at least one part.")
    if SENSITIVE & set(chosen):
        return _("Sensitive parts are never offered. Patients choose them by hand, each on its own.")
    if not 1 <= days <= MOST_DAYS:
        return _("Choose between one day and one year.")
    return ""
