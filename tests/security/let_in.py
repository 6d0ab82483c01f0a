"""What is about apps in the world of the doors: one that both patients let in, and that asks each of them once more."""

import uuid

from ehr.smart.models import App, Authorization
from tests import people
from tests.smart import walking


def app() -> App:
    """Return the app that somebody registered, made once."""
    return App.objects.first() or walking.registered(people.account("Max Maker"))


def by_both(world, ana: people.Person, ben: people.Person):
    """Let the app in to both records, and let it ask each once more; return the world with what stands in addresses."""
    for places, who, sharer in ((world.of_ana, "patient", ana), (world.of_ben, "other patient", ben)):
        walk = walking.Walk(app(), world.browsers[who])
        world.tokens[who] = walk.exchange(walk.allowed()).json()["access_token"]
        walk.begin()
        places["smart"] = {
            "authorization": Authorization.objects.get(user=sharer.user).pk,
            "client_id": walk.app.client_id,
            "draft": uuid.UUID(walk.page.rstrip("/").rpartition("/")[2]),
            "patient": sharer.patient.pk,
        }
    return world
