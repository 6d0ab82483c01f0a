"""What institutions' own systems hear of permissions given to their people and teams: that, and by id. Nothing else."""

from consent.models import Grant
from ehr.accounts.models import Reader
from ehr.notices import operations as notices
from ehr.notices.queries import hooks_of
from ehr.statements import Statement
from providers.queries import places_of


def tell(grant: Grant, kind: str) -> None:
    """Tell the systems of where a grant's reader works. Joins the caller's transaction; no hook, no parcel."""
    reader = grant.reader
    if reader.kind == Reader.Kind.TEAM:
        hooks = hooks_of([reader.team.institution_id])
    else:
        hooks = _HOOKS.rows(user=reader.user_id) if reader.user_id else []
    notices.tell_hooks(hooks, kind, about=grant.pk, key=f"{kind}:{grant.pk}")


_HOOKS = Statement(lambda user: hooks_of(places_of([user]).order_by().values("pk")))
