"""What a recipient does about what was asked back: reads which rows, destroys them, and signs that they are."""

import json
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import User
from ehr.crypto import signing
from ehr.crypto.digests import joined
from providers.rules import NotPossible
from research.leaving.telling import info
from research.models import Recall, Study
from research.studies.proposing import log_people, log_study, party
from research.words import Act


def recalls(user: User) -> QuerySet[Recall]:
    """Return what was asked back of a researcher, what is open first and soonest."""
    rows = Recall.objects.filter(release__study__researcher__clinician__user=user)
    return rows.select_related("release__study__institution").order_by("attested_at", "due_at", "pk")


def open_recalls(user: User) -> QuerySet[Recall]:
    """Return those that wait for the researcher's word."""
    return recalls(user).filter(attested_at__isnull=True)


def recall_of(user: User, recall_id: UUID) -> Recall | None:
    """Return one that was asked of this researcher, or None for everybody else's."""
    return recalls(user).filter(pk=recall_id).first()


def overdue(study: Study) -> bool:
    """Tell whether something of a study should have been destroyed by now, and nobody said that it is."""
    return Recall.objects.filter(release__study=study, attested_at=None, due_at__lte=clock.now()).exists()


def rows(recall: Recall, keyring: OpenKeyring | None) -> list[str]:
    """Return the pseudonyms that are to be deleted. Raises NotPossible where these keys do not open the list.

    Empty where the whole file is meant. It is nobody's look: no row says whose it is.
    """
    if recall.sealed is None:
        return []
    if keyring is None:
        raise NotPossible(_("Unlock your keys first."))
    try:
        return json.loads(keyring.open_seal(bytes(recall.sealed), info=info(recall.pk)))
    except CannotOpen as problem:
        raise NotPossible(_("Your keys do not open the list of rows. Destroy the whole file instead.")) from problem


def message(recall: Recall) -> bytes:
    """Return what is signed: that what this recall lists, of the file with this digest, is destroyed."""
    return joined(b"destroyed/v1", recall.pk.bytes, bytes(recall.release.digest or b""), bytes(recall.digest))


def attest(recall: Recall, *, by: User, keyring: OpenKeyring | None) -> Recall:
    """Say that it is destroyed, signed with one's own key; twice is once. Everybody for whom it was asked is told.

    It stays possible without a licence and after the term: what is held must go. Raises NotPossible for anybody
    else, and without one's own keys.
    """
    with transaction.atomic():
        held = Recall.objects.select_for_update(of=("self",))
        recall = held.select_related("release__study__researcher__clinician").get(pk=recall.pk)
        study = recall.release.study
        if by.pk != study.researcher.clinician.user_id:
            raise NotPossible(_("Only who holds the release says that it is destroyed."))
        if recall.attested_at is not None:
            return recall
        if keyring is None or not accounts.is_theirs(keyring, by.pk):
            raise NotPossible(_("This is signed with your own keys. Unlock them, then say it again."))
        recall.attested_at, recall.key_version_id = clock.now(), keyring.version_id
        recall.signature = keyring.sign(message(recall))
        recall.save(update_fields=["attested_at", "key_version", "signature"])
        people = list(recall.people.values_list("inclusion__joining__patient", flat=True))
        told = {"release": str(recall.release_id), "recall": str(recall.pk)}
        log_people(Act.DESTROYED, study, people, actor=party(by), **told)
        signed = {"recall": told["recall"], "release": told["release"], "signature": recall.signature.hex()}
        log_study("study.destruction-attested", study, by, **signed)
    return recall


def holds(recall: Recall) -> bool:
    """Tell whether the word that is on file was signed by a key of the researcher's, over what was asked."""
    version = recall.key_version
    if version is None or version.reader.user_id != recall.release.study.researcher.clinician.user_id:
        return False
    return signing.verify(bytes(version.author_public), message(recall), bytes(recall.signature or b""))
