"""The report a referral is for: from its filing on, the days after it count, with no job running."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from consent.models import Grant, Report
from consent.sharing.referrals import CannotRefer
from ehr.accounts.models import User
from ehr.notices import operations as notices
from patients.models import Patient
from providers.queries import party


def file_report(grant: Grant, *, logical_id: uuid.UUID, by: User) -> Report:
    """Note that an entry which a specialist wrote is the report: the days after it count from now. Twice is once.

    Raises CannotRefer for a permission that waits for no report, or is not theirs.
    """
    if grant.report_days is None or grant.reader.user_id != by.pk:
        raise CannotRefer(_("No report is awaited here."))
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=grant.patient_id)
        made, new = Report.objects.get_or_create(grant=grant, defaults={"logical_id": logical_id})
        if new:
            log.append(
                "report.filed",
                actor=party(by),
                subject=grant.patient_id,
                outcome="done",
                categories=grant.categories,
                grant=grant.pk,
                details={"reader_name": grant.reader.name, "days": grant.report_days},
            )
            if grant.parent is not None and grant.parent.reader.user is not None:
                key = f"report-filed:{grant.pk}"
                notices.notify(grant.parent.reader.user, "report-filed", about=grant.pk, key=key)
        return made
