"""The keys of a study, in a worker, for one run that the committee approved. Researchers never have them.

A worker calls `keys_for` once, outside a transaction, and hands what it gets to the door with each patient:

    keyring = running.keys_for(run)
    presence = Presence(run=run.pk)
    for one in queries.participants(run.study):
        consent.access.open_for_study(one.patient, reader=run.study.reader, keyring=keyring, presence=presence)

The keyring stays in that process, in memory, and is gone with it.
"""

from django.utils.translation import gettext as _

from audit import log
from consent import escrow
from consent.keyholder.studies import OPENED_BY
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader
from providers.rules import NotPossible
from research.models import Run, Study
from research.studies.deciding import approved
from research.studies.proposing import intact


def party(study: Study) -> log.Party:
    """Return a study as the log writes it down, where it reads."""
    return log.Party("app", study.reader_id, study.title, "study", study.institution.name)


def keys_for(run: Run, *, because: str = "snapshot") -> OpenKeyring:
    """Return a study's open keyring for an approved run, against a line committed before the keyholder lets it go.

    Raises NotPossible for a study that is not open or was changed since it was approved, or a run whose time is over;
    `escrow.NotReleased` where the keyholder sees no approval, and `escrow.KeyholderAway`. Call it outside a
    transaction, in the process that reads: what it returns leaves none.
    """
    study = Study.objects.select_related("reader", "institution", "ethics").get(pk=run.study_id)
    if not study.is_open or study.reader is None or not intact(study):
        raise NotPossible(_("This study is not open, so nothing is read for it."))
    if run.until <= clock.now():
        raise NotPossible(_("The time of this run is over. A member of the committee can let another one read."))
    reader: Reader = study.reader
    details = {
        "reader": str(reader.pk),
        "run": str(run.pk),
        "approval": str(run.event_id),
        "study": str(study.pk),
        "terms": bytes(study.terms or b"").hex(),
    }

    def record(to: str):
        return log.record(OPENED_BY, actor=party(study), subject=None, because=because, details=details | {"to": to})

    return escrow.study_released(accounts.present_version(reader), approved(study), run.event_id, record=record)
