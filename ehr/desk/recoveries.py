# ruff: noqa: ARG002 - the hooks of a worklist share one signature
"""People who lost their keys: two of the staff see who they are, and the institution's share goes to them.

Nobody here holds that share: the keyholder closes it to the person's own key, against the line on the log.
"""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from audit import log
from consent import inviting, reach, recovering
from ehr import clock
from ehr.accounts import queries
from ehr.accounts.models import Recovery, Share
from ehr.desk.inquiries import Document
from ehr.desk.worklist import Act, Facts, Line, Nothing, Queue, Section, Worklist, waiting
from ehr.notices import errands
from patients.models import Patient


class Seen(Document):
    """Who was seen: their document, its number where they gave one, and what they read from their screen."""

    number = forms.CharField(
        label=_("The number on the document"),
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("For patients: the number named above, typed from the document. It is compared and not kept."),
    )
    spoken = forms.CharField(
        label=_("The twelve letters and numbers on their screen"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        help_text=_("They read them to you. So the share goes to this person’s browser and to no other."),
    )
    in_person = forms.BooleanField(
        label=_("I met them face to face"),
        required=False,
        help_text=_("Two of you who did end the wait at once."),
    )


CHECK = Act(
    "check",
    _("I saw this person and their document"),
    recovering.check,
    _("Your check is on file."),
    help=_("The name on the document is the one above, and the picture is of the person before you."),
    form=Seen,
)
RELEASE = Act(
    "release",
    _("Hand the institution’s share over"),
    recovering.release,
    _("The share is with the person."),
    help=_("Two of you have seen who this is. The keyholder was away when it should have been handed over."),
    form=Nothing,
)
STOP = Act(
    "stop",
    _("Stop this: it is not them"),
    inviting.stop_recovery,
    _("It is stopped. Nothing was opened, and they are told."),
    help=_("When the person the keys belong to calls or comes, and did not ask for this. One of you is enough."),
    form=Nothing,
    grave=True,
)


@admin.register(Recovery)
class Recoveries(Worklist):
    """Lost keys under way. What is stopped, finished or given up is not here."""

    title = _("Lost keys")
    lede = _("Two of you see the person and their document, one after the other. Then our share goes to them.")
    empty = _("Nobody is getting keys back now.")

    def has_view_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm("accounts.check_recovery")

    def get_queryset(self, request):
        return queries.recoveries_under_way(clock.now()).select_related("user")

    def seen(self, request: HttpRequest, rows) -> None:
        reach.name(Patient.objects.filter(user__in=[row.user_id for row in rows]), to=request.user, because="recovery")
        shown = [str(row.user_id) for row in rows]
        log.record("account.shown", actor=queries.party(request.user), subject=None, details={"users": shown})

    def line(self, row: Recovery) -> Line:
        count = row.checks.count()
        seen = ngettext("%(count)s check so far", "%(count)s checks so far", count) % {"count": count}
        return Line(title=row.user.name, said=seen, since=row.started_at)

    def facts(self, row: Recovery) -> Facts:
        patient = Patient.objects.filter(user=row.user_id).first()
        known = [(_("Name"), row.user.name), (_("Signs in with"), row.user.signs_in_with)]
        if patient is not None:
            systems = ", ".join(patient.identifiers.order_by("pk").values_list("system", flat=True))
            known += [(_("Born"), patient.birth_date), (_("Ask for the number in"), systems)]
        if row.user.email is None:
            told = errands.newest(row.user, "recovery-started")
            known += [(_("Told by letter or telephone"), (told and told.done_at) or _("not yet"))]
        return [*known, (_("Begun"), row.started_at), (_("Can be finished from"), row.ready_at)]

    def sections(self, request: HttpRequest, row: Recovery) -> list[Section]:
        seen = [
            Line(
                title=one.by.name,
                said=one.document,
                tag=gettext("face to face") if one.in_person else "",
                look="plain",
                since=one.at,
            )
            for one in row.checks.select_related("by").order_by("at")
        ]
        return [Section(_("Who saw them"), lines=seen)]

    def notes(self, request: HttpRequest, row: Recovery) -> list[str]:
        if self._given(row):
            return [gettext("Our share is with the person. They need a second one, and finish by themselves.")]
        if queries.is_checked(row):
            return [gettext("Two people have seen who this is.")]
        return [gettext("Somebody may pretend to be this person. If in doubt, do not confirm: they can come again.")]

    def acts(self, request: HttpRequest, row: Recovery) -> list[Act]:
        if row.user_id == request.user.pk:
            return []
        mine = row.checks.filter(by=request.user).first()
        chosen = [CHECK, STOP] if mine is None or not mine.in_person else [STOP]
        return [RELEASE, *chosen] if queries.is_checked(row) and not self._given(row) else chosen

    def _given(self, row: Recovery) -> bool:
        return row.given.filter(holder=Share.Holder.INSTITUTION).exists()

    def queues(self, request: HttpRequest) -> list[Queue]:
        rows = self.get_queryset(request)
        return [waiting(self.title, rows, self.address(), since="started_at", late_after=timedelta(days=3))]
