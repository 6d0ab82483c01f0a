"""Ana shares one prescription with a pharmacist, who opens it and records what was handed out."""

import pytest
import time_machine
from django.urls import reverse

from audit import queries as log
from consent import access
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants, pharmacy
from ehr.words import Action, Category, Purpose
from patients.models import Entry
from providers.roles import Role
from tests import people
from tests.clinician.conftest import browser_of, medicine, put

pytestmark = pytest.mark.django_db
TREATMENT = "/patient/record/treatment/"
HANDED = {"number": "1", "quantity": "30", "unit": "tablets", "supply": "30", "on": "2026-02-03", "note": "Generic"}


@pytest.fixture
def paul(ground):
    return people.clinician("Paul Pharmacist", role=Role.PHARMACIST)


@pytest.fixture
def ours(ana):
    return browser_of(ana, second_step=False)


def share(browser, entry, reader, days="7"):
    """Walk Ana's three pages; return the answer to the confirmation."""
    where = browser.post(reverse("patient:pharmacy", args=[entry]), {"reader": reader.user.pk})["Location"]
    where = browser.post(where, {"days": days})["Location"]
    browser.get(where)
    return browser.post(where, {})


@pytest.fixture
def shared(ours, record, paul):
    share(ours, record["Metformin"], paul)
    return Grant.objects.get()


def page(ana, entry) -> str:
    return reverse("clinician:prescription", args=[ana.patient.pk, entry])


def handed_out() -> int:
    return Entry.objects.filter(manifest__author__reader__name__contains="Paul").count()


# --- Ana's side ----------------------------------------------------------------------------------
def test_a_prescription_is_shared_from_where_it_stands_in_the_record(ours, paul, record):
    address = reverse("patient:pharmacy", args=[record["Metformin"]])
    assert address in ours.get(reverse("patient:category", args=["treatment"])).content.decode()
    found = ours.get(address).content.decode()
    assert "Metformin 500 mg" in found
    assert "Paul Pharmacist" in found


def test_only_pharmacists_can_be_chosen(ours, lee, paul, record):
    address = reverse("patient:pharmacy", args=[record["Metformin"]])
    assert "Mei Lee" not in ours.get(address).content.decode()
    for wrong in (lee.user.pk, "nobody"):
        assert ours.post(address, {"reader": wrong}).status_code == 404


def test_what_is_confirmed_is_one_entry_for_a_month_at_most(ours, paul, record):
    for days in ("29", "30", "365"):
        where = ours.post(reverse("patient:pharmacy", args=[record["Metformin"]]), {"reader": paul.user.pk})["Location"]
        answer = ours.post(where, {"days": days})
        assert (answer.status_code == 302) is (days == "29")
    share(ours, record["Metformin"], paul, days="29")
    grant = Grant.objects.get()
    assert (grant.entries, grant.categories, grant.actions) == (
        [str(record["Metformin"])],
        ["treatment"],
        ["read", "write"],
    )
    assert grant.ends - grant.starts <= pharmacy.LONGEST


def test_a_confirmation_sent_twice_is_one(ours, paul, record):
    where = ours.post(reverse("patient:pharmacy", args=[record["Metformin"]]), {"reader": paul.user.pk})["Location"]
    where = ours.post(where, {"days": "7"})["Location"]
    assert "one entry that you chose" in ours.get(where).context["sentence"]
    assert ours.post(where, {})["Location"] == ours.post(where, {})["Location"]
    assert Grant.objects.count() == 1


def test_nothing_but_a_prescription_in_force_is_shared_this_way(ana, ours, record):
    (old,) = put(ana, medicine("Aspirin", status="stopped"))
    (never,) = put(ana, medicine("Ibuprofen") | {"doNotPerform": True})
    assert reverse("patient:pharmacy", args=[never]) not in ours.get(TREATMENT).content.decode()
    for other in (record["Glucose"], record["Asthma"], old, never):
        assert ours.get(reverse("patient:pharmacy", args=[other])).status_code == 404


def test_a_sensitive_prescription_needs_its_own_tick(ana, ours, paul):
    (entry,) = put(ana, medicine("Sertraline") | {"meta": {"security": [psychiatric()]}})
    share(ours, entry, paul)
    assert not Grant.objects.exists()
    where = ours.post(reverse("patient:pharmacy", args=[entry]), {"reader": paul.user.pk})["Location"]
    where = ours.post(where, {"days": "7"})["Location"]
    ours.get(where)
    ours.post(where, {"also-mental-health": "on"})
    assert Grant.objects.get().categories == ["mental-health"]
    paper = browser_of(paul)
    assert paper.post(page(ana, entry), HANDED).status_code == 302
    assert handed_out() == 1
    [line] = [line for line in log.story(ana.patient.pk) if line.action == "entry.added" and line.grant]
    assert list(line.categories) == ["mental-health"]


def psychiatric() -> dict:
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}


@pytest.mark.security
def test_anothers_prescription_is_not_there(record, paul):
    other = browser_of(people.patient("Ben Okoro"), second_step=False)
    assert other.get(reverse("patient:pharmacy", args=[record["Metformin"]])).status_code == 404


# --- The pharmacist's side ------------------------------------------------------------------------
def test_the_pharmacist_finds_it_opens_it_and_records_what_was_handed_out(ana, ours, paul, record, shared):
    seen = browser_of(paul)
    assert reverse("clinician:prescriptions") in seen.get(reverse("clinician:home")).content.decode()
    assert page(ana, record["Metformin"]) in seen.get(reverse("clinician:prescriptions")).content.decode()
    assert "Metformin 500 mg" in seen.get(page(ana, record["Metformin"])).content.decode()
    told = seen.post(page(ana, record["Metformin"]), HANDED, follow=True).content.decode()
    assert "It is recorded" in told
    assert "what you handed out" in told
    mine = ours.get(reverse("patient:category", args=["treatment"])).content.decode()
    for words in ("Handed out by a pharmacy", "handed out: 30 tablets", "enough for 30 days", "Generic"):
        assert words in mine
    assert "Medicines you no longer take" not in mine
    looked = ours.get(reverse("patient:looked")).content.decode()
    assert "Added something to your medicines and care plans" in looked
    assert "Paul Pharmacist" in looked


def test_the_dispensing_names_its_prescription_and_the_medicine_as_prescribed(ana, paul, record, shared):
    browser_of(paul).post(page(ana, record["Metformin"]), HANDED)
    own = access.open_own(ana.patient, keyring=ana.keyring)
    [one] = [entry.resource for entry in own.entries if entry.resource["resourceType"] == "MedicationDispense"]
    assert one["authorizingPrescription"] == [{"reference": f"MedicationRequest/{record['Metformin']}"}]
    assert one["medicationCodeableConcept"] == {"text": "Metformin 500 mg"}
    assert (one["quantity"], one["whenHandedOver"]) == ({"value": 30, "unit": "tablets"}, "2026-02-03")
    assert one["daysSupply"]["value"] == 30


def test_recorded_twice_by_a_double_press_or_another_tab_is_one(ana, paul, record, shared):
    seen, other = browser_of(paul), browser_of(paul)
    for browser in (seen, seen, other):
        assert browser.post(page(ana, record["Metformin"]), HANDED).status_code == 302
    assert handed_out() == 1
    assert seen.post(page(ana, record["Metformin"]), HANDED | {"number": "2"}).status_code == 302
    assert handed_out() == 2


@pytest.mark.parametrize(
    "wrong", [{"quantity": ""}, {"quantity": "0"}, {"quantity": "-3"}, {"unit": ""}, {"on": "2099-01-01"}, {"on": ""}]
)
def test_what_is_missing_is_asked_for_again(ana, paul, record, shared, wrong):
    again = browser_of(paul).post(page(ana, record["Metformin"]), HANDED | wrong)
    assert again.context["form"].errors
    assert handed_out() == 0


def test_with_locked_keys_nothing_opens(ana, paul, record, shared):
    locked = browser_of(paul, unlocked=False)
    assert locked.get(page(ana, record["Metformin"])).status_code == 403
    assert locked.post(page(ana, record["Metformin"]), HANDED).status_code == 403
    assert handed_out() == 0


@pytest.mark.security
def test_no_other_entry_opens_and_nothing_is_recorded_for_one(ana, paul, record, shared):
    (other,) = put(ana, medicine("Aspirin"))
    seen = browser_of(paul)
    for entry in (other, record["Glucose"]):
        assert seen.get(page(ana, entry)).status_code == 404
        assert seen.post(page(ana, entry), HANDED).status_code == 404
    chart = seen.get(reverse("clinician:chart", args=[ana.patient.pk])).content.decode()
    assert "Metformin" in chart
    for hidden in ("Aspirin", "Glucose", "Asthma", ">Add<"):
        assert hidden not in chart
    assert handed_out() == 0


@pytest.mark.security
@pytest.mark.parametrize("verb", ["change", "stop", "mistake"])
def test_the_prescription_is_not_changed_by_who_fills_it(ana, paul, record, shared, verb):
    address = reverse(f"clinician:{verb}", args=[ana.patient.pk, record["Metformin"]])
    seen = browser_of(paul)
    assert (
        address not in seen.get(reverse("clinician:entry", args=[ana.patient.pk, record["Metformin"]])).content.decode()
    )
    seen.post(address, {"version": "1", "reason": "x", "on": "2026-02-03", "name": "Other", "how": "x"})
    assert Entry.objects.filter(logical_id=record["Metformin"]).count() == 1


def test_a_prescription_that_was_changed_since_is_not_filled(ana, lee, paul, record, shared):
    people.give(ana, lee, Category.TREATMENT, actions=(Action.READ, Action.WRITE))
    address = reverse("clinician:stop", args=[ana.patient.pk, record["Metformin"]])
    assert browser_of(lee).post(address, {"version": "1", "reason": "No longer", "on": "2026-02-03"}).status_code == 302
    seen = browser_of(paul)
    shown = seen.get(page(ana, record["Metformin"]))
    assert shown.context["form"] is None
    assert seen.post(page(ana, record["Metformin"]), HANDED).status_code == 200
    assert handed_out() == 0


@pytest.mark.security
def test_once_it_is_over_or_stopped_it_is_gone(ana, paul, record, shared):
    grants.end(shared, keyring=ana.keyring, by=own_party(ana.patient))
    seen = browser_of(paul)
    assert seen.get(page(ana, record["Metformin"])).status_code == 404
    assert seen.post(page(ana, record["Metformin"]), HANDED).status_code == 404
    assert "Ana Costa" not in seen.get(reverse("clinician:prescriptions")).content.decode()


@pytest.mark.security
def test_at_its_end_it_is_gone_with_no_job_running(ana, paul, record, shared):
    with time_machine.travel(shared.ends, tick=False):
        assert browser_of(paul).get(page(ana, record["Metformin"])).status_code == 404


@pytest.mark.security
def test_a_physician_has_no_such_page(ana, lee, browser, record):
    people.give(ana, lee, *Category, actions=(Action.READ, Action.WRITE))
    assert browser.get(page(ana, record["Metformin"])).status_code == 404
    assert browser.get(reverse("clinician:prescriptions")).context["shared"] == []


def test_each_opening_and_the_list_are_on_the_patients_list(ana, paul, record, shared):
    seen = browser_of(paul)
    seen.get(reverse("clinician:prescriptions"))
    seen.get(page(ana, record["Metformin"]))
    told = [(line.action, line.because) for line in log.story(ana.patient.pk)]
    assert ("patient.named", "prescriptions") in told
    assert ("entry.opened", "grant") in told
    assert Purpose.TREAT in {line.purpose for line in log.story(ana.patient.pk) if line.action == "entry.opened"}


# --- Recorded by mistake --------------------------------------------------------------------------
NEVER = {"number": "1", "what": "never", "reason": "Typed for another patient"}


@pytest.fixture
def mistaken(ana, paul, record, shared):
    """Paul's browser, and the address where he puts right what he recorded."""
    seen = browser_of(paul)
    seen.post(page(ana, record["Metformin"]), HANDED)
    [handed] = pharmacy.recorded(shared)
    address = reverse("clinician:prescription-correct", args=[ana.patient.pk, record["Metformin"], handed.logical_id])
    assert address in seen.get(page(ana, record["Metformin"])).content.decode()
    return seen, address


def dispensed(ana) -> dict:
    own = access.open_own(ana.patient, keyring=ana.keyring)
    [one] = [entry.resource for entry in own.entries if entry.resource["resourceType"] == "MedicationDispense"]
    return one


def test_a_mistake_is_shown_once_more_and_then_taken_back(ana, ours, mistaken):
    seen, address = mistaken
    assert "What is right?" in seen.get(address).content.decode()
    asked = seen.post(address, NEVER).content.decode()
    assert "marked as a mistake" in asked
    assert handed_out() == 1
    told = seen.post(address, NEVER | {"sure": "1"}, follow=True).content.decode()
    assert "It is taken back" in told
    assert "You put it right on" in told
    now = dispensed(ana)
    assert (now["status"], now["note"][0]["text"]) == ("entered-in-error", "Typed for another patient")
    assert "quantity" not in now
    looked = ours.get(reverse("patient:looked")).content.decode()
    assert "Took back what they had recorded as handed out" in looked


def test_another_amount_takes_the_place_of_the_first_which_is_kept(ana, ours, mistaken):
    seen, address = mistaken
    right = HANDED | {"what": "otherwise", "quantity": "20", "reason": "Miscounted"}
    assert "20 tablets" in seen.post(address, right).content.decode()
    assert seen.post(address, right | {"sure": "1"}).status_code == 302
    assert (dispensed(ana)["quantity"]["value"], dispensed(ana)["status"]) == (20, "completed")
    assert handed_out() == 2
    looked = ours.get(reverse("patient:looked")).content.decode()
    assert "Put right what they had recorded as handed out" in looked


def test_confirmed_twice_it_is_put_right_once(mistaken):
    seen, address = mistaken
    for _press in range(2):
        assert seen.post(address, NEVER | {"sure": "1"}).status_code == 302
    assert handed_out() == 2


@pytest.mark.parametrize("lacking", [{"what": ""}, {"reason": ""}, {"what": "otherwise"}])
def test_what_a_correction_lacks_is_asked_for_again(mistaken, lacking):
    seen, address = mistaken
    again = seen.post(address, NEVER | {"sure": "1"} | lacking)
    assert again.context["form"].errors
    assert not again.context["asked"]
    assert handed_out() == 1


@pytest.mark.security
def test_another_pharmacist_another_prescription_and_a_stopped_permission_find_nothing(
    ana, ours, record, shared, mistaken
):
    seen, address = mistaken
    petra = people.clinician("Petra Pharmacist", role=Role.PHARMACIST)
    share(ours, record["Metformin"], petra)
    assert browser_of(petra).get(address).status_code == 404
    assert browser_of(petra).post(address, NEVER | {"sure": "1"}).status_code == 404
    (other,) = put(ana, medicine("Aspirin"))
    elsewhere = address.replace(str(record["Metformin"]), str(other))
    assert seen.post(elsewhere, NEVER | {"sure": "1"}).status_code == 404
    grants.end(shared, keyring=ana.keyring, by=own_party(ana.patient))
    assert seen.get(address).status_code == 404
    assert seen.post(address, NEVER | {"sure": "1"}).status_code == 404
    assert handed_out() == 1
