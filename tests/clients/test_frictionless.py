"""frictionless (PyPI), the validator of data packages, on a release's file and on its synthetic twin."""

import io
import shutil
import subprocess
import zipfile

import pytest

from research.release import asking
from tests.clients.conftest import HERE
from tests.research.test_release_files import EXPERT, board, released, rosa, small_groups  # noqa: F401 - fixtures

pytestmark = [pytest.mark.clients, pytest.mark.django_db]
INSTALLED = HERE.parents[1] / ".venv-clients" / "bin" / "frictionless"


@pytest.fixture
def validate(tmp_path):
    """Return a way to have files, {name: content}, validated: what the program said of them."""
    program = str(INSTALLED) if INSTALLED.exists() else shutil.which("frictionless")
    if program is None:
        pytest.skip("frictionless is not there: make stories installs it.")

    def run(contents):
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [program, "validate", "datapackage.json"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("determination", ["", EXPERT], ids=["years", "days"])
def test_a_release_and_its_twin_are_what_their_data_dictionaries_say(rosa, board, validate, determination):  # noqa: F811
    release, content = released(rosa, board, determination=determination)
    status, said = validate(content)
    assert status == 0, said
    with zipfile.ZipFile(io.BytesIO(asking.synthetic(release.study))) as archive:
        status, said = validate({name: archive.read(name) for name in archive.namelist()})
    assert status == 0, said


def test_one_that_is_not_is_told(rosa, board, validate):  # noqa: F811
    _release, content = released(rosa, board)
    status, _said = validate(content | {"data.csv": content["data.csv"].replace(b",female,", b",femail,")})
    assert status == 1
