"""A sandbox is a server of made-up people, never a mode of an app: where it is one, apps are registered in one step."""

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ehr.accounts.models import User
from ehr.smart import queries, registering
from ehr.smart.models import App

# Where the examples of the developer page come back to: a program on the machine of whoever tries them.
BACK = ("http://localhost:8010/back", "http://localhost:8010/back.html")
SCOPE = "launch/patient openid fhirUser offline_access patient/*.cruds"
_PASSPHRASE = re.compile(r"^Demo sign-ins; the passphrase of all is: (.+)$", re.MULTILINE)
_PATIENT = re.compile(r"^ +(\S+@\S+) +.+, patient$", re.MULTILINE)


@dataclass(frozen=True)
class Invented:
    """A patient who does not exist, and how anybody signs in as them."""

    email: str
    passphrase: str


def somebody() -> Invented | None:
    """Return a patient of a server that was begun with made-up people alone; None on every other server.

    The people of the demo are made in a new database only, never in production, and what tells their sign-ins is
    written beside it then.
    """
    if settings.PRODUCTION:
        return None
    try:
        told = (Path(settings.DATA_DIR) / "demo.txt").read_text(encoding="utf-8")
    except OSError:
        return None
    passphrase, patient = _PASSPHRASE.search(told), _PATIENT.search(told)
    return Invented(patient[1], passphrase[1].strip()) if passphrase and patient else None


def register(by: User, *, name: str) -> App:
    """Register an app that comes back to the machine of whoever tries it, and may ask for everything but the log.

    Raises Refused for too many, and LookupError where this server is no sandbox.
    """
    if somebody() is None:
        raise LookupError("This server is no sandbox.")
    return registering.register(
        by,
        public=True,
        name=name,
        publisher="Sandbox",
        words="Tries the examples of the developer page.",
        redirect_uris=" ".join(BACK),
        scope=SCOPE,
        launch_uri="",
    )


def latest(user: User) -> App | None:
    """Return the app that somebody registered last for the examples, and that is in use."""
    found = queries.registered_by(user).filter(stopped_at=None, redirect_uris=" ".join(BACK))
    return found.order_by("-pk").first()
