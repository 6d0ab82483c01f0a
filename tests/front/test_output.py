"""Program output says where something went wrong. What was in it, and keys to accounts, stay out."""

import logging
import logging.config
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.urls.converters import StringConverter

from consent.queries import NotSetUp
from ehr.frame.output import Line

pytestmark = [pytest.mark.privacy, pytest.mark.security]
WORDS = "Ana Costa has depression"
KEYS = {"token", "secret", "key", "code", "handle", "ticket"}
# Text in an address that opens nothing by itself: ids of rows, and FHIR's types and ids, which only a token reads.
NO_KEYS = {"kind", "fhir_id", "version", "export_id", "name", "pk"}


def written(problem: BaseException, message: str = "Internal Server Error: %s", *args) -> str:
    record = logging.LogRecord(
        "django.request", logging.ERROR, __file__, 1, message, args or ("/patient/",), (type(problem), problem, None)
    )
    return Line("{levelname} {message}", style="{").format(record)


def raised(make) -> BaseException:
    try:
        make()
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is looked at
        return problem
    raise AssertionError("nothing was raised")


def nested() -> None:
    try:
        int(WORDS)
    except ValueError as problem:
        raise KeyError(WORDS) from problem


def test_a_traceback_names_places_and_classes_and_quotes_nothing():
    problem = raised(nested)
    record = logging.LogRecord(
        "x", logging.ERROR, __file__, 1, "failed", (), (type(problem), problem, problem.__traceback__)
    )
    record.exc_text = f"KeyError: {WORDS}"
    text = Line("{message}", style="{").format(record)
    assert "test_output.py" in text
    assert "builtins.ValueError" in text
    assert "builtins.KeyError" in text
    assert WORDS not in text


def test_a_message_that_quotes_its_exception_as_a_worker_s_does_is_cleared():
    assert WORDS not in written(ValueError(WORDS), "Task %s raised unexpected: %r", "t", ValueError(WORDS))


def test_what_is_said_to_operators_is_kept():
    assert "manage.py open_escrow" in written(NotSetUp("Run “manage.py open_escrow” once."))


def addresses(patterns=None, before: str = "/") -> Iterator[tuple[str, dict]]:
    """Yield every address of the site as it is written in the code, with the converters of what stands in it."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        told = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, told)
        else:
            yield told, one.pattern.converters


def keys_in(converters: dict) -> set[str]:
    """Return the names of what may be a key: any text that is not known to be none, and what is called one."""
    texts = {name for name, one in converters.items() if type(one) is StringConverter}
    return texts - NO_KEYS | KEYS & converters.keys()


WITH_KEYS = [(address, keys) for address, converters in addresses() if (keys := keys_in(converters))]


def test_the_addresses_with_keys_in_them_are_found():
    assert len(WITH_KEYS) >= 9


@pytest.mark.parametrize(("address", "keys"), WITH_KEYS, ids=[address for address, _keys in WITH_KEYS])
def test_no_key_that_stands_in_an_address_is_written(address, keys):
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"0123:{found[1]}-Ab_9", address)
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "Method Not Allowed (HEAD): %s", (path,), None)
    line = Line("{message}", style="{").format(record)
    assert "…" in line
    assert not [name for name in keys if f"{name}-Ab_9" in line]


def test_addresses_without_a_key_are_written_whole():
    for path in ("/account/email/", "/recover/stop/", "/visits/", "/account/"):
        record = logging.LogRecord("x", logging.WARNING, __file__, 1, "Forbidden: %s", (path,), None)
        assert Line("{message}", style="{").format(record) == f"Forbidden: {path}"


@pytest.mark.parametrize("way", ["reset", "verify"])
def test_a_link_s_key_is_not_written(way):
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "Forbidden: %s", (f"/{way}/abc:def/",), None)
    assert Line("{message}", style="{").format(record) == f"Forbidden: /{way}/…/"


def test_every_program_writes_that_way():
    assert settings.LOGGING["formatters"]["line"]["()"] == "ehr.frame.output.Line"
    assert all(handler["formatter"] == "line" for handler in settings.LOGGING["handlers"].values())


def test_a_refused_form_on_a_link_leaves_no_key_in_the_output(db, capsys):
    handlers = [one for one in logging.getLogger().handlers if isinstance(one.formatter, Line)]
    assert handlers
    lines = []
    handlers[0].emit, before = lambda record: lines.append(handlers[0].format(record)), handlers[0].emit
    try:
        Client(enforce_csrf_checks=True).post("/reset/0123abcd:secret/", {})
    finally:
        handlers[0].emit = before
    assert any("/reset/…/" in line for line in lines)
    assert not any("secret" in line for line in lines)
