"""What a recipient checks: that a file is whole, and that it is what was released. Loads nothing heavy."""

import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from uuid import UUID

from ehr.chain.studies import study_key


@dataclass(frozen=True)
class Finding:
    """One step: its name, whether it holds, and what it says."""

    step: str
    holds: bool
    says: str


def digest(content: bytes) -> bytes:
    """Return the 32 bytes that stand on chain for a file."""
    return sha256(content).digest()


def inside(content: bytes) -> list[Finding]:
    """Return what the file says of its own parts. Raises ValueError for a file that is no release."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            package = json.loads(archive.read("datapackage.json"))
            found = []
            for resource in package["resources"]:
                held = archive.read(resource["path"])
                same = f"sha256:{sha256(held).hexdigest()}" == resource["hash"] and len(held) == resource["bytes"]
                says = f"{resource['path']} is {'whole' if same else 'not what the data dictionary says'}."
                found.append(Finding(resource["path"], same, says))
    except (zipfile.BadZipFile, KeyError, TypeError, json.JSONDecodeError) as problem:
        raise ValueError("This is no release: it has no data dictionary that names its parts.") from problem
    return found


def on_chain(content: bytes, *, registered_for: bytes, study: UUID | None) -> Finding:
    """Return whether a file's digest stands on chain. `registered_for` is the study's key there, zero for none."""
    told = digest(content).hex()
    if not any(registered_for):
        return Finding("chain", False, f"{told} was never released. Ask for the file again.")
    if study is not None and registered_for != study_key(study):
        return Finding("chain", False, f"{told} was released for another study.")
    return Finding("chain", True, f"{told} stands on chain as released.")
