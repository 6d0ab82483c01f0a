"""Safety mode: what a patient keeps from a delegate looks as if it had never been there."""

import json

import pytest

from audit import queries as audit
from consent import access
from consent.access import Draft
from consent.access.acting import open_as_delegate, open_file_as_delegate, read_log_as_delegate
from consent.access.safety import hidden_from, without_address
from consent.delegates import hiding
from consent.sharing import blocks
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from patients.queries import current_entry
from tests import people
from tests.consent.delegating import lines, name, opened

PERSON = {
    "resourceType": "Patient",
    "id": "p",
    "text": {"status": "generated", "div": "<div>Ana, 4 Secret Lane</div>"},
    "extension": [
        {"url": "birthPlace", "valueAddress": {"city": "Secret City"}},
        {"url": "pet", "valueString": "cat"},
    ],
    "name": [{"family": "Costa"}],
    "telecom": [{"system": "phone", "value": "secret-1"}],
    "address": [{"line": ["4 Secret Lane"]}],
    "photo": [{"url": "https://example.org/photo"}],
    "contact": [{"name": {"family": "Okoro"}, "telecom": [{"value": "secret-2"}], "address": {"city": "Secret City"}}],
    "contained": [
        {"resourceType": "Organization", "name": "Shelter", "address": [{"line": ["Secret Road"]}]},
        {"resourceType": "RelatedPerson", "telecom": [{"value": "secret-3"}]},
    ],
}
NEVER_WRITTEN = {
    "resourceType": "Patient",
    "id": "p",
    "extension": [{"url": "pet", "valueString": "cat"}],
    "name": [{"family": "Costa"}],
    "photo": [{"url": "https://example.org/photo"}],
    "contact": [{"name": {"family": "Okoro"}}],
    "contained": [{"resourceType": "Organization", "name": "Shelter"}, {"resourceType": "RelatedPerson"}],
}
PLAIN = {"resourceType": "Observation", "status": "final", "text": {"div": "72"}, "valueString": "72", "note": []}
MEETINGS = [
    {"resourceType": "Appointment", "status": "booked"},
    {"resourceType": "Encounter", "status": "planned"},
]
PARTS = (Category.BASIC, Category.HISTORY, Category.LABS)


def entry(resource, part, **more):
    return Draft(resource=json.dumps(resource).encode(), parts=(str(part),), search=b"{}", **more)


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


@pytest.fixture
def hers(ana):
    """Ana, with an address, a measurement and two appointments in her record."""
    written = [entry(PERSON, "basic"), entry(PLAIN, "labs"), *(entry(one, "history") for one in MEETINGS)]
    access.add_own(ana.patient, written, keyring=ana.keyring)
    return ana


def read(ana, rui) -> list[dict]:
    return [one.resource for one in opened(ana, rui).entries]


def hide(ana, rui, *what):
    return hiding.hide(ana.patient, what=what, delegate=rui.user)


# --- Addresses -----------------------------------------------------------------------------------
def test_without_an_address_a_resource_is_as_if_it_had_never_been_written():
    assert without_address(PERSON) == NEVER_WRITTEN
    assert without_address(PLAIN) == PLAIN


def test_the_address_is_gone_from_all_a_delegate_reads(hers, rui):
    name(hers, rui, categories=PARTS)
    assert PERSON in read(hers, rui)
    hide(hers, rui, "address")
    found = read(hers, rui)
    assert NEVER_WRITTEN in found
    assert "ecret" not in json.dumps(found)
    assert len(found) == 4


def test_the_patient_and_others_go_on_seeing_it(hers, rui, lee):
    name(hers, rui, categories=PARTS)
    people.give(hers, lee, Category.BASIC)
    hide(hers, rui, "address")
    own = access.open_own(hers.patient, keyring=hers.keyring)
    chart = access.open_chart(hers.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert all(PERSON in [one.resource for one in found.entries] for found in (own, chart))


def test_what_is_left_out_says_nothing_of_it_on_the_page(hers, rui):
    name(hers, rui, categories=PARTS)
    hide(hers, rui, "address")
    shown = next(one for one in opened(hers, rui).entries if one.resource == NEVER_WRITTEN)
    assert (shown.version, shown.author_valid, shown.author_name) == (1, True, "Ana Costa")


# --- Appointments --------------------------------------------------------------------------------
def test_appointments_are_gone(hers, rui):
    name(hers, rui, categories=PARTS)
    assert all(one in read(hers, rui) for one in MEETINGS)
    hide(hers, rui, "appointments")
    assert read(hers, rui) == [PLAIN, PERSON] or read(hers, rui) == [PERSON, PLAIN]


def test_without_the_right_to_appointments_there_are_none_either(hers, rui):
    name(hers, rui, categories=PARTS, rights=("read",))
    assert not [one for one in read(hers, rui) if one in MEETINGS]


def test_a_file_of_what_is_hidden_does_not_open(ana, rui):
    meeting = entry(MEETINGS[0], "history", attachment=b"map")
    access.add_own(ana.patient, [meeting], keyring=ana.keyring)
    name(ana, rui, categories=PARTS)
    row = current_entry(ana.patient, meeting.logical_id)
    asked = {"delegate": rui.user, "keyring": rui.keyring}
    assert open_file_as_delegate(ana.patient, row, **asked)[0] == b"map"
    hide(ana, rui, "appointments")
    assert open_file_as_delegate(ana.patient, row, **asked) is None


# --- The log -------------------------------------------------------------------------------------
def told(ana, rui, **more):
    return read_log_as_delegate(ana.patient, delegate=rui.user, **more)


def test_hiding_leaves_no_line_for_any_delegate(hers, rui):
    name(hers, rui, categories=PARTS)
    before = {line.event_id for line in told(hers, rui)}
    hide(hers, rui, "address", "appointments")
    blocks.block(hers.patient, reader=people.account("Somebody Else").user)
    after = [line for line in told(hers, rui) if line.event_id not in before]
    assert {line.action for line in after} == {"record.log-read-for"}
    assert lines(hers, "safety.changed")


def test_with_the_log_hidden_only_ones_own_acts_are_left(hers, rui, lee):
    name(hers, rui, categories=PARTS)
    people.give(hers, lee, Category.LABS)
    opened(hers, rui)
    access.open_chart(hers.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    hide(hers, rui, "log")
    assert {line.actor.id for line in told(hers, rui)} == {rui.user.pk}
    assert {line.actor.id for line in audit.story(hers.patient.pk)} > {rui.user.pk, lee.user.pk}


def test_what_is_left_fills_whole_pages(hers, rui):
    name(hers, rui, categories=PARTS)
    for _ in range(3):
        for _ in range(4):
            access.open_own(hers.patient, keyring=hers.keyring)
        opened(hers, rui)
    hide(hers, rui, "log")
    first = told(hers, rui, limit=2)
    rest = told(hers, rui, limit=10, before=first[-1].event_id)
    assert len(first) == 2
    # Three openings, and the reading of the list that came before the first page.
    assert len({line.event_id for line in (*first, *rest)}) == 4


# --- Choosing ------------------------------------------------------------------------------------
def test_the_delegate_is_told_nothing(hers, rui):
    name(hers, rui)
    before = Notice.objects.filter(user=rui.user).count()
    hide(hers, rui, "address", "log")
    assert Notice.objects.filter(user=rui.user).count() == before


def test_choosing_again_replaces_and_choosing_nothing_lifts_it(hers, rui):
    name(hers, rui, categories=PARTS)
    hide(hers, rui, "address")
    hide(hers, rui, "log", "appointments")
    assert hidden_from(hers.patient, rui.user) == {"log", "appointments"}
    hide(hers, rui)
    assert hidden_from(hers.patient, rui.user) == frozenset()
    assert PERSON in read(hers, rui)


def test_choosing_the_same_twice_is_one_line(hers, rui):
    name(hers, rui)
    for _ in range(2):
        hide(hers, rui, "address")
    assert len(lines(hers, "safety.changed")) == 1


def test_what_is_kept_from_one_is_not_kept_from_another(hers, rui):
    other = people.account("Olga Costa")
    for one in (rui, other):
        name(hers, one, categories=PARTS)
    hide(hers, rui, "address")
    found = open_as_delegate(hers.patient, delegate=other.user, keyring=other.keyring)
    assert PERSON in [one.resource for one in found.entries]
