"""Tell people what became of their licence and their place of work, in the words of what they do."""

from uuid import UUID

from ehr.accounts.models import User
from ehr.notices import operations as notices
from providers.models import Credential
from providers.roles import Role


def tell(person: User, kind: str, *, about: UUID, key: str) -> None:
    """Tell a clinician, or whoever does research under the same licence rules: of no patients then, and on no page of
    theirs. An account is for one of the two."""
    research = Credential.objects.filter(clinician__user=person, role=Role.RESEARCHER).exists()
    notices.notify(person, f"research.{kind}" if research else kind, about=about, key=key)
