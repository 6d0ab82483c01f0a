"""The recipient's command asks the contract itself: a file that was released holds, any other does not."""

import io
import json
import uuid
import zipfile
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from eth_utils.crypto import keccak

from ehr.chain import client, studies

from .conftest import DAY, NOON

pytestmark = pytest.mark.contracts
STUDY = uuid.UUID(int=7)


@pytest.fixture
def file(tmp_path):
    path, data = tmp_path / "release.zip", b"person\nabc\n"
    resource = {"path": "data.csv", "bytes": len(data), "hash": f"sha256:{sha256(data).hexdigest()}"}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.csv", data)
        archive.writestr("datapackage.json", json.dumps({"resources": [resource]}))
    return path


def test_what_stands_on_chain_is_what_was_released(bench, file, monkeypatch):
    registry = bench.deploy("ResearchRegistry", bench.operator.address, 30 * DAY)
    key, functions = studies.study_key(STUDY), registry.functions
    bench.send(functions.register(key, keccak(text="terms"), bench.admin.address, NOON + 100 * DAY))
    monkeypatch.setattr(client, "web3", lambda: bench.web3)
    asked = ("verify_release", str(file), "--contract", registry.address, "--study", str(STUDY))
    with pytest.raises(CommandError, match="chain"):
        call_command(*asked, stdout=io.StringIO())
    bench.send(functions.release(key, sha256(file.read_bytes()).digest()))
    heard = io.StringIO()
    call_command(*asked, stdout=heard)
    assert heard.getvalue().count("holds") == 2
