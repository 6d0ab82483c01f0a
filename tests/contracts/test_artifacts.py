"""The committed bytecode is what the committed sources compile to."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from ehr.chain import artifacts, contracts

pytestmark = pytest.mark.contracts

CONTRACTS = settings.BASE_DIR / "contracts"
SOURCES = sorted((CONTRACTS / "src").glob("*.sol"))


def installed(folder: Path) -> Path:
    """Return a copy of the sources with the locked compiler beside them; skip where there is none to be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs Node to compile Solidity: sudo apt install nodejs npm")
    for name in ("package.json", "package-lock.json", "compile.js"):
        shutil.copy(CONTRACTS / name, folder)
    shutil.copytree(CONTRACTS / "src", folder / "src")
    here = CONTRACTS / "node_modules"
    if here.is_dir() and _locked(here / ".package-lock.json") == _locked(CONTRACTS / "package-lock.json"):
        (folder / "node_modules").symlink_to(here)
        return folder
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.skip("needs a package registry to install solc: npm ci failed")
    return folder


def _locked(path: Path) -> dict[str, str]:
    """Return what a lockfile pins: a hash for each package."""
    if not path.exists():
        return {}
    packages = json.loads(path.read_text(encoding="utf-8"))["packages"]
    return {name: package["integrity"] for name, package in packages.items() if name}


@pytest.mark.point(8)
def test_the_committed_artifacts_are_what_the_sources_compile_to(tmp_path):
    folder = installed(tmp_path)
    done = subprocess.run(
        ["node", "compile.js", str(tmp_path / "out")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    compiled = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    committed = {path.name: path.read_bytes() for path in artifacts.FOLDER.glob("*.json")}
    assert sorted(compiled) == sorted(committed) == [f"{path.stem}.json" for path in SOURCES]
    assert compiled == committed


def test_the_lockfile_pins_every_package_and_names_no_registry():
    text = (CONTRACTS / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)
    assert not [name for name, package in packages.items() if "resolved" in package]
    for host in ("registry.", "npmjs", "localhost", "127.0.0.1"):
        assert host not in text


def test_every_contract_is_deployed():
    planned = [plan.name for plan in contracts.plans(admin="0x" + "11" * 20, relayer="0x" + "11" * 20)]
    assert sorted(planned) == [path.stem for path in SOURCES]


def test_every_source_names_its_licence_and_documents_what_it_offers():
    assert SOURCES
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("// SPDX-License-Identifier: MIT\n")
        assert "/// @title" in text
        assert "/// @notice" in text


def test_an_unknown_method_is_refused_before_anything_is_queued():
    with pytest.raises(KeyError, match="0 functions named mint"):
        artifacts.load("AccessToken").calldata("mint", [])
