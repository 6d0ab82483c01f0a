"""What a recipient checks with the command: each part of the file, and the hash on chain."""

import io
import json
import uuid
import zipfile
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command

from ehr.chain.studies import study_key
from research.management.commands import verify_release

STUDY = uuid.uuid4()


@pytest.fixture
def file(tmp_path):
    data = b"person,age\nabc,40-49\n"
    resource = {"path": "data.csv", "bytes": len(data), "hash": f"sha256:{sha256(data).hexdigest()}"}
    return written(tmp_path / "release.zip", data, resource)


def written(path, data, resource):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.csv", data)
        archive.writestr("datapackage.json", json.dumps({"resources": [resource]}))
    return path


@pytest.fixture
def registry(file, monkeypatch):
    """The chain holds this one file's hash, for one study."""
    known = {sha256(file.read_bytes()).digest(): study_key(STUDY)}
    monkeypatch.setattr(
        verify_release.Command, "_registered", staticmethod(lambda digest, _contract: known.get(digest, bytes(32)))
    )


def said(file, *args):
    heard = io.StringIO()
    call_command("verify_release", str(file), *args, stdout=heard)
    return heard.getvalue()


@pytest.mark.usefixtures("registry")
def test_what_was_released_holds(file):
    assert said(file, "--study", str(STUDY)).count("holds") == 2


@pytest.mark.usefixtures("registry")
def test_one_changed_byte_is_not_what_was_released(file):
    content = bytearray(file.read_bytes())
    content[content.index(b"40-49")] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(CommandError):
        said(file)


@pytest.mark.usefixtures("registry")
def test_another_studys_release_is_told(file):
    with pytest.raises(CommandError, match="chain"):
        said(file, "--study", str(uuid.uuid4()))


def test_a_part_that_was_changed_fails_without_the_chain(file, tmp_path):
    resource = {"path": "data.csv", "bytes": 5, "hash": f"sha256:{sha256(b'other').hexdigest()}"}
    with pytest.raises(CommandError, match=r"data\.csv"):
        said(written(tmp_path / "other.zip", b"mine!", resource), "--offline")


@pytest.mark.django_db
def test_without_a_contract_it_says_what_to_give(file):
    with pytest.raises(CommandError, match="--contract"):
        said(file)


def test_what_is_no_release_is_said_to_be_none(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(CommandError, match="no release"):
        said(tmp_path / "x.zip", "--offline")
