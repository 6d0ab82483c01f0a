"""A wrap key that never leaves its token: AES-256 behind PKCS#11 (SoftHSM in the tests)."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pkcs11
from pkcs11 import Attribute, GCMParams, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import PKCS11Error

from ehr.crypto.formats import CIPHER_V1, NONCE_BYTES, CannotOpen

_TAG_BITS = 128
# A token has one login for all sessions of a process, so they take turns.
_turn = threading.Lock()


class TokenAway(RuntimeError):
    """The token does not answer, or has no such key. The message says which."""

    for_operators = True


class Token:
    """The key named `key` in the token labelled `token`. It closes and opens there; nobody reads it."""

    def __init__(self, *, module: str, token: str, key: str, pin: str) -> None:
        self._module, self._token, self._key, self._pin = module, token, key, pin

    def __repr__(self) -> str:
        return f"<Token {self._token}>"

    def close(self, text: bytes, *, aad: bytes) -> bytes:
        """Return the text encrypted in the token, written as `ehr.crypto.sealing.encrypt` writes it."""
        nonce = os.urandom(NONCE_BYTES)
        with self._session() as session:
            return CIPHER_V1 + nonce + self._found(session).encrypt(text, **_gcm(nonce, aad))

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the text. Raises CannotOpen for another key, aad or a changed blob, and TokenAway."""
        if blob[:1] != CIPHER_V1:
            raise CannotOpen("This was encrypted by a version that this program does not know.")
        body = 1 + NONCE_BYTES
        with self._session() as session:
            key = self._found(session)
            try:
                return key.decrypt(blob[body:], **_gcm(blob[1:body], aad))
            except PKCS11Error as problem:
                raise CannotOpen("The token's key does not open this.") from problem

    def make_key(self) -> None:
        """Make the key in the token, not to be taken out, unless it is there."""
        with self._session(rw=True) as session:
            if list(session.get_objects(self._named())):
                return
            template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
            session.generate_key(KeyType.AES, 256, label=self._key, store=True, template=template)

    def _named(self) -> dict:
        return {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: self._key}

    def _found(self, session: pkcs11.Session) -> Any:
        keys = list(session.get_objects(self._named()))
        if len(keys) != 1:
            raise TokenAway(f"The token “{self._token}” has {len(keys)} keys named “{self._key}”. It must have one.")
        return keys[0]

    @contextmanager
    def _session(self, *, rw: bool = False) -> Iterator[pkcs11.Session]:
        with _turn:
            try:
                token = pkcs11.lib(self._module).get_token(token_label=self._token)
                opened = token.open(user_pin=self._pin, rw=rw)
            except (PKCS11Error, RuntimeError, OSError) as problem:
                raise TokenAway(f"The token “{self._token}” does not answer ({type(problem).__name__}).") from problem
            with opened:
                try:
                    yield opened
                except PKCS11Error as problem:
                    raise TokenAway(f"The token “{self._token}” gave up ({type(problem).__name__}).") from problem


def _gcm(nonce: bytes, aad: bytes) -> dict:
    return {"mechanism": Mechanism.AES_GCM, "mechanism_param": GCMParams(nonce, aad, _TAG_BITS)}
