"""Who sends, as far as reading depends on it: zone, character set, and what their own codes, units and numbers mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from patients.naming import OWN_SYSTEMS


@dataclass(frozen=True)
class Sender:
    """One registered feed. `key` is its id as text: what only this feed calls something is named under it."""

    key: str
    name: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    codec: str = ""
    codes: Mapping[tuple[str, str], tuple[str, str, str]] = field(default_factory=dict)
    authorities: Mapping[str, str] = field(default_factory=dict)  # assigning authority: identifier system
    units: Mapping[str, str] = field(default_factory=dict)  # their unit: UCUM

    def own_system(self, name: str) -> str:
        """Return the system of what only this sender numbers or codes so; nobody else can name anything in it."""
        return f"{OWN_SYSTEMS}feed:{self.key}:{''.join(sign if sign.isalnum() else '-' for sign in name) or 'local'}"
