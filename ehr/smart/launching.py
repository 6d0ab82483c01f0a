"""Opening an app from a record: a value good once, for minutes, for one app, one person, one session, one record."""

from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet

from ehr import clock
from ehr.accounts.models import User
from ehr.smart import bearers, places
from ehr.smart.models import App, Launch
from patients.models import Patient

LIFE = timedelta(minutes=5)


def apps_to_open() -> QuerySet[App]:
    """Return the apps that can be opened from a record."""
    return App.objects.filter(stopped_at=None).exclude(launch_uri="").order_by("name", "pk")


def begin(app: App, *, user: User, patient: Patient, session: bytes) -> str:
    """Return where to send the browser so that the app begins with this record."""
    value = bearers.new(bearers.LAUNCH)
    Launch.objects.create(
        digest=bearers.digest(value),
        app=app,
        user=user,
        patient=patient,
        session=session,
        expires_at=clock.now() + LIFE,
    )
    joined = "&" if "?" in app.launch_uri else "?"
    return f"{app.launch_uri}{joined}{urlencode({'iss': places.base(), 'launch': value})}"


def take(value: str, *, app: App, user: User, session: bytes) -> Patient | None:
    """Return whose record an app was opened from, once; None for a value that is over, or another's in any respect."""
    waiting = Launch.objects.filter(
        digest=bearers.digest(value), app=app, user=user, session=session, used_at=None, expires_at__gt=clock.now()
    )
    launch = waiting.select_related("patient").first()
    # Of two who come with it at once, one finds it unused.
    return launch.patient if launch and waiting.update(used_at=clock.now()) else None
