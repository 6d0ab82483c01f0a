"""Whose record is whose: joining and parting by two people, and entries that leave the wrong record."""

import pytest

from audit import queries as audit
from consent.access import open_own
from ehr.accounts.operations import Refused
from ehr.intake import joining, strays
from ehr.intake.models import Joining, Stray
from patients.models import Entry, Identifier, Patient, WrappedKey
from tests import people

from .hl7v2.conftest import sending, worker
from .hl7v2.vectors import GLUCOSE, PID, message, msh, oru

__all__ = ["sending", "worker"]

pytestmark = pytest.mark.django_db
MERGE = message(msh("ADT^A40", "9"), PID, "MRG|MRN-0099^^^NORTH^MR")
OTHER = PID.replace("MRN-0042", "MRN-0099")


@pytest.fixture
def second(sending):
    return worker("Second One", "join_records", "remove_stray")


@pytest.fixture
def proposed(sending) -> Joining:
    """Return two records that a sender says are one person's."""
    sending.post(oru(GLUCOSE, control="1"))
    sending.post(oru(GLUCOSE, control="2", pid=OTHER))
    sending.post(MERGE)
    return Joining.objects.get()


def where(sending, pid: str, control: str) -> Patient:
    """Return whose record a message with this PID goes to."""
    content = oru(GLUCOSE.replace("5.40", f"{int(control)}.5"), control=control, pid=pid, at=f"20261122{control:0>6}")
    sending.post(content)
    return Entry.objects.order_by("-written_at").first().patient


def test_two_people_join_and_what_is_sent_then_goes_to_one_record(sending, second, proposed):
    assert joining.confirm(proposed, by=sending.by) is False
    assert where(sending, OTHER, "11") == proposed.gone
    assert joining.confirm(proposed, by=second) is True
    assert where(sending, OTHER, "12") == where(sending, PID, "13") == proposed.kept


def test_one_person_alone_joins_nothing(sending, proposed):
    joining.confirm(proposed, by=sending.by)
    with pytest.raises(Refused, match="second person"):
        joining.confirm(proposed, by=sending.by)
    proposed.refresh_from_db()
    assert proposed.state == "proposed"


def test_what_was_joined_is_parted_by_two_and_numbers_lead_back(sending, second, proposed):
    joining.confirm(proposed, by=sending.by)
    joining.confirm(proposed, by=second)
    joined = Joining.objects.get()
    joining.ask_to_undo(joined, by=second, reason="two sisters")
    with pytest.raises(Refused, match="yourself"):
        joining.undo(joined, by=second)
    joining.undo(joined, by=sending.by)
    assert where(sending, OTHER, "14") == proposed.gone
    assert where(sending, PID, "15") == proposed.kept
    assert Joining.objects.get().state == "undone"


def test_nothing_is_opened_or_moved_by_joining(sending, second, proposed):
    before = set(WrappedKey.objects.values_list("pk", "lockbox_id"))
    joining.confirm(proposed, by=sending.by)
    joining.confirm(proposed, by=second)
    assert set(WrappedKey.objects.values_list("pk", "lockbox_id")) == before


def test_each_step_stands_on_both_lists(sending, second, proposed):
    joining.confirm(proposed, by=sending.by)
    joining.confirm(proposed, by=second)
    joined = audit.with_action(["record.joined"])
    assert {line.subject for line in joined} == {proposed.kept_id, proposed.gone_id}


def test_the_record_that_has_its_person_stays(sending):
    person = people.patient("Anna")
    sending.post(oru(GLUCOSE, control="1"))
    waiting = Patient.objects.get(user=None)
    made = joining.propose(waiting, person.patient, by=sending.by, reason="same documents")
    assert (made.kept, made.gone) == (person.patient, waiting)


def test_two_records_with_their_people_are_not_joined_at_the_desk(sending, second):
    made = joining.propose(people.patient("A").patient, people.patient("B").patient, by=sending.by, reason="x")
    with pytest.raises(Refused, match="decide this themselves"):
        joining.confirm(made, by=second)


def test_nobody_joins_their_own(sending, second):
    own = people.patient("A")
    sending.post(oru(GLUCOSE, control="1"))
    made = joining.propose(own.patient, Patient.objects.get(user=None), by=sending.by, reason="x")
    Patient.objects.filter(pk=own.patient.pk).update(user=second)
    with pytest.raises(Refused, match="your own"):
        joining.confirm(made, by=second)


def test_nobody_else_may(proposed):
    for act in (joining.confirm, lambda one, by: joining.refuse(one, by=by, reason="x")):
        with pytest.raises(Refused, match="desk role"):
            act(proposed, by=people.account("Sam", staff=True).user)


# --- Entries in the wrong record -------------------------------------------------------------------
@pytest.fixture
def anna(sending) -> people.Person:
    """Somebody who got a result by message 7 that is somebody else's."""
    person = people.patient("Anna")
    sending.post(oru(GLUCOSE, control="1"))
    Identifier.objects.filter(patient__user=None).update(patient=person.patient)
    sending.post(oru(GLUCOSE.replace("2345-7", "2823-3"), control="7", obr="OBR|1||X-1|K^K^L", at="20261122080000"))
    return person


def kinds(person: people.Person) -> list[str]:
    return sorted(one.resource["resourceType"] for one in open_own(person.patient, keyring=person.keyring).entries)


def test_two_people_take_a_message_s_entries_out_and_their_keys_are_gone(sending, second, anna):
    before = kinds(anna)
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="wrong patient at the desk")
    assert kinds(anna) == before
    assert strays.remove(stray, by=second) == len(stray.entries)
    assert kinds(anna) == []
    assert not WrappedKey.objects.filter(entry__in=stray.entries).exists()
    assert not Entry.objects.filter(pk__in=stray.entries).exists()


def test_the_one_who_said_so_does_not_decide(sending, anna):
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    with pytest.raises(Refused, match="second person"):
        strays.remove(stray, by=sending.by)


def test_sent_again_for_the_right_person_it_arrives_there(sending, second, anna):
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    strays.remove(stray, by=second)
    content = oru(GLUCOSE, control="8", obr="OBR|1||X-1|K^K^L", pid=OTHER, at="20261122090000")
    assert sending.post(content).status_code == 200
    assert Entry.objects.filter(patient=Patient.objects.exclude(pk=anna.patient.pk).latest("created_at")).exists()


def test_taken_out_by_mistake_it_can_be_sent_again(sending, second, anna):
    before = kinds(anna)
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    strays.remove(stray, by=second)
    sending.post(oru(GLUCOSE.replace("2345-7", "2823-3"), control="7", obr="OBR|1||X-1|K^K^L", at="20261122080000"))
    assert kinds(anna) == before


def test_an_earlier_version_is_the_newest_again(sending, second, anna):
    correction = GLUCOSE.replace("2345-7", "2823-3").replace("5.40", "9.9")
    sending.post(oru(correction, control="8", obr="OBR|1||X-1|K^K^L", at="20261122100000"))
    [stray] = strays.named_by_staff(sending.feed, control_id="8", by=sending.by, reason="x")
    strays.remove(stray, by=second)
    opened = open_own(anna.patient, keyring=anna.keyring).entries
    [potassium] = [one.resource for one in opened if one.resource["resourceType"] == "Observation"]
    assert str(potassium["valueQuantity"]["value"]) == "5.40"


def test_the_patient_says_so_and_one_of_the_staff_decides(sending, second, anna):
    opened = open_own(anna.patient, keyring=anna.keyring).entries
    [result] = [one for one in opened if one.resource["resourceType"] == "Observation"]
    stray = strays.named_by_patient(anna.patient, result.logical_id, by=anna.user, reason="never had it")
    assert strays.named_by_patient(anna.patient, result.logical_id, by=anna.user, reason="again") == stray
    strays.remove(stray, by=second)
    assert "Observation" not in kinds(anna)


def test_what_a_person_wrote_is_nobody_else_s(anna):
    with pytest.raises(Refused):
        strays.named_by_patient(anna.patient, anna.patient.pk, by=anna.user, reason="")


def test_kept_it_stays(sending, second, anna):
    before = kinds(anna)
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    strays.keep(stray, by=second, reason="The sender confirmed it.")
    assert (kinds(anna), Stray.objects.get().removed) == (before, False)
    with pytest.raises(Refused, match="decided this"):
        strays.remove(stray, by=second)


def test_a_message_that_nobody_sent_names_nothing(sending):
    with pytest.raises(Refused, match="No entry"):
        strays.named_by_staff(sending.feed, control_id="77", by=sending.by, reason="x")


def test_it_stands_on_the_list_of_the_wrong_record(sending, second, anna):
    [stray] = strays.named_by_staff(sending.feed, control_id="7", by=sending.by, reason="x")
    strays.remove(stray, by=second)
    assert [line.subject for line in audit.with_action(["stray.removed"])] == [anna.patient.pk]
