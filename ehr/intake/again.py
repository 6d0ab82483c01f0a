"""Trying a broken message again, whichever way it came."""

from django.utils.translation import gettext as _

from ehr.accounts.models import User
from ehr.accounts.operations import Refused

from . import resources
from .ccda import receiving as documents
from .hl7v2 import receiving as messages
from .models import Broken, Kind

_BY_CHANNEL = {Kind.HL7V2: messages.try_again, Kind.CCDA: documents.try_again, Kind.FHIR: resources.try_again}


def try_again(message: Broken, *, by: User) -> None:
    """Have a broken message taken in as it came, with what is known today. Raises Refused where it is broken still,
    and `consent.escrow.NotReleased`.
    """
    if not _BY_CHANNEL[Kind(message.channel)](message, by=by):
        raise Refused(_("It still cannot be taken in. What is wrong now stands above."))
