"""Ids of another person in one's own addresses: each is not found, and the right ones are."""

import uuid

import pytest

from audit.models import Event
from consent.models import AccessRequest, Block, Delegation, Grant
from ehr.notices.models import Notice
from patients.models import Entry
from research.models import CohortCount, Joining, PrivateQuestion, Study
from tests.security.world import World, addresses

pytestmark = [pytest.mark.security, pytest.mark.compliance]
# What an id stands for that is nobody's secret: a clinician of the public directory, a study that looks for people.
PUBLIC = {"reader", "to", "schedule", "offered"}
IDS = {
    "patient",
    "logical_id",
    "request_id",
    "entry",
    "asking",
    "draft",
    "grant",
    "event",
    "which",
    "notice_id",
    "asked_id",
    "authorization",
    "client_id",
    "device",
    "team",
    "member",
    "block",
    "proposal",
    "act",
    "referral",
    "mandate",
    "delegation",
    "dispensed",
    "link",
    "package",
    "invoice",
    "visit",
    "hold",
    "waiting",
    "offer",
    "policy",
    "absence",
    "calendar",
    "joined",
    "due",
    "study",
    "release",
    "count",
    "asked",
    "recall",
    "question",
    "run",
}
NUMBERS = {"block", "question", "due"}  # among the ids
# Staff see all of those rows, a front desk those of its place (tests/frontdesk); in the interfaces each id is tried
# against its absence, by tests/fhir and tests/api.
ELSEWHERE = ("admin:", "api:", "fhir:", "frontdesk:")
CASES = [
    (name, parameter)
    for name, parameters in addresses().items()
    if not name.startswith(ELSEWHERE)
    for parameter in parameters
    if parameter in IDS
]
# Answers one's own id, by the method that a page has; 422 is a form that came back for what it lacks.
FINE = {200, 302, 303, 422}
# Pages that the people of these doors have no reason to open: tests of their own walk them.
NO_REASON = {
    "clinician:change",
    "clinician:stop",
    "clinician:report",
    "clinician:copy",
    "clinician:emergency-end",
    "clinician:prescription",
    "clinician:prescription-correct",
    "patient:pharmacy",
    "patient:pharmacy-days",
    "patient:pharmacy-confirm",
    "smart:app",
    "smart:begin-service",  # what stands there is no service of an institution
    "smart:launch",  # without an app that is named there is nothing to open
    "smart:change-app",
    "smart:withdraw-app",
}


def test_every_parameter_is_an_id_or_known_to_be_none():
    named = {parameter for name, some in addresses().items() if not name.startswith(ELSEWHERE) for parameter in some}
    none = {"handle", "ticket", "token", "part", "reading", "section", "kind", "what", "press", "number"}
    assert named - IDS - PUBLIC == none


def both(world: World, who: str, address: str) -> set[int]:
    """Return the statuses of GET and POST, but for a method that the page does not have."""
    form = {"content_type": "application/x-www-form-urlencoded"}
    found = {world.ask(who, "GET", address).status_code, world.ask(who, "POST", address, **form).status_code}
    return found - {405}


def facts() -> dict[str, list]:
    """Return the rows that no neighbour may change."""
    return {
        "grants": list(Grant.objects.order_by("pk").values_list("pk", "ending")),
        "requests": list(AccessRequest.objects.order_by("pk").values_list("pk", "state")),
        "entries": list(Entry.objects.order_by("pk").values_list("pk", "current")),
        "blocks": list(Block.objects.order_by("pk").values_list("pk", "lifted_at")),
        "delegations": list(Delegation.objects.order_by("pk").values_list("pk", "ended_at", "accepted_at")),
        "studies": list(Study.objects.order_by("pk").values_list("pk", "state", "title")),
        "joinings": list(Joining.objects.order_by("pk").values_list("pk", "withdrawn_at")),
        "counts": list(CohortCount.objects.order_by("pk").values_list("pk", "state")),
        "private questions": list(PrivateQuestion.objects.order_by("pk").values_list("pk", "state")),
        "notices": list(Notice.objects.order_by("pk").values_list("pk", "read_at")),
    }


def visitor(name: str) -> str:
    """Return whose pages an address is among."""
    if name.startswith("patient:acting"):
        return "who acts for the patient"
    if name.startswith("researcher:"):
        return "researcher"
    return "clinician with grant" if name.startswith("clinician:") else "patient"


def nobodys(parameter: str):
    """Return an id that was never given to anything."""
    return 987_654_321 if parameter in NUMBERS else uuid.uuid4()


def test_another_persons_id_is_not_found_where_ones_own_is(world):
    before, tried = facts(), 0
    for name, parameter in CASES:
        hers, his = world.address(name), world.address(name, bens=True)
        swapped = world.address(name, **{parameter: world_value(world, name, parameter)})
        who = visitor(name)
        assert both(world, who, swapped) == {404}, (name, parameter)
        assert both(world, who, his) == {404}, name
        assert both(world, who, world.address(name, **{parameter: nobodys(parameter)})) == {404}, name
        own = both(world, who, hers)
        assert own <= FINE or name in NO_REASON, (name, own)
        tried += 1
    assert tried > 20
    assert facts() == before


def world_value(world: World, name: str, parameter: str):
    """Return the neighbour's id for one parameter of an address."""
    portal = name.partition(":")[0]
    return {**world.of_ben[portal], **world.of_ben.get(name, {})}[parameter]


def test_an_id_of_the_right_kind_in_the_wrong_place_is_not_found(world):
    """A grant is no entry, an event no request: ids do not wander between addresses."""
    known = {**world.of_ana["patient"], **world.of_ana["clinician"]}
    for name, parameter in CASES:
        if parameter in NUMBERS:
            continue
        wrong = known["event"] if parameter != "event" else known["grant"]
        assert both(world, visitor(name), world.address(name, **{parameter: wrong})) == {404}, (name, parameter)


def test_asking_for_a_strangers_chart_is_on_that_patients_list(world):
    patient = world.of_ana["clinician"]["patient"]
    before = Event.objects.filter(subject=patient).count()
    with world.unchanged():
        answer = world.browsers["clinician without grant"].get(world.address("clinician:chart"))
        assert answer.status_code == 404
        assert Event.objects.filter(subject=patient).count() == before + 1
