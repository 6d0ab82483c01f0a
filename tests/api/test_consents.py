"""Permissions by /api/v1: read the sentence, send it back, and it is signed with one's own keys."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from consent import proofs
from consent.models import Grant
from ehr import clock
from ehr.words import Category
from tests import people
from tests.api.conftest import signed_in


def asked(lee, **more):
    ends = (clock.now() + timedelta(days=30)).isoformat()
    return {"reader": str(lee.user.pk), "categories": ["labs"], "ends": ends} | more


def given(program, told, *, address="consents", once=None):
    sentence = program.post(address, told).told["sentence"]
    headers = {"Idempotency_Key": str(once)} if once else {}
    return program.post(address, told | {"sentence": sentence}, **headers)


def test_nothing_is_given_before_the_sentence_comes_back(as_ana, lee):
    told = as_ana.post("consents", asked(lee)).told
    assert "Mei Lee" in told["sentence"]
    assert not Grant.objects.exists()


def test_the_sentence_that_was_read_is_signed(as_ana, lee, ana):
    answer = given(as_ana, asked(lee))
    assert answer.status_code == 201
    grant = Grant.objects.get()
    assert (str(grant.pk), grant.sentence, grant.categories) == (answer.told["id"], answer.told["sentence"], ["labs"])
    assert proofs.genuine(grant)


def test_another_sentence_gives_nothing(as_ana, lee):
    answer = as_ana.post("consents", asked(lee, sentence="Dr Lee may see everything for ever."))
    assert answer.status_code == 409
    assert not Grant.objects.exists()


def test_the_same_act_sent_twice_is_done_once(as_ana, ana, lee):
    told, once = asked(lee), uuid.uuid4()
    first, second = (given(as_ana, told, once=once) for _ in range(2))
    assert first.told["id"] == second.told["id"] == str(uuid.uuid5(ana.user.pk, str(once)))
    assert Grant.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"categories": ["history"]},
        {"actions": ["read", "write"]},
        {"record_from": "2024-01-01"},
        {"places": ["PT"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_one_key_does_not_answer_for_other_terms(as_ana, lee, other):
    told, once = asked(lee), uuid.uuid4()
    given(as_ana, told, once=once)
    answer = given(as_ana, told | other, once=once)
    assert (answer.status_code, answer.told["type"]) == (409, "urn:chartseal:problem:cannot")
    assert Grant.objects.count() == 1


def test_one_key_does_not_answer_for_another_end(as_ana, lee):
    told, once = asked(lee), uuid.uuid4()
    given(as_ana, told, once=once)
    later = {"ends": (clock.now() + timedelta(days=40)).isoformat()}
    assert given(as_ana, told | later, once=once).status_code == 409


def test_one_key_does_not_answer_for_another_reader(as_ana, lee):
    once, kim = uuid.uuid4(), people.clinician("Jo Kim")
    given(as_ana, asked(lee), once=once)
    answer = given(as_ana, asked(kim), once=once)
    assert (answer.status_code, "Mei Lee" in str(answer.told)) == (409, False)


def test_two_people_may_send_the_same_key(as_ana, ben, lee):
    once = uuid.uuid4()
    assert [given(one, asked(lee), once=once).status_code for one in (as_ana, signed_in(ben))] == [201, 201]


def test_for_some_hours_the_same_act_sent_twice_is_done_once_also_minutes_later(as_ana, lee):
    told, once = {"reader": str(lee.user.pk), "categories": ["labs"], "hours": 2}, str(uuid.uuid4())
    told["sentence"] = as_ana.post("consents/temporary", told).told["sentence"]
    first = as_ana.post("consents/temporary", told, Idempotency_Key=once)
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        second = as_ana.post("consents/temporary", told, Idempotency_Key=once)
    assert (first.status_code, second.told["id"]) == (201, first.told["id"])


def test_a_sensitive_part_is_named_apart_or_not_at_all(as_ana, lee):
    assert as_ana.post("consents", asked(lee, categories=["genetic"])).status_code == 400
    told = asked(lee, categories=[], sensitive=["genetic"])
    assert given(as_ana, told).told["categories"] == ["genetic"]


def test_nobody_outside_the_directory_is_let_in(as_ana, ben):
    answer = as_ana.post("consents", asked(ben))
    assert (answer.status_code, list(answer.told["errors"])) == (400, ["reader"])


def test_a_time_that_is_past_is_refused(as_ana, lee):
    assert as_ana.post("consents", asked(lee, ends="2020-01-01T00:00:00Z")).status_code == 400


def test_with_locked_keys_nothing_is_given(as_ana, lee):
    as_ana.token = as_ana.token.rpartition(".")[0] + "."
    answer = as_ana.post("consents", asked(lee))
    assert (answer.status_code, answer.told["type"]) == (423, "urn:chartseal:problem:locked")


def test_for_some_hours_is_over_after_them(as_ana, lee):
    told = {"reader": str(lee.user.pk), "categories": ["labs"], "hours": 2}
    read = as_ana.post("consents/temporary", told).told
    made = as_ana.post("consents/temporary", told | read)
    assert made.status_code == 201, made.told
    grant = Grant.objects.get()
    assert timedelta(minutes=118) < grant.ends - clock.now() <= timedelta(hours=2)


def test_the_end_that_was_read_is_the_end_that_is_signed_also_minutes_later(as_ana, lee):
    told = {"reader": str(lee.user.pk), "categories": ["labs"], "hours": 2}
    read = as_ana.post("consents/temporary", told).told
    with time_machine.travel(clock.now() + timedelta(minutes=3)):
        made = as_ana.post("consents/temporary", told | read)
    assert (made.status_code, made.told["ends"]) == (201, read["ends"])


def test_an_end_after_the_hours_that_were_named_is_refused(as_ana, lee):
    told = {"reader": str(lee.user.pk), "categories": ["labs"], "hours": 2}
    late = (clock.now() + timedelta(hours=3)).isoformat()
    assert as_ana.post("consents/temporary", told | {"ends": late}).status_code == 400


def test_temporary_is_three_days_at_most(as_ana, lee):
    told = {"reader": str(lee.user.pk), "categories": ["labs"], "hours": 73}
    assert as_ana.post("consents/temporary", told).status_code == 400


def test_how_one_stands_is_told(as_ana, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    assert as_ana.get(f"consents/{grant.pk}").told["state"] == "in-force"
    as_ana.call("DELETE", f"consents/{grant.pk}")
    told = as_ana.get(f"consents/{grant.pk}").told
    assert (told["state"], told["cause"]) == ("ended", "patient")


def test_ending_needs_no_keys_and_ending_twice_changes_nothing(as_ana, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    as_ana.token = as_ana.token.rpartition(".")[0] + "."
    answers = [as_ana.call("DELETE", f"consents/{grant.pk}") for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].told == answers[1].told


def test_a_change_puts_another_in_its_place(as_ana, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    told = {"categories": ["labs", "history"], "ends": (clock.now() + timedelta(days=5)).isoformat()}
    proposed = as_ana.call("PUT", f"consents/{grant.pk}", told).told
    assert proposed["before"] == grant.sentence
    made = as_ana.call("PUT", f"consents/{grant.pk}", told | {"sentence": proposed["sentence"]}).told
    assert made["categories"] == ["history", "labs"]
    assert as_ana.get(f"consents/{grant.pk}").told["cause"] == "changed"


def changed(program, grant, once, **more):
    told = {"categories": ["labs", "history"], "ends": (clock.now() + timedelta(days=5)).isoformat()} | more
    read = program.call("PUT", f"consents/{grant.pk}", told).told
    more = told | {"sentence": read.get("sentence", "Read before.")}
    return program.call("PUT", f"consents/{grant.pk}", more, Idempotency_Key=str(once))


def test_one_key_changes_each_of_two_permissions(as_ana, ana, lee):
    once, kim = uuid.uuid4(), people.clinician("Jo Kim")
    one, other = (changed(as_ana, people.give(ana, to, Category.LABS), once) for to in (lee, kim))
    assert (one.status_code, other.status_code) == (200, 200)
    assert one.told["id"] != other.told["id"]


def test_what_was_changed_is_not_changed_otherwise_under_the_same_key(as_ana, ana, lee):
    once, grant = uuid.uuid4(), people.give(ana, lee, Category.LABS)
    changed(as_ana, grant, once)
    assert changed(as_ana, grant, once, categories=["labs"]).status_code == 409


def test_a_permission_that_ran_out_is_not_changed(as_ana, ana, lee):
    grant, now = people.give(ana, lee, Category.LABS), clock.now()
    Grant.objects.filter(pk=grant.pk).update(starts=now - timedelta(days=2), ends=now)
    assert changed(as_ana, grant, uuid.uuid4()).status_code == 409


def test_the_list_holds_those_in_force_and_those_over(as_ana, ana, lee):
    grants = [people.give(ana, lee, Category.LABS) for _ in range(2)]
    as_ana.call("DELETE", f"consents/{grants[0].pk}")
    told = as_ana.get("consents").told
    assert [one["state"] for one in told["items"]] == ["in-force", "ended"]


def test_the_proof_is_the_file_that_somebody_else_checks(as_ana, ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    assert as_ana.get(f"consents/{grant.pk}/proof").told == proofs.document(grant)


def test_another_patient_s_permission_is_not_there(as_ana, ben, lee):
    grant = people.give(ben, lee, Category.LABS)
    for method in ("GET", "PUT", "DELETE"):
        assert as_ana.call(method, f"consents/{grant.pk}", {}).status_code == 404
    assert as_ana.get(f"consents/{grant.pk}/proof").status_code == 404


def test_a_clinician_gives_nothing(as_lee, lee):
    assert as_lee.post("consents", asked(lee)).status_code == 404
