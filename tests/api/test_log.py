"""The log by /api/v1: one's own list, and the proof that it is whole."""

from audit import checkpoints, sequencer, verify
from audit import queries as audit
from ehr.words import Category
from tests import people


def grown():
    sequencer.sequence()
    checkpoints.sign()


def test_who_looked_is_told_newest_first(as_ana, ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    as_lee.get(f"patients/{ana.patient.pk}/record")
    told = as_ana.get("log").told
    assert (told["items"][0]["action"], told["items"][0]["actor"]["name"]) == ("chart.opened", "Dr Mei Lee")


def test_pages_of_the_list_follow_one_another(as_ana, ana, lee):
    for _ in range(3):
        people.give(ana, lee, Category.LABS)
    first = as_ana.get("log?count=2").told
    rest = as_ana.get(f"log?count=200&before={first['before']}").told
    events = [one["event"] for page in (first, rest) for one in page["items"]]
    assert len(events) == len(set(events)) == as_ana.get("log?count=200").told["total"]


def test_the_whole_list_proves_itself(as_ana):
    grown()
    answer = as_ana.get("log/whole")
    assert answer.status_code == 200
    assert verify.check([answer.content], as_ana.get("log/head").told["key"])


def test_before_the_first_head_it_says_try_again(as_ana):
    answer = as_ana.get("log/whole")
    assert (answer.status_code, answer.told["type"]) == (503, "urn:chartseal:problem:try-again")


def test_one_line_has_a_proof_of_its_own(as_ana):
    grown()
    event = as_ana.get("log").told["items"][-1]["event"]
    assert as_ana.get(f"log/{event}/proof").told["tlog_proof"].startswith("c2sp.org/tlog-proof")


def test_another_patient_s_line_is_not_there(as_ana, ben):
    grown()
    event = audit.story(ben.patient.pk)[0].event_id
    assert as_ana.get(f"log/{event}/proof").status_code == 404


def test_the_head_is_there_for_everybody(ground, nobody):
    assert nobody.get("log/head").told["size"] >= 0
