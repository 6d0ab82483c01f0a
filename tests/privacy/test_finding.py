"""The finder finds: whatever is planted, in every spelling and packing that something might be stored in."""

import base64
import gzip
import json
import zlib
from urllib.parse import quote

import pytest

from tests.privacy.finding import Finder, find_all

pytestmark = [pytest.mark.privacy]
WORD = "Quokkaitis d’été"
KEY = bytes(range(200, 232))
FINDER = Finder({"word": WORD, "key": KEY})

SPELLINGS = {
    "plain": WORD.encode(),
    "in capitals": WORD.upper().encode(),
    "UTF-16": WORD.encode("utf-16"),
    "UTF-16, the other way": WORD.encode("utf-16-be"),
    "quoted": quote(WORD).encode(),
    "JSON": json.dumps({"x": WORD}).encode(),
    "hex": WORD.encode().hex().encode(),
    "capital hex": WORD.encode().hex().upper().encode(),
    "gzip": gzip.compress(WORD.encode() * 5),
    "zlib in the midst": b"\0\1 ..." + zlib.compress(b"...." + WORD.encode()) + b"more",
    "a packed session": b".eJx:" + base64.urlsafe_b64encode(zlib.compress(json.dumps({"word": WORD}).encode() * 3)),
    "hex of zlib": zlib.compress(WORD.encode()).hex().encode(),
    "zlib of base64": zlib.compress(b"====" + base64.b64encode(b"a" + WORD.encode())),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_word_is_found_however_it_is_written(spelling):
    assert FINDER.find(b"before " + SPELLINGS[spelling] + b" after") == {"word"}


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("code", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_base64_is_found_wherever_the_word_begins_in_it(before, code):
    assert FINDER.find(code(b"x" * before + WORD.encode() + b"yy")) == {"word"}
    assert FINDER.find(code(b"x" * before + KEY + b"yy").replace(b"\n", b"")) == {"key"}


def test_what_is_not_there_is_not_found():
    noise = bytes(range(200)) * 50 + base64.b64encode(bytes(range(200))) + zlib.compress(b"nothing of interest")
    assert FINDER.find(noise) == set()


def test_places_are_named():
    assert find_all(FINDER, [("a", b"x"), ("b", WORD.encode())]) == {"word": {"b"}}
