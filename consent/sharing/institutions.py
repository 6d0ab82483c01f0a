"""What institutions' own systems hear of permissions given to their people and teams: that, and by id. Nothing else."""

from consent.models import Grant
from ehr.accounts.models import Reader
from ehr.notices import operations as notices
from providers.queries import places_of


def tell(grant: Grant, kind: str) -> None:
    """Tell the systems of where a grant's reader works. Joins the caller's transaction; no hook, no parcel."""
    reader = grant.reader
    if reader.kind == Reader.Kind.TEAM:
        places = [reader.team.institution_id]
    else:
        places = places_of([reader.user_id]).order_by().values("pk")
    notices.tell_institutions(places, kind, about=grant.pk, key=f"{kind}:{grant.pk}")
