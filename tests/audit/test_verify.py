"""What a patient downloads, and the program that checks it on their own computer."""

import json
import random

import pytest
from django.conf import settings

from audit import checkpoints, log, notes, proofs, sequencer, verify
from audit.models import Erasure, Event, EventBody, Leaf
from ehr.crypto import signing
from tests.audit.tampering import blanked, dump, everything_allowed, rewrite, set_back


def refused(data, *others):
    """The sentence with which the file is refused; fails the test when it is not."""
    with pytest.raises(verify.Refused) as refusal:
        verify.check([data, *others], notes.public_key())
    return str(refusal.value)


def holds(files):
    try:
        return verify.check(files, notes.public_key())
    except verify.Refused:
        return []


def proof_holds(text):
    try:
        return verify.check_proof(text, notes.public_key())
    except verify.Refused:
        return None


def test_a_whole_list_holds(data):
    findings = verify.check([data], notes.public_key())
    assert findings[0] == "Your list is whole: 8 lines, none changed, missing or out of order."


def test_a_later_list_continues_an_earlier_one_in_either_order(downloads):
    for files in (downloads, downloads[::-1]):
        assert "It continues the older list of 5 lines." in verify.check(list(files), notes.public_key())


def test_a_patient_without_events_is_told_to_wait(day):
    day.looks()
    day.ends()
    with pytest.raises(proofs.NothingYet):
        proofs.for_subject(day.people[0].id)


def test_events_after_the_signed_head_wait_for_the_next(day, data):
    day.looks(2)
    assert json.loads(proofs.for_subject(day.patient))["map"]["count"] == 8


def test_nobody_elses_ids_or_names_are_in_the_file(day, data):
    assert not [each for each in day.neighbours if str(each) in data.decode()]


def test_an_erased_body_leaves_a_list_that_is_still_whole(day, data):
    event = Event.objects.filter(subject=day.patient).order_by("id")[3]
    Erasure.objects.create(event=event, because="asked by the patient")
    EventBody.objects.filter(event=event).delete()
    file = proofs.for_subject(day.patient)
    assert verify.check([file, data], notes.public_key())[0].startswith("Your list is whole: 8 lines")
    assert json.loads(file)["lines"][3].keys() == {
        "seq", "number", "time", "link_salt", "proof", "erased", "body_hash",
    }  # fmt: skip


@pytest.mark.security
def test_lines_without_words_are_named_and_never_called_unchanged(data):
    whole, _, gone, _ = verify.check([blanked(data, 3, 6)])
    assert whole == "Your list is whole: 8 lines, none missing or out of order."
    assert gone.startswith("Words are gone from 2 of them. Ask your privacy officer why: line 4 (2")
    assert ", erased); line 7 (2" in gone


@pytest.mark.security
def test_words_that_only_one_of_two_files_has_are_named_in_any_order(downloads):
    newer, older = downloads
    for files in ((blanked(newer, 3), newer), (newer, blanked(newer, 3)), (blanked(newer, 3), older)):
        for both in (files, files[::-1]):
            found = verify.check(list(both), notes.public_key())
            assert "Words are gone from one of the two files and stand in the other: line 4." in found


def test_a_line_that_is_erased_in_both_files_stands_in_neither(downloads):
    findings = verify.check([blanked(downloads[0], 3, 6), blanked(downloads[1], 3)])
    assert "It continues the older list of 5 lines." in findings
    assert not [finding for finding in findings if "stand in the other" in finding]


# --- What is found, and named ----------------------------------------------------------------------
def test_a_changed_line_is_named(data):
    file = json.loads(data)
    file["lines"][3]["body"] = file["lines"][3]["body"].replace("Dr Ana Costa", "Nobody At All")
    message = refused(dump(file))
    event = json.loads(file["lines"][3]["body"])["id"]
    assert message.startswith("This line is not what was recorded: line 4 (")
    assert f"chart.opened by Nobody At All, event {event}" in message


def test_a_missing_line_is_named(data):
    file = json.loads(data)
    del file["lines"][2]
    assert refused(dump(file)).startswith("Line 3 is missing: at place 3 stands line 4 (")


def test_lines_out_of_order_are_named(data):
    file = json.loads(data)
    file["lines"][4], file["lines"][5] = file["lines"][5], file["lines"][4]
    assert "at place 5 stands line 6 (" in refused(dump(file))
    file["lines"].insert(0, file["lines"].pop())
    assert "at place 1 stands line 8 (" in refused(dump(file))


def test_a_line_that_stands_twice_is_named(data):
    file = json.loads(data)
    file["lines"].insert(3, file["lines"][2])
    assert refused(dump(file)).startswith("The order was changed: at place 4 stands line 3 (")


def test_a_list_cut_short_is_named(data):
    file = json.loads(data)
    del file["lines"][6:]
    message = refused(dump(file))
    assert message.startswith("The list ends after line 6 (")
    assert message.endswith("but 8 were signed: line 7 is missing.")


def test_a_list_cut_short_with_its_count_is_refused(data):
    file = json.loads(data)
    del file["lines"][6:]
    file["map"]["count"] = 6
    assert "length of your list" in refused(dump(file))


def test_an_older_line_presented_as_the_patients_own_is_refused(day, data):
    file, theirs = json.loads(data), json.loads(proofs.for_subject(day.neighbours[0]))
    file["lines"][0] = theirs["lines"][0]
    assert refused(dump(file)).startswith("This line is not what was recorded: line 1 (")


def test_a_head_signed_by_another_key_is_refused(data):
    pair = signing.generate()
    file, name = json.loads(data), settings.LOG_ORIGIN
    body = file["checkpoint"].split("\n\n")[0] + "\n"
    mark = verify.key_id(name, pair.public)
    file["checkpoint"] = f"{body}\n— {name} {verify.b64(mark + signing.sign(pair.private, body.encode()))}\n"
    assert refused(dump(file)) == "The head was not signed with the log's key."
    file["key"] = f"{name}+{mark.hex()}+{verify.b64(bytes([1]) + pair.public)}"
    assert refused(dump(file)).startswith("The file names another log's key than the one you gave")


def test_signatures_of_witnesses_do_not_disturb(data):
    file = json.loads(data)
    file["checkpoint"] += f"— witness.example/w1 {verify.b64(bytes(76))}\n"
    assert verify.check([dump(file)], notes.public_key())
    file["checkpoint"] += "and a line that is no signature\n"
    assert refused(dump(file)) == "The signed head is damaged."


def test_a_file_written_anew_is_refused_for_there_is_one_way_to_write_it(data):
    pretty = json.dumps(json.loads(data), indent=1).encode()
    for changed in (pretty, data + b"\n", data.replace(b'"count":8', b'"count":8.0'), data.replace(b'":', b'" :', 1)):
        assert refused(changed)
    assert "not JSON" in refused(data[:-20])


# --- Forks and restored backups ----------------------------------------------------------------------
def other_history(day, downloads, monkeypatch, tmp_path):
    """The list after storage was set back to the older download and the log went on otherwise, with the same key."""
    older_size = verify.List(downloads[1]).checkpoint.size
    monkeypatch.setattr(settings, "LOG_WITNESS_PATH", tmp_path / "lost")
    with everything_allowed():
        set_back(older_size)
    day.looks(2)
    day.ends()
    day.looks(2)
    day.ends()
    return proofs.for_subject(day.patient)


@pytest.mark.security
def test_a_log_forked_after_a_restored_backup_is_refused_beside_the_older_list(day, downloads, monkeypatch, tmp_path):
    forked = other_history(day, downloads, monkeypatch, tmp_path)
    assert verify.check([forked], notes.public_key())
    assert refused(downloads[0], forked).startswith("The newer file does not hold line 6 (")
    assert verify.check([forked, downloads[1]], notes.public_key())


@pytest.mark.security
def test_a_fork_in_other_peoples_events_is_refused_too(day, downloads, monkeypatch, tmp_path):
    quiet = day.neighbours[8]
    log.append("chart.opened", actor=day.people[0], subject=quiet)
    day.ends()
    mine = proofs.for_subject(quiet)
    another = Leaf.objects.get(number=15)
    monkeypatch.setattr(settings, "LOG_WITNESS_PATH", tmp_path / "lost")
    with everything_allowed():
        rewrite(another)
    day.looks(4)
    day.ends()
    forked = proofs.for_subject(quiet)
    assert refused(mine, forked) == "The newer file has no proof that it continues a log of 17 events."
    old, file = verify.List(mine).checkpoint, json.loads(forked)
    file["earlier"] = [{"size": 17, "root": verify.b64(old.root), "proof": file["lines"][0]["proof"], "where": ""}]
    assert refused(dump(file)) == "The signed head does not continue the earlier one of 17 events."


def signed_without(day, monkeypatch, count):
    """The patient's list of `count` lines under a head over everything, whose map says that there are no more."""
    move, find = checkpoints._move_map, Leaf.objects.filter

    def shorter(last, new):
        return move(last, [leaf for leaf in new if leaf.subject != day.patient])

    sequencer.sequence()
    with monkeypatch.context() as lying:
        lying.setattr(checkpoints, "_move_map", shorter)
        checkpoints.sign()
        lying.setattr(Leaf.objects, "filter", lambda **of: find(**of, patient_seq__lte=count))
        return proofs.for_subject(day.patient)


@pytest.mark.security
def test_lines_that_an_older_head_covers_and_its_list_left_out_are_refused(day, monkeypatch):
    day.looks(3)
    day.ends()
    day.looks(2)
    short = signed_without(day, monkeypatch, 3)
    day.looks()
    day.ends()
    whole = proofs.for_subject(day.patient)
    assert verify.check([short])[0].startswith("Your list is whole: 3 lines")
    assert verify.check([whole])[0].startswith("Your list is whole: 6 lines")
    assert refused(short, whole).startswith("The older file was whole by what was signed, and left out line 4 (")


@pytest.mark.security
def test_two_heads_over_the_same_events_with_two_maps_are_a_fork(data):
    newer, older = verify.List(data), verify.List(data)
    older.checkpoint.map_root = bytes(32)
    with pytest.raises(verify.Refused, match="The log was forked"):
        newer.check_continues(older)


# --- A thousand tampered logs ------------------------------------------------------------------------
def flip_a_bit(file, chance):
    data = bytearray(dump(file))
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def change_a_row(file, chance):
    line = chance.choice(file["lines"])
    facts = json.loads(line["body"])
    match chance.choice(["who", "what", "when", "seq", "number", "subject", "salt"]):
        case "who":
            facts["actor"]["name"] = "Dr Nobody"
        case "what":
            facts["action"] = "chart.refused"
        case "when":
            line["time"] = facts["time"] = f"2020-01-0{chance.randint(1, 9)}T00:00:00.000000Z"
        case "seq":
            line["seq"] += chance.choice([-1, 1])
        case "number":
            line["number"] += chance.choice([-1, 1])
        case "subject":
            file["subject"] = "0" * 8 + file["subject"][8:]
        case "salt":
            line["salt"] = verify.b64(chance.randbytes(32))
    line["body"] = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return dump(file)


def change_the_order(file, chance):
    lines = file["lines"]
    one, other = chance.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    if chance.random() < 0.5:
        lines[one]["seq"], lines[other]["seq"] = one + 1, other + 1
    return dump(file)


def cut_the_tail(file, chance):
    at = chance.randrange(len(file["lines"]))
    del file["lines"][at : at + chance.randint(1, 8)]
    for seq, line in enumerate(file["lines"], 1):
        line["seq"] = seq
    if chance.random() < 0.5 and file["lines"]:
        file["map"]["count"] = len(file["lines"])
    return dump(file)


@pytest.mark.point(7)
@pytest.mark.security
def test_a_thousand_tampered_logs_are_refused(day, downloads, quick_signatures, monkeypatch, tmp_path):
    data, older = downloads
    assert verify.check([data, older], notes.public_key())
    fork = json.loads(other_history(day, downloads, monkeypatch, tmp_path))

    def mix_in_the_fork(file, chance):
        part = chance.choice(["checkpoint", "map", "lines", "one line"])
        if part == "one line":
            file["lines"][6] = fork["lines"][6]
        else:
            file[part] = fork[part]
        return dump(file)

    def replace_by_the_fork(_file, _chance):
        return dump(fork)

    chance = random.Random(1000)
    ways = [flip_a_bit, change_a_row, change_the_order, cut_the_tail, mix_in_the_fork, replace_by_the_fork]
    for turn in range(1000):
        way = ways[turn % len(ways)]
        tampered = way(json.loads(data), chance)
        if tampered == data:
            continue
        assert not holds([tampered, data]), f"{way.__name__} in turn {turn} went unnoticed"


# --- .tlog-proof -------------------------------------------------------------------------------------
def test_every_event_has_a_proof_that_holds(day, data):
    for leaf in Leaf.objects.select_related("event"):
        head, number, entry = verify.check_proof(proofs.tlog_proof(leaf.number), notes.public_key())
        assert (number, verify.leaf_hash(entry), head.size) == (leaf.number, bytes(leaf.hash), 16)


def test_an_event_beyond_the_signed_head_has_no_proof_yet(day, data):
    day.looks()
    with pytest.raises(proofs.NothingYet):
        proofs.tlog_proof(16)


@pytest.mark.security
def test_four_thousand_altered_proof_files_are_refused(data, quick_signatures):
    texts = [proofs.tlog_proof(number) for number in range(16)]
    chance, letters = random.Random(4000), "ABCxyz019+/= \n—"
    for turn in range(4000):
        text = texts[turn % 16]
        at, letter = chance.randrange(len(text)), chance.choice(letters)
        changed = chance.choice([
            text[:at] + letter + text[at + 1 :], text[:at] + text[at + 1 :], text[:at] + letter + text[at:], text[:at],
        ])  # fmt: skip
        if changed == text:
            continue
        assert not proof_holds(changed), f"turn {turn} went unnoticed at {at}"
