"""Every act that can stand on a patient's list has a sentence of its own; no sentence is about an act that is none."""

import ast
import re
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from audit import log, queries
from ehr import clock
from ehr.portals.patient import acts, story

PACKAGES = ("appointments", "audit", "consent", "patients", "providers", "research", "ehr")
ACT = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*")
# Acts about an account, a licence, a place or the log itself: they have no patient, so they stand on nobody's list.
ABOUT_NO_PATIENT = {
    "account", "backup-codes", "clinician", "credential", "evidence", "institution", "key", "keyring", "log",
    "guardian", "membership", "privilege", "recovery-code", "researcher", "second-factor", "service", "study",
    "team",
    "template",
}  # fmt: skip
WITHOUT_A_SUBJECT = {
    "app.registered", "app.changed", "app.reviewed", "app.withdrawn",
    "emergency.not-found", "identity.refused", "code.refused", "patient.not-found", "escrow.split", "escrow.rebuilt",
}  # fmt: skip
FILES_AND_COLUMNS = (
    ".csv",
    ".parquet",
    ".json",
    ".html",
    ".pdf",
    ".svg",
    ".txt",
    ".typ",
    ".py",
    ".id",
    ".part",
    ".version",
)
NO_ACTS = {
    "action",  # elements of FHIR
    "entity",
    "link",
    "member",
    "participant",
    "appointments",
    "charge",
    "clinic",
    "refund",
    "channel",
    "http",
    "desk",
    "ehr",
    "file",
    "package",
    "countries",
    "demo",
    "categories",
    "sensitive",
    "profiles-resources",
    "profiles-types",
    "valuesets",
}
# A patient treats nobody, and a machine decides nothing that is a patient's to decide.
NEVER_PATIENTS = {
    "research.credited",
    "research.not-taken",
    "research.lapsed",
    "subscription.made",
    "subscription.told",
    "subscription.ended",
    "case.assigned", "emergency.found", "emergency.opened", "emergency.failed", "emergency.reviewed",
    "emergency.overdue", "emergency.read", "app.connected",
    "chart.opened", "chart.opened-elsewhere", "chart.refused", "chart.listed", "patient.named", "access.asked",
    "access.refused",
    "access.withdrawn", "access.replied", "patient.found", "code.used", "identity.checked", "identity.verified",
    "claim.closed",
    "claim.invited", "claim.checked", "claim.refused", "access.explained", "access.not-explained", "referral.proposed",
    "referral.withdrawn", "referral.mandated", "report.filed", "case.read", "case.answered", "case.closed",
    "record.join-proposed", "record.join-checked", "record.joined", "record.join-refused", "record.part-proposed",
    "record.parted", "stray.removed", "stray.kept", "stray.addressed", "stray.moved",
    "stray.arrived",
    "grant.altered", "grant.token-skipped", "grant.unknown-token", "recovery.checked", "recovery.shortened",
    "recovery.released", "recovery.share-given", "recovery.refused", "succession.released",
    "escrow.opened", "escrow.share-opened", "escrow.refused",
    "nurse.assigned", "nurse.unassigned",
    "invoice.opened", "payment.deposited", "payment.reserved", "payment.freed", "payment.taken", "payment.returned",
    "payment.bounced", "payment.by-payer", "payment.stuck", "payment.waived",
    "payment.asked-again", "payment.mistaken", "payment.let-go", "payment.taken-up",
    "health-link.opened", "health-link.refused",
    "paper.checked", "paper.printed-again", "paper.ended", "paper.refused", "person.told", "person.address-noted",
    "bedside.begun", "delegation.accepted", "delegation.vouched", "delegation.withdrawn",
    "record.log-read", "record.log-refused", "consent.proposed",
    "appointment.proposed", "appointment.begun", "appointment.fulfilled", "appointment.missed", "appointment.mistaken",
    "appointment.read", "appointment.refused", "appointment.dispute-answered", "appointment.read-for",
    "waiting.offered", "waiting.lapsed",
    "record.opened-for", "record.refused-for", "record.log-read-for", "entry.added-for", "record.sorted", "entry.moved",
    "insurance.answered", "insurance.claimed", "insurance.decided", "video.let-in",
    "research.read", "research.refused", "research.counted", "research.asked", "research.released",
    "research.measured",
    "research.destroyed", "research.published", "research.paid",
    "research.recalled", "research.named", "research.settled", "joining.read",
}  # fmt: skip
ONLY_PATIENTS = {
    "research.joined",
    "research.claimed",
    "research.left",
    "device.added",
    "device.stopped",
    "consent.taken-up",
    "consent.dismissed",
    "emergency.contact-named",
    "emergency.contact-removed",
    "emergency.opted-out",
    "emergency.opted-in",
    "access.asked-why",
    "mandate.made",
    "mandate.ended",
    "referral.approved",
    "referral.declined",
    "reader.blocked",
    "reader.unblocked",
    "record.viewed-as",
    "grants.moved",
    "delegation.asked",
    "safety.changed",
    "record.opened",
    "record.refused",
    "record.copied",
    "record.collected",
    "appointment.confirmed",
    "patient.calendar-made",
    "patient.calendar-ended",
    "health-link.made",
    "health-link.stopped",
    "grant.made",
    "access.approved",
    "access.declined",
    "code.shown",
    "paper.used",
    "recovery.started",
    "recovery.cancelled",
    "recovery.finished",
}
ME = uuid4()
ACTORS = {
    "the patient": log.Party("person", ME, "Ana Costa", "patient", ""),
    "somebody else": log.Party("person", uuid4(), "Dr Mei Lee", "physician", "Harbour Medical Centre"),
    "a machine": log.Party("system", None, "City Hospital", "source", ""),
}


@cache
def named_acts() -> frozenset[str]:
    """Return every act about a patient that the code names, outside the page that puts them into words."""
    found = set()
    for package in PACKAGES:
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py"):
            if path.name in {"story.py", "acts.py"} or "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and ACT.fullmatch(node.value):
                    found.add(node.value)
    found = {one for one in found - WITHOUT_A_SUBJECT if not one.endswith(FILES_AND_COLUMNS)}
    return frozenset(one for one in found if one.split(".")[0] not in NO_ACTS | ABOUT_NO_PATIENT)


def happens(action: str, who: str) -> bool:
    if who == "the patient":
        return action not in NEVER_PATIENTS
    machines = {"emergency.overdue", "grant.altered", "grant.token-skipped", "grant.unknown-token", "record.begun"}
    machines |= {"research.credited", "research.not-taken", "research.lapsed"}
    machines |= {"record.sorted", "entry.moved", "insurance.answered", "insurance.claimed", "insurance.decided"}
    if action in machines or action.startswith("escrow."):
        return who == "a machine"
    return action not in ONLY_PATIENTS


def line(action: str, actor: log.Party, **more) -> queries.Line:
    details = {"reader_name": "Dr Mei Lee"}
    return queries.Line(1, uuid4(), clock.now(), uuid4(), actor, action, categories=("labs",), details=details, **more)


@pytest.mark.parametrize(
    ("action", "who"), [(action, who) for action in sorted(named_acts()) for who in ACTORS if happens(action, who)]
)
def test_every_act_has_words_whoever_did_it(action, who):
    outcome = "refused" if action.endswith(".refused") else "done"
    words = story.tell(line(action, ACTORS[who], outcome=outcome), me=ME).words
    assert not words.startswith("Something was noted")
    assert re.fullmatch(r"[A-Z][^%]*\.", words)
    assert who != "the patient" or words.split()[0] in {"You", "This"}


def test_no_sentence_is_left_of_an_act_that_is_no_more():
    told = {*acts.THEIRS, *acts.YOURS, *acts.YOURS_REFUSED, *acts.AUTOMATIC, *(act for act, _ in acts.CAUSED)}
    assert told - named_acts() == set()


@pytest.mark.parametrize(
    ("cause", "words"),
    [("time", "The time you gave Dr Mei Lee"), ("standing", "their licence or workplace no longer counts")],
)
def test_what_ended_by_itself_says_why(cause, words):
    assert words in story.tell(line("grant.ended", log.SYSTEM, because=cause), me=ME).words


def test_what_the_desk_stopped_is_not_told_as_the_patients_doing():
    stopped = line("recovery.cancelled", ACTORS["somebody else"], because="stopped-at-desk")
    assert story.tell(stopped, me=ME).words.startswith("Stopped getting your keys back")


def test_what_locked_keys_kept_shut_is_not_told_as_read():
    tried = line("record.opened", ACTORS["the patient"], outcome="refused", because="locked")
    assert "nothing opened" in story.tell(tried, me=ME).words


def test_what_only_passed_by_several_times_in_a_row_is_told_once():
    lee, other = ACTORS["somebody else"], log.Party("person", uuid4(), "Dr Omar Haddad")
    seen = [line("chart.listed", who, outcome="allowed") for who in (lee, lee, lee, other)]
    opened = [line("chart.opened", lee, outcome="allowed") for _ in range(2)]
    (day,) = story.by_day(story.tell(one, me=ME) for one in (*seen, *opened))
    assert [(told.who, told.times) for told in day.people] == [
        ("Dr Mei Lee", 3),
        ("Dr Omar Haddad", 1),
        ("Dr Mei Lee", 1),
        ("Dr Mei Lee", 1),
    ]


def test_who_looked_through_a_team_is_told_by_name_and_by_team():
    seen = line("chart.opened", ACTORS["somebody else"], outcome="allowed")
    seen.details["team_name"] = "Cardiology"
    one = story.tell(seen, me=ME)
    assert (one.who, one.place) == ("Dr Mei Lee", "Harbour Medical Centre")
    assert "for the care team Cardiology." in one.words


def test_an_assigned_nurse_is_named_with_the_team():
    made = line("nurse.assigned", ACTORS["somebody else"])
    made.details.update(reader_name="Dr Nora Quinn", team_name="Cardiology")
    assert story.tell(made, me=ME).words == "Let Dr Nora Quinn look after you as a nurse of the care team Cardiology."
