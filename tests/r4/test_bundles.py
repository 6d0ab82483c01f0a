"""What other systems send is read as they send it, and what cannot be read is named."""

import errno
import gzip
import json
from pathlib import Path

import pytest

from ehr.r4 import bundles
from ehr.r4.bundles import Unreadable

PATIENT = {"resourceType": "Patient", "id": "m"}
BUNDLE = {"resourceType": "Bundle", "type": "transaction", "entry": [{"fullUrl": "urn:uuid:1", "resource": PATIENT}]}


def write(folder: Path, name: str, content: object, *, pack: bool = False) -> Path:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = folder / name
    path.write_bytes(gzip.compress(body) if pack else body)
    return path


@pytest.mark.parametrize("pack", [True, False])
def test_a_bundle_is_one_batch(tmp_path, pack):
    path = write(tmp_path, "maria.json.gz" if pack else "maria.json", BUNDLE, pack=pack)
    [batch] = bundles.read(path)
    assert (batch.whole, [entry.full_url for entry in batch.entries]) == (True, ["urn:uuid:1"])


def test_ndjson_may_hold_bundles_and_loose_resources(tmp_path):
    lines = b"\n".join(json.dumps(item).encode() for item in (BUNDLE, PATIENT, BUNDLE, PATIENT)) + b"\n\n"
    found = list(bundles.read(write(tmp_path, "all.ndjson", lines)))
    assert [(batch.whole, len(batch.entries)) for batch in found] == [(True, 1), (True, 1), (False, 2)]
    assert found[2].place(4) == "all.ndjson, line 4"


def test_a_folder_is_read_in_order(tmp_path):
    write(tmp_path, "b.json", BUNDLE)
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper", "a.ndjson.gz", PATIENT, pack=True)
    write(tmp_path, "notes.txt", b"not FHIR")
    assert [path.name for path in bundles.files([tmp_path])] == ["b.json", "a.ndjson.gz"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not readable as JSON at line 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "resourceType is missing"),
        ({"resourceType": "Bundle", "type": "transaction"}, "no entries"),
        ({"resourceType": "Bundle", "type": "subscription-notification", "entry": []}, "Bundle.type must be one of"),
        ({**BUNDLE, "entry": [BUNDLE["entry"][0], {"fullUrl": "urn:uuid:2"}]}, "entry 2: resource is missing"),
        ({**BUNDLE, "entry": [*BUNDLE["entry"], *BUNDLE["entry"]]}, "entry 2: fullUrl is the same"),
        ({**BUNDLE, "entry": [{"resource": PATIENT, "request": {"method": "DELETE"}}]}, "entry 1: only POST and PUT"),
        ({**BUNDLE, "type": ["transaction"]}, "Bundle.type must be one of"),
        ({**BUNDLE, "type": {}}, "Bundle.type must be one of"),
        ({**BUNDLE, "entry": [{"resource": PATIENT, "request": {"method": ["POST"]}}]}, "entry 1: only POST and PUT"),
        ({**BUNDLE, "entry": [{"resource": PATIENT, "request": {"method": {}}}]}, "entry 1: only POST and PUT"),
        ({**BUNDLE, "entry": [{"resource": {"resourceType": ["Patient"]}}]}, "entry 1: resourceType is missing, or"),
        ({**BUNDLE, "entry": [{"resource": {"resourceType": {}}}]}, "entry 1: resourceType is missing, or"),
        (b'{"resourceType": "Observation", "value": 1e-99999999999999999999}', "not readable as JSON"),
        ({**BUNDLE, "entry": [{"resource": {"resourceType": "Ghost"}}]}, "entry 1: resourceType is missing, or not"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, words):
    with pytest.raises(Unreadable, match=words) as refusal:
        list(bundles.read(write(tmp_path, "broken.json", content)))
    assert str(refusal.value).startswith("broken.json")


def test_a_cut_gzip_file_is_named(tmp_path):
    path = write(tmp_path, "cut.json.gz", gzip.compress(json.dumps(BUNDLE).encode())[:-9])
    with pytest.raises(Unreadable, match="damaged or cut short"):
        list(bundles.read(path))


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Unreadable, match="does not exist"):
        bundles.files([tmp_path / "nothing.json"])


def test_a_file_that_the_disk_does_not_give_is_named(tmp_path, monkeypatch):
    def broken(*_args, **_options):
        raise OSError(errno.EIO, "Input/output error")

    path = write(tmp_path, "a.json", BUNDLE)
    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(Unreadable, match=r"^a.json: this file cannot be read \(Input/output error\)"):
        list(bundles.read(path))


def test_of_ndjson_a_line_that_cannot_be_read_stops_no_other(tmp_path):
    good, bad = json.dumps(BUNDLE).encode(), json.dumps({**BUNDLE, "entry": [{}]}).encode()
    lines = b"\n".join([json.dumps(PATIENT).encode(), b'{"resou', bad, good, json.dumps(PATIENT).encode()])
    whole, loose = bundles.read(write(tmp_path, "n.ndjson", lines))
    assert (len(whole.entries), len(loose.entries)) == (1, 2)
    assert [words.split(":")[0] for words in loose.unreadable] == ["n.ndjson, line 2", "n.ndjson, line 3, entry 1"]


def test_of_a_file_of_nothing_but_broken_lines_some_are_named_and_all_counted(tmp_path):
    [batch] = bundles.read(write(tmp_path, "n.ndjson", b"{\n" * 1_234))
    assert len(batch.unreadable) == 101
    assert batch.unreadable[-1] == "n.ndjson: 1,134 more lines cannot be read."


def test_names_are_read_in_capitals_too_and_what_is_not_read_is_known(tmp_path):
    lines = b"\n".join([json.dumps(PATIENT).encode()] * 2)
    for name, content in {"A.JSON": BUNDLE, "b.NDJSON": lines, "c.gz": b"", "notes.txt": b"", ".hidden": b""}.items():
        write(tmp_path, name, content)
    assert [path.name for path in bundles.files([tmp_path])] == ["A.JSON", "b.NDJSON"]
    assert [path.name for path in bundles.skipped([tmp_path])] == ["c.gz", "notes.txt"]
    assert len(next(bundles.read(tmp_path / "b.NDJSON")).entries) == 2
