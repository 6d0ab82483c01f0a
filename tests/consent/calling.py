"""Who asks through an interface in tests: a patient, a clinician, an app that a patient let in; and small resources."""

import json
import uuid
from datetime import timedelta

from consent.access import Caller, Draft, open_record
from consent.sharing import apps
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring, make
from ehr.accounts.models import Keyring, Reader
from ehr.r4 import labels, search, text
from ehr.words import Action, Category, Purpose
from tests.people import Person

EVERY = frozenset(Category)


def patient_caller(person: Person, **more) -> Caller:
    asked = {"parts": EVERY, "writes": EVERY, "purpose": Purpose.PATRQT, "app": None, "via": "MyHealth"} | more
    return Caller(user=person.user, keyring=person.keyring, **asked)


def clinician_caller(person: Person, **more) -> Caller:
    asked = {"parts": EVERY, "writes": EVERY, "purpose": Purpose.TREAT, "app": None, "via": "WardRound"} | more
    return Caller(user=person.user, keyring=person.keyring, **asked)


def app_reader(name: str = "Heartbeat") -> tuple[Reader, OpenKeyring]:
    reader = Reader.objects.create(kind=Reader.Kind.APP, name=name)
    keyring = make(reader)
    Keyring.objects.create(reader=reader, version_id=keyring.version_id)
    return reader, keyring


def app_caller(
    person: Person, *categories: Category, actions=(Action.READ,), days: int = 30, name: str = "Heartbeat", **more
) -> Caller:
    """Let an app in to some parts, and return it as a caller for whatever its grant lets it."""
    reader, keyring = app_reader(name)
    apps.connect(
        person.patient,
        keyring=person.keyring,
        app_reader=reader,
        name=name,
        categories=categories or (Category.LABS,),
        actions=actions,
        ends=clock.now() + timedelta(days=days),
        client=f"client:{name}",
    )
    asked = {"parts": EVERY, "writes": EVERY, "purpose": Purpose.PATRQT, "via": name} | more
    return Caller(user=person.user, keyring=keyring, app=reader, **asked)


def written(resource: dict, **more) -> Draft:
    """Return the draft of a resource as an interface makes it: labelled, indexed, in this server's names."""
    logical_id = more.pop("logical_id", None) or uuid.uuid4()
    whole = {**resource, "id": str(logical_id)}
    found = labels.label(whole)
    stamped = labels.stamp(whole, found)
    return Draft(
        resource=text.dumps(stamped),
        parts=tuple(map(str, more.pop("parts", found.categories))),
        search=text.dumps(search.values(stamped)),
        logical_id=logical_id,
        **more,
    )


def lab(words: str, day: str = "2026-03-01", **more) -> Draft:
    return written(
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [{"code": "laboratory"}]}],
            "code": {"text": words},
            "effectiveDateTime": day,
        },
        **more,
    )


def words_of(record) -> list[str]:
    """Return the words of each entry that a record shows, in its order."""
    return [one.resource["code"]["text"] for one in record.rows]


def opened(person: Person, caller: Caller, **more) -> list[str]:
    return sorted(words_of(open_record(person.patient, caller, **more)))


def as_json(draft: Draft) -> dict:
    return json.loads(draft.resource)
