"""The patient's home: what is new, two doors, who looked."""

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from audit import queries as log
from consent import queries as consent
from consent.sharing import requests
from ehr import clock
from ehr.accounts.models import User
from ehr.frame.roles import patient_only
from ehr.notices import queries as notices
from ehr.notices.models import Notice
from ehr.portals.patient import story
from ehr.portals.patient.answering import asked
from ehr.portals.patient.emergencies import open_now
from ehr.portals.patient.people import shared
from ehr.portals.patient.referrals import waiting as referred
from ehr.portals.patient.sharing import answer
from ehr.portals.patient.visits import next_visit

NEWS = 3
LINES_TO_COUNT = 500


def _news(user: User) -> QuerySet[Notice]:
    """Return the newest unread notices. Requests are shown as themselves, not as news of them."""
    return notices.of(user).unread().exclude(kind__in=["access-asked", "referral-proposed"])[:NEWS]


@require_GET
@patient_only
def home(request: HttpRequest) -> HttpResponse:
    """Greet, tell what is new in three lines at most, and say how many people looked this week."""
    patient, at = request.patient, clock.now()
    lines = log.story(patient.pk, limit=LINES_TO_COUNT)
    counted = story.looks(lines, me=request.user.pk, since=at - story.WEEK)
    people = [shared(grant, at) for grant in consent.who_can_see(patient, at)]
    context = {
        "patient": patient,
        "answer": story.week_answer(counted),
        "sharing": answer(people),
        "asking": [asked(one) for one in requests.open_requests(patient)],
        "referred": referred(patient),
        "news": [notices.line(notice) for notice in _news(request.user)],
        "urgent": open_now(patient),
        "visit": next_visit(patient),
    }
    return render(request, "patient/home.html", context)
