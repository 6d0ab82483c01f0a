"""The keyholder's key in a token: SoftHSM, which speaks PKCS#11 as hardware does."""

import os
import shutil
import subprocess
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute

from consent import escrow, queries
from consent.keyholder import readers
from consent.keyholder.token import Token, TokenAway
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.held import FileKey, wrap_held
from ehr.accounts.models import Reader
from tests import people

pytestmark = [pytest.mark.softhsm, pytest.mark.security]
MODULE = next((str(path) for path in sorted(Path("/usr/lib").glob("**/libsofthsm2.so"))), "")
LABEL, PIN = "chartseal-tests", "1234"


@pytest.fixture(scope="session")
def module(tmp_path_factory):
    """The library with a token of its own. It reads where tokens are once, when this process first calls it."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    command = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "5678"]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    yield MODULE
    del os.environ["SOFTHSM2_CONF"]
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def token(module, request):
    made = Token(module=module, token=LABEL, key=request.node.name, pin=PIN)
    made.make_key()
    return made


@pytest.fixture
def in_token(settings, module, request):
    """A keyholder whose key is in the token and nowhere else."""
    settings.KEYHOLDER_FILE_KEY = b""
    settings.KEYHOLDER_PKCS11_MODULE = module
    settings.KEYHOLDER_PKCS11_TOKEN, settings.KEYHOLDER_PKCS11_PIN = LABEL, PIN
    settings.KEYHOLDER_PKCS11_KEY = request.node.name


def test_what_the_token_closes_it_opens(token):
    assert token.open(token.close(b"x" * 224, aad=b"whose"), aad=b"whose") == b"x" * 224


def test_what_the_token_closes_is_never_the_same_twice(token):
    assert token.close(b"text", aad=b"") != token.close(b"text", aad=b"")


@pytest.mark.parametrize("place", [0, 1, 13, -1])
def test_what_was_changed_does_not_open(token, place):
    blob = bytearray(token.close(b"x" * 224, aad=b"whose"))
    blob[place] ^= 1
    with pytest.raises(CannotOpen):
        token.open(bytes(blob), aad=b"whose")


def test_another_owner_does_not_open_it(token):
    with pytest.raises(CannotOpen):
        token.open(token.close(b"text", aad=b"whose"), aad=b"another's")


def test_the_key_does_not_leave_the_token(token):
    with token._session() as session:
        key = token._found(session)
        assert key[Attribute.EXTRACTABLE] is False
        with pytest.raises(pkcs11.exceptions.PKCS11Error):
            key[Attribute.VALUE]


def test_making_the_key_again_keeps_it(token):
    blob = token.close(b"text", aad=b"")
    token.make_key()
    assert token.open(blob, aad=b"") == b"text"


@pytest.mark.parametrize(
    "change", [{"pin": "4321"}, {"token": "another"}, {"key": "missing"}, {"module": "/nowhere.so"}]
)
def test_a_token_that_cannot_be_used_is_away(module, token, change):
    facts = {"module": module, "token": LABEL, "key": token._key, "pin": PIN} | change
    with pytest.raises(TokenAway):
        Token(**facts).close(b"text", aad=b"")


@pytest.mark.django_db
def test_the_escrow_works_with_its_key_in_a_token(in_token):
    people.prepare_ground()
    escrow.require_keyholder()
    ana = people.patient("Ana Costa")
    assert readers.escrow_keyring().reader_id == queries.escrow().pk
    assert ana.patient.lockboxes.exists()


@pytest.mark.django_db
def test_without_the_token_the_keyholder_is_away_and_the_rest_goes_on(in_token, settings):
    people.prepare_ground()
    settings.KEYHOLDER_PKCS11_PIN = "4321"
    with pytest.raises(escrow.KeyholderAway):
        escrow.require_keyholder()
    assert people.patient("Ana Costa").patient.lockboxes.exists()


@pytest.mark.django_db
def test_a_missing_key_is_not_made_anew_where_keyrings_are_wrapped_by_it(in_token, settings):
    people.prepare_ground()
    Reader.objects.filter(pk=queries.custodian().pk).update(name="Somebody before")
    settings.KEYHOLDER_PKCS11_KEY = "lost"
    with pytest.raises(TokenAway):
        readers.open_all()


@pytest.mark.django_db
def test_a_key_moves_from_a_file_into_a_token(ground, settings, module, request):
    before = readers.escrow_keyring()
    settings.KEYHOLDER_PKCS11_MODULE = module
    settings.KEYHOLDER_PKCS11_TOKEN, settings.KEYHOLDER_PKCS11_PIN = LABEL, PIN
    settings.KEYHOLDER_PKCS11_KEY = request.node.name
    wrap = readers.wrapping()
    wrap.make_key()
    wrap_held(queries.escrow().keyring, before, wrap)
    assert readers.escrow_keyring().text == before.text
    settings.KEYHOLDER_PKCS11_MODULE = ""
    assert isinstance(readers.wrapping(), FileKey)
    with pytest.raises(CannotOpen):
        readers.escrow_keyring()
