# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""Records that arrived before their patient: whom they are about, and the invitation on paper that brings them here.

Nothing of the record is shown or can be: it is sealed, and the desk has no key to it.
"""

from django.conf import settings
from django.contrib import admin
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent import reach
from consent.delegates import vouching
from consent.models import Claim
from consent.models.claims import LIFE
from consent.sharing import arrivals
from ehr import clock
from ehr.desk import delegations
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist, waiting
from ehr.frame.templatetags.frame import day_words
from patients.models import Entry, Patient


def invite(patient: Patient, *, by) -> dict[str, object]:
    """Make an invitation; return what goes on the paper. The code is in no other place from here on."""
    claim, code = arrivals.invite(patient, by=by)
    return {"code": code, "until": claim.expires_at, "site": settings.SITE_URL}


INVITE = Act(
    "invite",
    _("Make an invitation"),
    invite,
    _("The invitation is made. Print this page now: the code is not shown again."),
    help=_("It goes on paper to the person the record is about. One that was made before and not used stops working."),
    form=Nothing,
    page="desk/invitation.html",
)


def _under_way(at) -> Exists:
    """Return whether an invitation to a record can still be used, or was used and waits for its checks."""
    return Exists(Claim.objects.under_way(at).filter(patient=OuterRef("pk")))


@admin.register(Patient)
class Waiting(Worklist):
    """Records without a patient. Those that have theirs are not here, nor is anything in a record."""

    title = _("Records that wait for their patient")
    lede = _("They came from elsewhere, sealed. Invite the person each is about; nobody here can open one.")
    empty = _("No record is in this list.")
    views = (("new", _("Not invited")), ("invited", _("Invited")), ("all", _("All")))

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm("patients.check_identity")

    def get_queryset(self, request):
        arrived = Exists(Entry.objects.filter(patient=OuterRef("pk")))
        return super().get_queryset(request).filter(arrived, user=None).order_by("created_at", "pk")

    def rows(self, request: HttpRequest, view: str):
        every = self.get_queryset(request)
        if view == "all":
            return every
        under_way = _under_way(clock.now())
        return every.filter(under_way) if view == "invited" else every.exclude(under_way)

    def found(self, rows, words: str):
        return rows.filter(name__icontains=words)

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name(rows, to=request.user, because="invitation")

    def line(self, row: Patient) -> Line:
        newest = self._newest(row)
        tag = ""
        if newest is not None:
            tag = gettext("being checked") if newest.claimant_id else gettext("invited")
        return Line(title=row.name, said=self._born(row), tag=tag, look="plain", since=row.created_at)

    def _born(self, row: Patient) -> str:
        return gettext("Born %(day)s.") % {"day": day_words(row.birth_date)}

    def _newest(self, row: Patient) -> Claim | None:
        """Return the invitation that counts now."""
        return row.claims.under_way(clock.now()).order_by("-invited_at").first()

    def facts(self, row: Patient) -> Facts:
        return [
            (_("The record is of"), row.name),
            (_("Born"), row.birth_date),
            (_("Arrived"), row.created_at),
        ]

    def sections(self, request: HttpRequest, row: Patient) -> list[Section]:
        made = [self._invitation(claim) for claim in row.claims.select_related("invited_by").order_by("-invited_at")]
        return [Section(_("Invitations"), lines=made)]

    def _invitation(self, claim: Claim) -> Line:
        if claim.refused_at:
            said = gettext("Used by somebody who was not the patient.")
        elif claim.claimant_id and clock.now() - claim.claimed_at >= LIFE:
            said = gettext("Used, and not checked in time. Make a new one.")
        elif claim.claimant_id:
            said = gettext("Used. It waits for two checks, under “Claims of a record”.")
        elif claim.expires_at > clock.now():
            said = gettext("Not used yet.")
        else:
            said = gettext("Works no longer.")
        return Line(title=claim.invited_by.name, said=said, since=claim.invited_at)

    def notes(self, request: HttpRequest, row: Patient) -> list[str]:
        return [gettext("Send it to an address you know to be theirs, or hand it over. It alone opens nothing.")]

    def acts(self, request: HttpRequest, row: Patient) -> list[Act]:
        return [INVITE, delegations.name_act(request)] if request.user.has_perm(vouching.VOUCHES) else [INVITE]

    def queues(self, request: HttpRequest) -> list[Queue]:
        return [waiting(self.title, self.rows(request, "new"), self.address(), since="created_at")]
