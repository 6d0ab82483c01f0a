"""Verbs on what stands in clear about patients. Keys are `consent.keys`' business."""

from collections.abc import Iterable
from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import log
from ehr import clock
from ehr.accounts.models import User
from ehr.crypto import passphrases, signing
from ehr.r4 import labels
from patients.models import Identifier, Patient, Source
from patients.queries import checks_identities, identifier_digest, identifier_digests

STAFF_NEEDED = 2


class CannotCheck(Exception):
    """This person may not make this identity check; the message says who may."""


class AlreadyKnown(Exception):
    """Somebody with this identifier has a record here. Staff must look at it; nothing was made."""


def add_patient(
    *,
    name: str,
    birth_date: date,
    sex: str,
    identifiers: Iterable[tuple[str, str]],
    user: User | None = None,
    verified: bool = False,
) -> Patient:
    """Return a new patient, claimed when `user` is given.

    `verified` says that a registered source vouches for the identifiers. Raises AlreadyKnown for one that somebody
    has shown to be theirs. Call it inside a transaction, beside the lockboxes and the log line.
    """
    digests = identifier_digests(identifiers)
    if Identifier.objects.filter(digest__in=list(digests), verified_at__isnull=False).exists():
        raise AlreadyKnown(
            _("A record with this identifier exists already. Ask the front desk to check your identity.")
        )
    now = clock.now()
    patient = Patient.objects.create(
        name=name,
        birth_date=birth_date,
        sex=sex,
        user=user,
        claimed_at=now if user else None,
        sorted_by=labels.rules_digest(),
    )
    Identifier.objects.bulk_create(
        Identifier(patient=patient, digest=digest, system=system[:200], verified_at=now if verified else None)
        for digest, system in digests.items()
    )
    return patient


def may_check(by: User) -> None:
    """Raise CannotCheck unless checking who patients are is somebody's job."""
    if not checks_identities(by):
        raise CannotCheck(_("Your role does not include checking who patients are. Ask an identity checker."))


def check_identity(identifier: Identifier, *, by: User, document: str, number: str) -> bool:
    """Note that a staff member saw a document with this number; return whether that makes two and so verifies it.

    The number is compared with what the patient gave, and not kept. Raises CannotCheck when it is another, one's own
    identity or one's second check, and AlreadyKnown when somebody else has shown the same identifier meanwhile.
    """
    may_check(by)
    with transaction.atomic():
        identifier = Identifier.objects.select_for_update(of=("self",)).select_related("patient").get(pk=identifier.pk)
        if identifier.patient.user_id == by.pk:
            raise CannotCheck(_("You cannot confirm your own identity. Ask two colleagues."))
        if identifier.checks.filter(by=by).exists():
            raise CannotCheck(_("You have confirmed this identity already. A second person must confirm it too."))
        if identifier_digest(identifier.system, number) != bytes(identifier.digest):
            raise CannotCheck(_("This is not the number the patient gave. Compare it with the document once more."))
        identifier.checks.create(by=by, document=document)
        verified = identifier.checks.count() >= STAFF_NEEDED
        if verified and identifier.verified_at is None:
            identifier.verified_at = clock.now()
            try:
                with transaction.atomic():
                    identifier.save(update_fields=["verified_at"])
            except IntegrityError as problem:
                raise AlreadyKnown(
                    _("Somebody else has shown this identifier to be theirs. Do not confirm it; open a case.")
                ) from problem
        log.append(
            "identity.verified" if verified else "identity.checked",
            actor=log.Party("person", by.pk, by.name, "staff", ""),
            subject=identifier.patient_id,
            outcome="done",
            because=document,
        )
        return verified


def leave_empty(user: User, *, to: Patient) -> None:
    """Take a person off an empty record of theirs, so that they can claim the one that arrived. Its log stays.

    What they have shown to be theirs goes with them, so that later deliveries find the record they claim.
    """
    for patient in Patient.objects.filter(user=user):
        patient.identifiers.filter(verified_at__isnull=True).delete()
        patient.identifiers.exclude(digest__in=to.identifiers.values("digest")).update(patient=to)
        patient.user = patient.claimed_at = None
        patient.save(update_fields=["user", "claimed_at"])
        log.append(
            "record.left",
            actor=log.Party("person", user.pk, user.name, "patient", ""),
            subject=patient.pk,
            outcome="done",
            because="another-record-claimed",
        )


def claim(patient: Patient, *, user: User) -> None:
    """Make a waiting record a person's own. The keys follow in `consent.keys.claim`."""
    patient.user, patient.claimed_at = user, clock.now()
    patient.save(update_fields=["user", "claimed_at"])


def source_signer(name: str) -> "SourceSigner":
    """Return the signer of one of this server's own feeds, registering its public key on first use."""
    private = passphrases.derive(settings.STORAGE_KEY, "source", name.encode())
    source, _made = Source.objects.get_or_create(name=name, defaults={"public": signing.public_of(private)})
    return SourceSigner(source, private)


class SourceSigner:
    """A registered source that signs what it sends."""

    version_id = None

    def __init__(self, source: Source, private: bytes) -> None:
        self.source_id, self.name, self._private = source.pk, source.name, private

    def sign(self, message: bytes) -> bytes:
        """Return the source's Ed25519 signature."""
        return signing.sign(self._private, message)
