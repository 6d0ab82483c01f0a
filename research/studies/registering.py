"""Becoming a researcher: a licence for that role at an institution, as clinicians have theirs, and the agreement."""

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from patients.models import Patient
from providers import operations
from providers.credentials import Licence, submit_credential
from providers.models import Clinician, Institution
from providers.queries import party
from providers.roles import Role
from providers.rules import NotPossible
from research import words
from research.models import Agreement, Researcher
from research.queries import agreement_message


def register(
    user: User,
    *,
    title: str,
    professional_name: str,
    institution: Institution,
    licence: Licence,
    evidence: bytes,
    by: User,
) -> Researcher:
    """Register somebody as a researcher, with their training and the paper that shows it. That alone opens nothing.

    A verifier decides about it, as about a clinician's licence. The account is for research alone: who cares for
    people by name does not do research from the same account. Raises NotPossible, ValidationError.
    """
    if licence.role != Role.RESEARCHER:
        raise NotPossible(_("Register here for research only. For care there is another page, and another account."))
    known = Clinician.objects.filter(user=user).exists() or Patient.objects.filter(user=user).exists()
    if known or user.is_staff:
        raise NotPossible(
            _("This account is for a record, for care or for the desk. For research use another e-mail address.")
        )
    with transaction.atomic():
        clinician = operations.register_clinician(
            user, title=title, professional_name=professional_name, institution=institution, by=by
        )
        researcher = Researcher.objects.create(clinician=clinician)
        submit_credential(clinician, licence=licence, evidence=evidence, by=by)
        log.append(
            "researcher.registered",
            actor=party(by),
            subject=None,
            outcome="done",
            details={"user": str(user.pk), "institution": str(institution.pk)},
        )
    return researcher


def sign_agreement(researcher: Researcher, *, keyring: OpenKeyring | None, by: User) -> Agreement:
    """Sign the present edition of the data-use agreement with the researcher's own key; twice is once.

    Raises NotPossible for anybody else's keys, and for none.
    """
    user = researcher.clinician.user
    if by.pk != user.pk or keyring is None or not accounts.is_theirs(keyring, user.pk):
        raise NotPossible(_("The agreement is signed with your own keys. Unlock them, then sign again."))
    digest = words.agreement_digest()
    with transaction.atomic():
        Researcher.objects.select_for_update().get(pk=researcher.pk)
        agreement, made = Agreement.objects.get_or_create(
            researcher=researcher,
            edition=words.EDITION,
            defaults={
                "digest": digest,
                "key_version_id": keyring.version_id,
                "signature": keyring.sign(agreement_message(researcher, digest)),
            },
        )
        if made:
            log.append(
                "researcher.agreed",
                actor=party(user),
                subject=None,
                outcome="done",
                details={"edition": words.EDITION, "digest": digest.hex(), "signature": agreement.signature.hex()},
            )
    return agreement
