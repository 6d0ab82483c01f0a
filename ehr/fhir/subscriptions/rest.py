"""Subscription by REST: create, read, search, delete, and `$status`. An app sees its own, and nobody else's."""

import uuid
from functools import partial

from django.db import transaction

from ehr.accounts import stored
from ehr.fhir import kinds, outcomes, pages, query, wire
from ehr.fhir import search as queries
from ehr.fhir.asking import Asking
from ehr.fhir.directory import Directory, Listed
from ehr.fhir.models import Subscription
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked
from ehr.fhir.subscriptions import telling, terms
from ehr.fhir.wire import Answer, Sent
from ehr.notices import signatures
from ehr.r4 import validate
from ehr.smart.models import Authorization
from ehr.words import Category
from patients.models import Patient

MOST = 10  # of one authorization
KIND = "Subscription"


def create(sent: Sent, asked: Asked, asking: Asking) -> Answer:
    """Begin to tell an app of what is new in one record; the address must answer before it is told anything."""
    resource = sent.resource()
    if resource["resourceType"] != KIND:
        raise outcomes.not_understood("The resource is of another type than the address.", at="resourceType")
    if problems := validate.check(resource):
        raise outcomes.wrong_with(problems)
    wanted = terms.read(resource)
    patient = _patient(asking, wanted)
    if not asking.allow(KIND, "create", patient=patient):
        raise outcomes.beyond_scope(KIND)
    secret = signatures.new_secret()
    row = _made(asking, wanted, patient, secret)
    told = terms.resource(row, state=row.state, secret=signatures.shown(secret))
    headers = {"Location": f"{kinds.base()}/{KIND}/{row.pk}", "ETag": 'W/"1"'}
    return Answer(201, None if asked.returns == "minimal" else told, headers)


def _patient(asking: Asking, wanted: terms.Terms) -> Patient:
    """Return the patient in reach whom it is about. Raises Refusal 404."""
    found = asking.caller.patient
    if found is None or found.pk != wanted.patient or not asking.reaches(found):
        raise outcomes.not_there()
    return found


def _made(asking: Asking, wanted: terms.Terms, patient: Patient, secret: bytes) -> Subscription:
    readable = asking.caller.parts
    parts = [part for part in Category if part in readable and (not wanted.parts or part in wanted.parts)]
    if not parts:
        raise outcomes.may_not("None of these parts may be read with this token. Ask for them when the app is let in.")
    pk = uuid.uuid4()
    with transaction.atomic():
        authorization = Authorization.objects.select_for_update(of=("self",)).get(pk=asking.caller.authorization_id)
        if sum(map(telling.live, _mine(asking))) >= MOST:
            words = f"An app has at most {MOST} subscriptions at once. End one of them first."
            raise Refusal(422, "too-costly", words)
        row = Subscription.objects.create(
            id=pk,
            authorization=authorization,
            patient=patient,
            parts=sorted(map(str, parts)),
            endpoint=wanted.endpoint,
            content=wanted.content,
            sealed_header=_sealed(pk, wanted.header.encode(), telling.HEADER) if wanted.header else None,
            sealed_secret=_sealed(pk, secret, telling.SECRET),
            ends_at=wanted.ends,
        )
        telling.note(row, "subscription.made")
        telling.begin(row)
    return row


def _sealed(pk: uuid.UUID, text: bytes, label: str) -> bytes:
    return stored.put_away(text, about=pk.bytes, label=label)


def _mine(asking: Asking) -> list[Subscription]:
    rows = Subscription.objects.filter(authorization=asking.caller.authorization_id)
    return list(rows.select_related("authorization__app", "authorization__user", "patient").order_by("-made_at"))


def _one(asking: Asking, fhir_id: str) -> Subscription:
    found = next((row for row in _mine(asking) if str(row.pk) == fhir_id), None)
    if found is None:
        raise outcomes.not_there()
    return found


def read(_sent: Sent, _asked: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return one of the app's own."""
    row = _one(asking, fhir_id)
    if not asking.allow(KIND, "read", patient=row.patient):
        raise outcomes.beyond_scope(KIND)
    return Answer(200, terms.resource(row, state=telling.state_of(row)), {"ETag": 'W/"1"'})


def search(_sent: Sent, asked: Asked, asking: Asking) -> Answer:
    """Return the app's own that answer a question, newest first."""
    if not asking.allow(KIND, "search-type"):
        raise outcomes.beyond_scope(KIND)
    told, place = pages.opened(asking, asked, KIND)
    question, there = queries.question(KIND, told), Directory()
    for row in _mine(asking):
        make = partial(terms.resource, row, state=telling.state_of(row))
        there.add(Listed(there, KIND, str(row.pk), make, row.made_at))
    return Answer(200, pages.searchset(queries.listed(asking, question, there), place, asking=asking, path=KIND))


def search_by_form(sent: Sent, asked: Asked, asking: Asking) -> Answer:
    """Return the same for a question that came as a form."""
    asked = query.with_form(sent, asked)
    wire.check_accepted(sent.headers, asked.format)
    return search(sent, asked, asking)


def delete(_sent: Sent, _asked: Asked, asking: Asking, fhir_id: str) -> Answer:
    """End one of the app's own; nothing more is posted from this moment on."""
    row = _one(asking, fhir_id)
    if not asking.allow(KIND, "delete", patient=row.patient):
        raise outcomes.beyond_scope(KIND)
    telling.end(row)
    return Answer(204)


def status(_sent: Sent, _asked: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return how a subscription stands, and how many events there were."""
    row = _one(asking, fhir_id)
    if not asking.allow(KIND, "read", patient=row.patient):
        raise outcomes.beyond_scope(KIND)
    told = terms.status(row, state=telling.state_of(row), kind="query-status", events=row.events)
    entry = {"fullUrl": f"urn:uuid:{uuid.uuid5(row.pk, 'status')}", "resource": told, "search": {"mode": "match"}}
    return Answer(200, {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [entry]})
