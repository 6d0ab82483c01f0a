"""Program output says where something went wrong. What was in it, and keys to accounts, stay out."""

import logging
import logging.config

import pytest
from django.conf import settings
from django.test import Client

from consent.queries import NotSetUp
from ehr.frame.output import Line

pytestmark = [pytest.mark.privacy, pytest.mark.security]
WORDS = "Ana Costa has depression"


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
