"""Reading for a study, in its worker, within a run: decided anew for each person, and on the list of each."""

from consent.access.reading import Chart, ends_of, unlock, within
from consent.judging import Presence, judge
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Patient


def open_for_study(
    patient: Patient, *, reader: Reader, keyring: OpenKeyring | None, presence: Presence, study: str
) -> Chart:
    """Return what a study may read of a record now, or raise AccessDenied; the log holds the attempt either way.

    `reader` is the study's, `keyring` what the keyholder let go for the run in `presence`, `study` its id. The line is
    committed before a key is used, so call it outside a transaction. Only entries as they stand now are opened.
    """
    purpose, parts = Purpose.HRESCH, tuple(Category)
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=parts, presence=presence)
    told = {"reader": str(reader.pk), "reader_name": reader.name, "study": study, "run": str(presence.run or "")}
    own = keyring if accounts.is_of(keyring, reader) else None
    boxes, bundles = unlock(
        verdict, own, presence, purpose=purpose, action="research.read", via=told, refused="research.refused"
    )
    entries = vault.read(patient, boxes, bundles)
    return Chart(
        patient=patient,
        entries=[entry for entry in entries if within(verdict, entry)],
        categories=tuple(part for part in parts if part in boxes),
        opened_at=clock.now(),
        purpose=purpose,
        grants=tuple(verdict.used),
        ends=ends_of(verdict),
    )
