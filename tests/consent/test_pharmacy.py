"""Pharmacy: one prescription, and what was handed out for it; nothing else is read, changed or written."""

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from audit.queries import story
from consent import access, dispensing, keys
from consent.access import AccessDenied, ChangedMeanwhile, Draft
from consent.sharing import grants
from consent.sharing.grants import Narrow
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Entry
from providers.models import Credential
from providers.roles import Role
from tests import people
from tests.consent.conftest import draft

pytestmark = [pytest.mark.django_db, pytest.mark.security]
BOTH = (Action.READ, Action.WRITE)
TREATMENT = Category.TREATMENT


def prescription(words: str) -> Draft:
    return made("MedicationRequest", words)


def made(kind: str, words: str, part=TREATMENT, **more) -> Draft:
    """Return one small resource of a type, named by a word."""
    elements = {name: more.pop(name) for name in ("authorizingPrescription",) if name in more}
    more.setdefault("logical_id", uuid.uuid4())
    resource = {"resourceType": kind, "id": str(more["logical_id"]), "note": [{"text": words}], **elements}
    return Draft(resource=json.dumps(resource).encode(), parts=(str(part),), search=b"{}", **more)


def handed_out(prescribed: Draft, **more) -> Draft:
    named = [{"reference": f"MedicationRequest/{prescribed.logical_id}"}]
    return made("MedicationDispense", "handed out", authorizingPrescription=named, **more)


@pytest.fixture
def pharmacist(ground):
    return people.clinician("Paul Pharmacist", role=Role.PHARMACIST)


@pytest.fixture
def two(ana):
    """Two prescriptions of Ana's."""
    drafts = [prescription("metformin"), prescription("sertraline")]
    access.add_own(ana.patient, drafts, keyring=ana.keyring)
    return drafts


def share(ana, reader, *prescribed: Draft, **more):
    narrow = Narrow(entries=frozenset(str(one.logical_id) for one in prescribed))
    return people.give(ana, reader, TREATMENT, actions=BOTH, narrow=narrow, **more)


def write(ana, reader, *drafts: Draft):
    return access.add_entries(
        ana.patient, list(drafts), reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT
    )


def refused(ana, reader, *drafts: Draft) -> str:
    before = Entry.objects.count()
    with pytest.raises(AccessDenied) as found:
        write(ana, reader, *drafts)
    assert Entry.objects.count() == before
    return found.value.because


def read(ana, reader) -> set[str]:
    opened = access.open_chart(ana.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)
    return {one.resource["note"][0]["text"] for one in opened.entries}


def test_a_pharmacist_reads_the_one_prescription_and_the_keys_fit_no_other(ana, pharmacist, two):
    grant = share(ana, pharmacist, two[0])
    assert read(ana, pharmacist) == {"metformin"}
    assert keys.granted_boxes(ana.patient, {"treatment": grant}, keyring=pharmacist.keyring) == {}
    held = vault.read(ana.patient, {}, keys.granted_bundles([grant], keyring=pharmacist.keyring))
    assert [one.logical_id for one in held] == [two[0].logical_id]


def test_whole_parts_open_nothing_to_a_pharmacist(ana, pharmacist, two):
    people.give(ana, pharmacist, TREATMENT, actions=BOTH)
    with pytest.raises(AccessDenied):
        read(ana, pharmacist)
    refused(ana, pharmacist, handed_out(two[0]))


def test_what_was_handed_out_is_in_the_record_and_on_the_patients_list(ana, pharmacist, two):
    grant = share(ana, pharmacist, two[0])
    write(ana, pharmacist, handed_out(two[0]))
    own = access.open_own(ana.patient, keyring=ana.keyring)
    assert "MedicationDispense" in {one.resource["resourceType"] for one in own.entries}
    [line] = [line for line in story(ana.patient.pk) if line.action == "entry.added" and line.grant == grant.pk]
    assert "Paul Pharmacist" in line.actor.name
    assert list(line.categories) == ["treatment"]


@pytest.mark.parametrize(
    "other",
    [
        lambda _one: prescription("another medicine"),
        lambda _one: draft(TREATMENT, "a note"),
        lambda _one: made("MedicationDispense", "for nothing"),
        lambda one: made("MedicationRequest", "more of it", logical_id=one.logical_id, version=2),
        lambda one: handed_out(one, logical_id=one.logical_id, version=2),
    ],
    ids=["a prescription", "a note", "for no prescription", "a new version", "over the prescription"],
)
def test_a_pharmacist_writes_nothing_but_what_was_handed_out(ana, pharmacist, two, other):
    share(ana, pharmacist, two[0])
    assert refused(ana, pharmacist, other(two[0])) == "only-dispensing"


# --- Put down by mistake --------------------------------------------------------------------------
def first_of(grant, prescribed: Draft) -> Draft:
    return handed_out(prescribed, logical_id=dispensing.id_of(grant.pk, 1))


def corrected(before: Draft, prescribed: Draft, status="entered-in-error", version=2, **more) -> Draft:
    again = handed_out(prescribed, logical_id=before.logical_id, version=version, **more)
    return replace(again, resource=json.dumps(json.loads(again.resource) | {"status": status}).encode())


@pytest.fixture
def wrong(ana, pharmacist, two):
    """What Paul recorded by mistake for the first prescription: the permission, and the draft."""
    grant = share(ana, pharmacist, two[0])
    found = first_of(grant, two[0])
    write(ana, pharmacist, found)
    return grant, found


@pytest.mark.parametrize(("status", "why"), [("entered-in-error", "taken-back"), ("completed", "put-right")])
def test_a_pharmacist_puts_right_what_they_recorded_and_the_patient_is_told(ana, pharmacist, two, wrong, status, why):
    grant, before = wrong
    write(ana, pharmacist, corrected(before, two[0], status))
    own = access.open_own(ana.patient, keyring=ana.keyring)
    [now] = [one for one in own.entries if one.logical_id == before.logical_id]
    assert (now.version, now.resource["status"], now.author_valid) == (2, status, True)
    [line] = [line for line in story(ana.patient.pk) if line.action == "entry.changed"]
    assert (line.because, line.grant) == (why, grant.pk)


def test_what_was_taken_back_may_be_put_right_again(ana, pharmacist, two, wrong):
    write(ana, pharmacist, corrected(wrong[1], two[0]))
    write(ana, pharmacist, corrected(wrong[1], two[0], "completed", version=3))
    assert Entry.objects.filter(logical_id=wrong[1].logical_id).count() == 3


def test_of_two_corrections_at_once_one_counts(ana, pharmacist, two, wrong):
    write(ana, pharmacist, corrected(wrong[1], two[0]))
    with pytest.raises(ChangedMeanwhile):
        write(ana, pharmacist, corrected(wrong[1], two[0], "completed"))


@pytest.mark.parametrize("status", ["in-progress", "stopped", "", None])
def test_a_correction_says_that_it_never_was_or_how_it_was(ana, pharmacist, two, wrong, status):
    assert refused(ana, pharmacist, corrected(wrong[1], two[0], status)) == "only-dispensing"


def test_another_pharmacist_with_the_same_prescription_corrects_nothing(ana, two, wrong):
    other = people.clinician("Petra Pharmacist", role=Role.PHARMACIST)
    share(ana, other, two[0])
    assert refused(ana, other, corrected(wrong[1], two[0])) == "only-dispensing"


def test_nothing_is_corrected_in_the_name_of_another_prescription(ana, pharmacist, two, wrong):
    share(ana, pharmacist, two[1])
    assert refused(ana, pharmacist, corrected(wrong[1], two[1])) == "only-dispensing"


def test_once_it_is_over_or_stopped_nothing_is_corrected(ana, pharmacist, two, wrong):
    grant, before = wrong
    with time_machine.travel(grant.ends, tick=False):
        assert refused(ana, pharmacist, corrected(before, two[0])) == "over"


def test_once_it_is_stopped_nothing_is_corrected(ana, pharmacist, two, wrong):
    grants.end(wrong[0], keyring=ana.keyring, by=access.own_party(ana.patient))
    assert refused(ana, pharmacist, corrected(wrong[1], two[0])) == "stopped"


def test_shared_again_it_can_be_corrected_again(ana, pharmacist, two, wrong):
    grants.end(wrong[0], keyring=ana.keyring, by=access.own_party(ana.patient))
    share(ana, pharmacist, two[0])
    write(ana, pharmacist, corrected(wrong[1], two[0]))


def test_what_somebody_else_wrote_on_top_stays(ana, pharmacist, two, wrong):
    lee = people.clinician("Mei Lee")
    people.give(ana, lee, TREATMENT, actions=BOTH)
    write(ana, lee, corrected(wrong[1], two[0]))
    assert refused(ana, pharmacist, corrected(wrong[1], two[0], "completed", version=3)) == "only-dispensing"


def test_what_a_physician_or_the_patient_wrote_is_not_corrected(ana, pharmacist, two, wrong):
    mine = handed_out(two[0])
    access.add_own(ana.patient, [mine], keyring=ana.keyring)
    assert refused(ana, pharmacist, corrected(mine, two[0])) == "only-dispensing"


def test_something_else_is_not_slipped_in_beside_a_correction(ana, pharmacist, two, wrong):
    over = made("MedicationRequest", "more of it", logical_id=two[0].logical_id, version=2)
    assert refused(ana, pharmacist, corrected(wrong[1], two[0]), over) == "only-dispensing"
    named = handed_out(two[0], logical_id=two[0].logical_id, version=2)
    assert refused(ana, pharmacist, corrected(wrong[1], two[0]), named) == "only-dispensing"


def test_a_correction_is_put_into_no_other_part(ana, pharmacist, two, wrong):
    elsewhere = corrected(wrong[1], two[0], part=Category.MENTAL_HEALTH)
    assert refused(ana, pharmacist, elsewhere) == "not-in-grant"


def test_what_was_not_counted_from_a_permission_is_not_corrected(ana, pharmacist, two):
    share(ana, pharmacist, two[0])
    first = handed_out(two[0])
    write(ana, pharmacist, first)
    assert refused(ana, pharmacist, corrected(first, two[0])) == "only-dispensing"


def test_something_else_is_not_slipped_in_beside_it(ana, pharmacist, two):
    share(ana, pharmacist, two[0])
    assert refused(ana, pharmacist, handed_out(two[0]), prescription("another")) == "only-dispensing"


def test_nothing_is_handed_out_for_a_prescription_that_was_not_shared(ana, pharmacist, two):
    share(ana, pharmacist, two[0])
    assert refused(ana, pharmacist, handed_out(two[1])) == "not-in-grant"
    assert refused(ana, pharmacist, handed_out(two[0]), handed_out(two[1])) == "only-dispensing"


def test_nothing_is_put_into_another_part(ana, pharmacist, two):
    share(ana, pharmacist, two[0])
    assert refused(ana, pharmacist, handed_out(two[0], part=Category.LABS)) == "not-in-grant"


def test_each_of_two_prescriptions_counts_under_its_own_permission(ana, pharmacist, two):
    by = {one.logical_id: share(ana, pharmacist, one, days=days) for one, days in zip(two, (5, 20), strict=True)}
    for one in two:
        write(ana, pharmacist, handed_out(one))
    told = {line.grant for line in story(ana.patient.pk) if line.action == "entry.added"}
    assert {grant.pk for grant in by.values()} <= told


def test_once_it_is_over_nothing_is_read_or_written(ana, pharmacist, two):
    grant = share(ana, pharmacist, two[0])
    with time_machine.travel(grant.ends - timedelta(seconds=1), tick=False):
        assert read(ana, pharmacist) == {"metformin"}
    with time_machine.travel(grant.ends, tick=False):
        assert refused(ana, pharmacist, handed_out(two[0])) == "over"
        with pytest.raises(AccessDenied):
            read(ana, pharmacist)


def test_once_it_is_stopped_nothing_is_recorded(ana, pharmacist, two):
    grant = share(ana, pharmacist, two[0])
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))
    assert refused(ana, pharmacist, handed_out(two[0])) == "stopped"


def test_with_a_permission_to_read_only_nothing_is_recorded(ana, pharmacist, two):
    people.give(ana, pharmacist, TREATMENT, narrow=Narrow(entries=frozenset({str(two[0].logical_id)})))
    assert refused(ana, pharmacist, handed_out(two[0])) == "not-in-grant"


def test_the_same_dispensing_twice_is_one(ana, pharmacist, two):
    grant = share(ana, pharmacist, two[0])
    same = dispensing.id_of(grant.pk, 1)
    write(ana, pharmacist, handed_out(two[0], logical_id=same))
    with pytest.raises((ChangedMeanwhile, AccessDenied)):
        write(ana, pharmacist, handed_out(two[0], logical_id=same))
    assert Entry.objects.filter(logical_id=same).count() == 1


def test_who_is_a_physician_too_writes_as_one(ana, pharmacist, two):
    both = Credential.objects.get(clinician__user=pharmacist.user)
    both.pk, both.role, both.digest = None, Role.PRIMARY_PHYSICIAN, uuid.uuid4().bytes * 2
    both.licence_number = uuid.uuid4().hex[:10]
    both.save(force_insert=True)
    people.give(ana, pharmacist, TREATMENT, actions=BOTH)
    write(ana, pharmacist, prescription("another medicine"))


def test_a_pharmacist_is_offered_no_writing_in_the_chart(ana, pharmacist, two):
    share(ana, pharmacist, two[0])
    opened = access.open_chart(ana.patient, reader=pharmacist.user, keyring=pharmacist.keyring, purpose=Purpose.TREAT)
    assert opened.writable == ()
