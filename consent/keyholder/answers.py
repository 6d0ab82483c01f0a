"""A request read and answered. What is not understood is said to be so, and nothing about why something failed."""

import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db import Error

from consent import queries
from consent.keyholder import backends, readers, releases, repairs, studies, wire
from consent.keyholder.token import TokenAway
from ehr.accounts.keyrings import CannotOpen
from ehr.clock import ClockUnsure
from ehr.crypto.formats import load_public
from patients.models import PARTS

logger = logging.getLogger(__name__)

_PARTS = frozenset(map(str, PARTS))
# The keyholder cannot answer now, and may later. Everything else it refuses.
_AWAY = (Error, TokenAway, readers.NotHeld, queries.NotSetUp, CannotOpen, ClockUnsure)
_Message = Mapping[str, Any]


def answer(raw: bytes) -> bytes:
    """Return the answer to one message: what was asked for, or {"refused": word}, or {"away": word}."""
    try:
        asked = wire.unpack(raw)
        act = _ASKED.get(str(asked.get("ask")))
        if act is None:
            raise wire.Garbled("Nothing is asked for.")
        return wire.pack(act(asked))
    except wire.Garbled:
        logger.warning("A message was not understood.")
        return wire.pack({"refused": "not-understood"})
    except releases.Refused as refused:
        return wire.pack({"refused": refused.because})
    except _AWAY as problem:
        logger.error(
            "Cannot answer: %s", problem if getattr(problem, "for_operators", False) else type(problem).__name__
        )
        return wire.pack({"away": type(problem).__name__})


def _release(asked: _Message) -> _Message:
    found = releases.release(
        _id(asked, "event"), _id(asked, "patient"), why=str(asked.get("why")), to=_key(asked, "to")
    )
    return {"seals": [[one.part, one.epoch, wire.text(one.blob)] for one in found]}


def _sign(asked: _Message) -> _Message:
    publics = asked.get("publics")
    if not isinstance(publics, dict) or not publics or not publics.keys() <= _PARTS:
        raise wire.Garbled("A record's parts are asked for by name.")
    version, signatures = releases.sign(_id(asked, "patient"), {part: _key(publics, part) for part in publics})
    return {"version": version, "signatures": {part: wire.text(one) for part, one in signatures.items()}}


def _share(asked: _Message) -> _Message:
    blob = wire.raw(asked.get("blob"))
    share = releases.open_share(_id(asked, "event"), _id(asked, "reader"), blob, to=_key(asked, "to"))
    return {"share": wire.text(share)}


def _message(asked: _Message) -> _Message:
    blob = wire.raw(asked.get("blob"))
    key = repairs.open_message(_id(asked, "event"), _id(asked, "message"), blob, to=_key(asked, "to"))
    return {"key": wire.text(key)}


def _begin(asked: _Message) -> _Message:
    backends.begin(_id(asked, "reader"), _registered(asked))
    return {"state": "ok"}


def _admit(asked: _Message) -> _Message:
    event, reader, statement = _id(asked, "event"), _id(asked, "reader"), str(asked.get("statement"))
    keyring = backends.admit(event, reader, _registered(asked), statement, to=_key(asked, "to"))
    return {"keyring": wire.text(keyring)}


def _begin_study(asked: _Message) -> _Message:
    studies.begin(_id(asked, "reader"), _approved(asked))
    return {"state": "ok"}


def _run(asked: _Message) -> _Message:
    event, reader, approval = _id(asked, "event"), _id(asked, "reader"), _id(asked, "approval")
    keyring = studies.release(event, reader, _approved(asked), approval, to=_key(asked, "to"))
    return {"keyring": wire.text(keyring)}


def _open(_asked: _Message) -> _Message:
    return {"made": readers.open_all()}


def _ping(_asked: _Message) -> _Message:
    """Say whether both keyrings open; that they do, and nothing of them, leaves here."""
    readers.escrow_keyring()
    readers.custodian_keyring()
    return {"state": "ok"}


def _held(_asked: _Message) -> _Message:
    """Say which stored key is the escrow's by its private half, as a digest in hex; empty where none of them is."""
    try:
        keyring, stored = readers.escrow_keyring(), queries.escrow().keyring.version
    except CannotOpen:
        return {"digest": ""}
    return {"digest": stored.digest.hex() if keyring.belongs_to(stored) else ""}


_ASKED: Mapping[str, Callable[[_Message], _Message]] = {
    "release": _release,
    "sign": _sign,
    "share": _share,
    "message": _message,
    "begin": _begin,
    "admit": _admit,
    "begin-study": _begin_study,
    "run": _run,
    "held": _held,
    "open": _open,
    "ping": _ping,
}


def _id(asked: _Message, name: str) -> UUID:
    try:
        return UUID(str(asked.get(name)))
    except ValueError as problem:
        raise wire.Garbled("An id is a UUID.") from problem


def _registered(asked: _Message) -> backends.Registered:
    try:
        return backends.Registered.read(asked.get("service"))
    except ValueError as problem:
        raise wire.Garbled("A service is registered with three texts.") from problem


def _approved(asked: _Message) -> studies.Approved:
    try:
        approved = studies.Approved.read(asked.get("study"))
        for one in approved.votes:
            UUID(one)
    except ValueError as problem:
        raise wire.Garbled("A study is approved with five facts, and lines by their ids.") from problem
    return approved


def _key(asked: _Message, name: str) -> bytes:
    key = wire.raw(asked.get(name))
    try:
        load_public(key)
    except ValueError as problem:
        raise wire.Garbled("This is no public key.") from problem
    return key
