"""Text messages to telephones: into a folder by default, or to a gateway. Who carries them reads them."""

import json
import os
from pathlib import Path
from typing import Protocol

from django.conf import settings

from ehr.notices import posting


class Sender(Protocol):
    """What brings a text to a telephone."""

    def send(self, number: str, words: str, *, key: str) -> None:
        """Send words to a number such as +15065550100. The same key twice is one message. Raises as the network."""


class Folder:
    """One file for each message, for this machine's operator alone. Nothing leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, number: str, words: str, *, key: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.folder / f".{key}"
        # Read by their owner only, from the first byte on.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(f"To: {number}\n\n{words}\n")
        draft.rename(self.folder / f"{key}.txt")


class Gateway:
    """A gateway that takes {"to", "text", "id"} as JSON over https, with a bearer token, and drops an id it had."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def send(self, number: str, words: str, *, key: str) -> None:
        body = json.dumps({"to": number, "text": words, "id": key}, ensure_ascii=False).encode()
        headers = {"Idempotency-Key": key}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        posting.post(self.url, body, headers)


def sender() -> Sender:
    """Return how texts leave here."""
    asked = settings.REMINDING
    return Gateway(asked.sms_url, asked.sms_token) if asked.sms_url else Folder(settings.DATA_DIR / "sms")
