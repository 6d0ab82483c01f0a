"""The desk's lists of what other systems send: registering, mending, joining, taking out; never what a message says."""

import re

import pytest
from django.urls import reverse

from audit import queries as audit
from ehr.desk.roles import DeskRole
from ehr.intake.hl7v2 import receiving
from ehr.intake.models import Broken, Feed, Joining, Stray
from patients.models import Identifier, Patient
from tests import people
from tests.desk.conftest import session_of, staff
from tests.intake.hl7v2.vectors import GLUCOSE, ORU, PID, message, msh, oru

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.desk.addresses")]


@pytest.fixture
def operator(db):
    people.prepare_ground()
    return session_of(staff("Otto Lind", DeskRole.OPERATOR))


@pytest.fixture
def checkers(db):
    """Return the sessions and the people of two whose job it is to know who patients are."""
    two = [staff(name, DeskRole.IDENTITY) for name in ("Ida One", "Ida Two")]
    return [(session_of(one), one) for one in two]


def register(operator, **more):
    asked = {"name": "North Laboratory", "institution": people.institution().pk, "kinds": ["hl7v2"]} | more
    return operator.post(reverse("admin:intake_feed_add"), asked)


def receive(content: bytes) -> None:
    """Take in a message of the one feed."""
    receiving.receive(content, Feed.objects.select_related("source", "institution").get())


def act(client, row, name: str, **sent):
    table = f"intake_{row._meta.model_name}"
    fields = {f"{name}-{field}": value for field, value in sent.items()}
    return client.post(reverse(f"admin:{table}_act", args=[row.pk, name]), fields, follow=True)


def page(client, row) -> str:
    return client.get(reverse(f"admin:intake_{row._meta.model_name}_change", args=[row.pk])).content.decode()


def test_a_system_is_registered_and_its_token_shown_once(operator):
    response = register(operator, peers="10.20.0.7, 10.20.1.0/24")
    token = response.context["came"]["token"]
    feed = Feed.objects.get()
    assert feed.peers == ["10.20.0.7/32", "10.20.1.0/24"]
    assert token not in page(operator, feed)
    renewed = act(operator, feed, "renew").context["came"]["token"]
    assert renewed != token


@pytest.mark.parametrize("wrong", [{"peers": "not an address"}, {"kinds": []}, {"name": ""}])
def test_a_system_that_cannot_be_registered_says_why(operator, wrong):
    assert register(operator, **wrong).status_code == 422
    assert Feed.objects.count() == 0


def test_two_systems_do_not_share_a_name(operator):
    register(operator)
    assert register(operator, name="NORTH laboratory").status_code == 422


def test_what_its_own_names_mean_is_said_and_shown(operator):
    register(operator)
    said = {"of": "code", "given": "K", "given_system": "L", "system": "http://loinc.org", "code": "2823-3"}
    act(operator, Feed.objects.get(), "translate", **said)
    assert "2823-3" in page(operator, Feed.objects.get())


def test_a_stopped_system_is_in_the_other_list(operator):
    register(operator)
    act(operator, Feed.objects.get(), "stop")
    stopped = operator.get(reverse("admin:intake_feed_changelist") + "?view=stopped").content.decode()
    assert "North Laboratory" in stopped


def test_a_broken_message_shows_what_is_wrong_and_nothing_it_says(operator):
    register(operator)
    receive(oru(GLUCOSE.replace("5.40", "five")))
    broken = Broken.objects.get()
    shown = page(operator, broken)
    assert "OBX-5" in shown
    assert not re.search(r"\b(five|Anna|MRN-0042|Glucose)\b|rensen", shown)
    assert "still cannot" in act(operator, broken, "again").content.decode()
    act(operator, broken, "give-up", reason="Sent by post.")
    broken.refresh_from_db()
    assert (broken.state, broken.closed_by.name) == ("given-up", "Otto Lind")


def test_a_mended_message_is_taken_in(operator):
    register(operator)
    receive(ORU)
    receive(oru(GLUCOSE, control="5", pid=PID.replace("19840503", "19840504")))
    Patient.objects.update(birth_date="1984-05-04")
    act(operator, Broken.objects.get(), "again")
    assert Broken.objects.get().state == "mended"


def test_two_records_are_joined_and_parted_by_two(operator, checkers):
    register(operator)
    receive(ORU)
    receive(oru(GLUCOSE, control="2", pid=PID.replace("0042", "0099")))
    receive(message(msh("ADT^A40", "3"), PID, "MRG|MRN-0099^^^NORTH^MR"))
    proposed = Joining.objects.get()
    (ida, _one), (eve, _two) = checkers
    assert "the sender says so" in page(ida, proposed)
    act(ida, proposed, "confirm")
    act(eve, proposed, "confirm")
    assert Joining.objects.get().state == "joined"
    act(ida, proposed, "ask-undo", reason="Two sisters.")
    act(eve, proposed, "undo")
    assert Joining.objects.get().state == "undone"


def test_two_records_are_named_by_two_numbers(checkers):
    people.prepare_ground()
    first, second = people.patient("Ana", identifier="A1"), people.patient("Ana", identifier="A2")
    Identifier.objects.update(verified_at=first.patient.created_at)
    (ida, _one), _eve = checkers
    asked = {"system": "urn:health-card", "number": "a-1", "other_system": "urn:health-card", "reason": "same person"}
    assert ida.post(reverse("admin:intake_joining_add"), asked | {"other_number": "A9"}).status_code == 422
    assert ida.post(reverse("admin:intake_joining_add"), asked | {"other_number": "A2"}).status_code == 302
    assert {Joining.objects.get().kept, Joining.objects.get().gone} == {first.patient, second.patient}
    assert "decide this themselves" in page(ida, Joining.objects.get())


def test_entries_in_the_wrong_record_are_named_by_one_and_taken_out_by_another(operator, checkers):
    register(operator)
    receive(ORU)
    (ida, _one), (eve, _two) = checkers
    asked = {"feed": Feed.objects.get().pk, "control_id": "4711", "reason": "wrong band"}
    assert ida.post(reverse("admin:intake_stray_add"), asked).status_code == 302
    stray = Stray.objects.get()
    assert "Take them out" not in page(ida, stray)
    assert "Take them out" in page(eve, stray)
    act(eve, stray, "remove")
    assert Stray.objects.get().removed
    assert ida.post(reverse("admin:intake_stray_add"), asked | {"control_id": "1"}).status_code == 422


def test_who_sees_a_name_on_these_lists_leaves_a_line(operator, checkers):
    register(operator)
    receive(ORU)
    (ida, one), _eve = checkers
    ida.post(
        reverse("admin:intake_stray_add"), {"feed": Feed.objects.get().pk, "control_id": "4711", "reason": "x"}
    )  # fmt: skip
    ida.get(reverse("admin:intake_stray_changelist"))
    named = [line for line in audit.with_action(["patient.named"]) if line.actor.id == one.pk]
    assert {line.subject for line in named} == {Patient.objects.get().pk}
